"""What each run did, as rows that people query: `runs`, one row a run, and `run_objects`, one row an object of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, insert, select, update

from replicator import __version__
from replicator.errors import ReplicatorError
from replicator.target.lease import BEAT, holder

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

_COUNTS = (
    *("records", "inserted", "updated", "unchanged", "deleted", "quarantined", "duplicates", "filtered"),
    *("partitions", "skipped", "pages", "requests"),
)


#: The modes of runs that read no listing: they send edits, or settle what is to be sent.
SENDING = ("push", "resolve", "restore")
#: What is said of a run that never came to its end.
KILLED = "it was killed or cut off; the next run went on where it stopped"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows of one run."""

    target: Target
    books: Bookkeeping
    run_id: str

    def begin(self, mode: str, job: str | None = None) -> None:
        """Makes the run's row."""
        zero = dict.fromkeys(("requests", "inserted", "updated", "unchanged", "deleted", "quarantined"), 0)
        row = {"id": self.run_id, "scope": self.target.place.scope, "job": job, "mode": mode, "status": "running"}
        runs = self.books.runs
        with self.target.begin() as connection:
            now = self.target.dialect.now(connection)
            times = {"started_at": now, "heartbeat_at": now}
            connection.execute(insert(runs).values(**row, **times, **zero, holder=holder(), version=__version__))

    def withdraw(self) -> None:
        """Removes the run's row: it may not begin."""
        with self.target.begin() as connection:
            connection.execute(delete(self.books.runs).where(self.books.runs.c.id == self.run_id))

    def go_on(self) -> None:
        """The lock is this run's; whoever had it until now may have taken the run, as it waited, for dead."""
        mine = (self.books.runs.c.id == self.run_id, self.books.runs.c.status != "running")
        again = {"status": "running", "error": None, "finished_at": None}
        with self.target.begin() as connection:
            connection.execute(update(self.books.runs).where(*mine).values(**again))

    def newest(self, job: str) -> str:
        """The newest run of that job that has ended, "" if there is none."""
        runs = self.books.runs
        ended = (runs.c.scope == self.target.place.scope, runs.c.job == job, runs.c.status != "running")
        query = select(runs.c.id).where(*ended).order_by(runs.c.started_at.desc()).limit(1)
        with self.target.reading() as connection:
            # One that lies in the future was done under a wrong clock.
            past = runs.c.started_at <= self.target.dialect.now(connection)
            return str(connection.execute(query.where(past)).scalar() or "")

    def close_dead(self, status: str = "failed") -> None:
        """Ends the rows of runs that were killed. For who holds the lease: no other run goes on."""
        runs = self.books.runs
        left = (runs.c.scope == self.target.place.scope, runs.c.status == "running", runs.c.id != self.run_id)
        with self.target.begin() as connection:
            mine = connection.execute(select(runs.c.started_at).where(runs.c.id == self.run_id)).scalar_one()
            # One that was only asleep may have beaten once more, and could not do anything else any more.
            over = case((runs.c.heartbeat_at < mine, runs.c.heartbeat_at), else_=mine)
            connection.execute(update(runs).where(*left).values(status=status, error=KILLED, finished_at=over))

    def note(self, **values: Any) -> None:
        """Changes columns of the run's row, unless another run took over and ended it."""
        with self.target.begin() as connection:
            self._change(connection, values)

    def _change(self, connection: Connection, values: Mapping[str, Any]) -> None:
        runs = self.books.runs
        going_on = (runs.c.id == self.run_id, runs.c.status == "running")
        connection.execute(update(runs).where(*going_on).values(**values))

    def finish(self, status: str, error: str | None, totals: Mapping[str, int]) -> None:
        """Ends the run's row."""
        with self.target.begin() as connection:
            now = self.target.dialect.now(connection)
            self._change(
                connection, {"status": status, "error": error, "finished_at": now, "heartbeat_at": now, **totals}
            )

    def object(self, connection: Connection, name: str, began: datetime, values: Mapping[str, Any]) -> None:
        """Writes the object's row, in the caller's transaction; an earlier one of this run is replaced."""
        table = self.books.run_objects
        mine = (table.c.run_id == self.run_id, table.c.object == name)
        row = {**dict.fromkeys(_COUNTS, 0), "seconds": 0.0, "complete": False, **values}
        row |= {"started_at": began, "finished_at": self.target.dialect.now(connection)}
        if connection.execute(select(table.c.object).where(*mine)).first():
            connection.execute(update(table).where(*mine).values(**row))
        else:
            connection.execute(insert(table).values(run_id=self.run_id, object=name, **row))

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Inside, the run's heartbeat is renewed, so that no other run takes it for dead."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                try:
                    with self.target.begin() as connection:
                        self._change(connection, {"heartbeat_at": self.target.dialect.now(connection)})
                except ReplicatorError:
                    # The database is away; the run itself meets that and says so.
                    continue

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=5)
