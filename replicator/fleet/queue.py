"""Units as the planner hands them over."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .store import QUEUE, TASK, explained, open_store

if TYPE_CHECKING:
    from procrastinate import App

    from replicator.settings import FleetSettings

    from .store import Store


#: PostgreSQL plans by what it counted last, which was an empty table: after so many units it counts again. Without that
#: a worker's question takes eleven times as long where 2,000 wait.
_COUNTED = 200


@dataclass(frozen=True, slots=True)
class Unit:
    """What one worker performs at a time: a job of one connection, whose objects are the group."""

    connection: str
    job: str
    #: The job's newest run that had ended when its turn came, "" if none had.
    after: str

    @property
    def title(self) -> str:
        """One of them waits at a time."""
        return f"{self.connection} {self.job}"


class Queue:
    """The planner's end; opened by the thread that puts the first unit into it."""

    def __init__(self, settings: FleetSettings) -> None:
        # Before there are threads: two that load the driver by different ways lock one another out.
        import procrastinate  # noqa: F401
        import psycopg_pool  # noqa: F401

        self._settings = settings
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._app: App | None = None
        self._put = 0

    def put(self, unit: Unit) -> bool:
        """Hands it over; False if one of that title waits already. Units of a connection are taken one by one."""
        from procrastinate import exceptions

        store, app = self._opened()
        with explained(store.where):
            deferrer = app.configure_task(TASK, queue=QUEUE, lock=unit.connection, queueing_lock=unit.title)
            try:
                deferrer.defer(**asdict(unit))
            except exceptions.AlreadyEnqueued:
                return False
            except exceptions.ConnectorException as error:
                raise (error.__cause__ or error) from None
        self._put += 1
        if self._put % _COUNTED == 0:
            with store.connection() as connection:
                # Whoever does not own the table is told so by a warning, and nothing more.
                connection.execute("ANALYZE procrastinate_jobs")
        return True

    def _opened(self) -> tuple[Store, App]:
        from procrastinate import App, SyncPsycopgConnector

        with self._opening:
            if self._store is None or self._app is None:
                self._store = open_store(self._settings)
                connector = SyncPsycopgConnector()
                connector.open(self._store.pool)
                self._app = App(connector=connector)
            return self._store, self._app

    def close(self) -> None:
        if self._store:
            self._store.close()
