"""The schema of a fleet: the connections to it, how it is made and upgraded, and which workers live."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replicator.errors import ConfigError, FleetUnusable, SchemaNewer

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

    from replicator.settings import FleetSettings

#: A worker beats so often; one that was not heard of for so long is taken for dead, and its units are handed on.
BEAT, PATIENCE = 2.0, 8.0
#: Units of a fleet are of this queue and task.
QUEUE, TASK = "units", "unit"
#: Our own steps of the schema, by their names; each is there once, and none is ever changed.
_OWN = {"own_0001": "schema.sql"}
_SECONDS_TO_CONNECT = 10


@dataclass(frozen=True)
class Store:
    """An open fleet; its pool is shared by all threads of the process."""

    pool: ConnectionPool
    schema: str
    #: Names it for people, without user or password.
    where: str

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection on which each statement is a transaction of its own."""
        with explained(self.where), self.pool.connection() as connection:
            yield connection

    def gone(self, holder: str) -> bool:
        """Whether that was a worker of the fleet and gave no sign of life for a while.

        Its units are handed on after PATIENCE by a heartbeat of their own, which may be up to one beat older.
        """
        query = "SELECT seen_at < clock_timestamp() - make_interval(secs => %s) FROM workers WHERE holder = %s"
        with self.connection() as connection:
            row = connection.execute(query, (PATIENCE - BEAT, holder)).fetchone()
        return bool(row and row[0])

    def secret(self) -> bytes:
        """The key of the hash under which tokens lie here, made once."""
        with self.connection() as connection:
            made = "INSERT INTO secrets (name, value) VALUES ('token_key', %s) ON CONFLICT DO NOTHING"
            connection.execute(made, (secrets.token_bytes(32),))
            row = connection.execute("SELECT value FROM secrets WHERE name = 'token_key'").fetchone()
        assert row is not None  # noqa: S101 - it was made, if it was not there
        return bytes(row[0])

    def close(self) -> None:
        self.pool.close()


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Errors of the driver inside become sentences."""
    import psycopg
    from psycopg_pool import PoolClosed, PoolTimeout

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise FleetUnusable(
            f"The user of the fleet's queue in {where} lacks a right: docs/fleet.md says which it needs."
        ) from error
    except (PoolTimeout, PoolClosed, psycopg.OperationalError) as error:
        raise FleetUnusable(f"The fleet's queue in {where} cannot be reached: start it, or correct [fleet].") from error
    except psycopg.Error as error:
        state = error.sqlstate or type(error).__name__
        raise FleetUnusable(f"The fleet's queue in {where} failed ({state}): see its log.") from error


def conninfo(settings: FleetSettings) -> str:
    """What the driver connects by; our schema alone is on the search path, and dates are ones that the driver reads."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts: dict[str, Any] = conninfo_to_dict(settings.queue)
    except ProgrammingError:
        raise ConfigError("fleet.queue is no URL that PostgreSQL's driver can read: correct it.") from None
    ours = {"search_path": settings.schema, "datestyle": "ISO", "default_transaction_isolation": r"read\ committed"}
    asked = [parts["options"]] if parts.get("options") else []
    parts["options"] = " ".join([*asked, *(f"-c {name}={value}" for name, value in ours.items())])
    parts.setdefault("connect_timeout", _SECONDS_TO_CONNECT)
    parts.setdefault("application_name", "segment-replicator")
    return make_conninfo("", **parts)


def require() -> None:
    """Raises ConfigError where the extra is not installed."""
    if find_spec("procrastinate") is None or find_spec("psycopg_pool") is None:
        raise ConfigError("[fleet] needs Procrastinate: run `pip install 'segment-replicator[fleet]'`.")


def open_store(settings: FleetSettings, *, connections: int = 4) -> Store:
    """Connects, and makes or upgrades what is missing.

    Raises ConfigError where the extra is not installed, FleetUnusable, SchemaNewer.
    """
    require()
    from psycopg.conninfo import conninfo_to_dict
    from psycopg_pool import ConnectionPool

    text = conninfo(settings)
    parts = conninfo_to_dict(text)
    port = f":{parts['port']}" if parts.get("port") else ""
    where = f"PostgreSQL database {parts.get('dbname')} on {parts.get('host') or 'this machine'}{port}"
    pool = ConnectionPool(
        text,
        kwargs={"autocommit": True},
        min_size=1,
        max_size=connections,
        timeout=_SECONDS_TO_CONNECT,
        check=ConnectionPool.check_connection,
        open=False,
    )
    store = Store(pool, settings.schema, where)
    try:
        with explained(where):
            pool.open(wait=True, timeout=_SECONDS_TO_CONNECT)
        _prepare(store)
    except BaseException:
        pool.close()
        raise
    return store


def _prepare(store: Store) -> None:
    with store.connection() as connection:
        applied = _applied(connection, store)
        if applied is not None:
            _refuse_newer(store, applied)
            if applied >= _steps().keys():
                return
        with connection.transaction():
            _queue_up(connection, store)
            _make(connection, store)
    with store.connection() as connection:
        for name in _steps():
            _step(connection, store, name)


def _applied(connection: Connection[Any], store: Store) -> set[str] | None:
    """The names of the steps; None where nothing was made yet."""
    # By the catalog's rows: a session that waited for another's schema may still hold an old idea of the search path.
    query = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'steps'"
    if connection.execute(query, [store.schema]).fetchone() is None:
        return None
    return {str(row[0]) for row in connection.execute("SELECT name FROM steps")}


def _steps() -> dict[str, str]:
    """Every step in its order: Procrastinate's migrations, then ours."""
    from procrastinate.schema import SchemaManager

    theirs = {path.name: path for path in Path(SchemaManager.get_migrations_path()).glob("*.sql")}
    steps = {name: theirs[name].read_text("utf-8") for name in sorted(theirs)}
    return steps | {name: (Path(__file__).parent / file).read_text("utf-8") for name, file in _OWN.items()}


def _refuse_newer(store: Store, applied: set[str]) -> None:
    if unknown := applied - _steps().keys():
        raise SchemaNewer(
            f"The fleet's queue in {store.where} was made by a newer version ({min(unknown)}):"
            " upgrade this installation."
        )


def _make(connection: Connection[Any], store: Store) -> None:
    """An empty place gets Procrastinate's newest tables at once, as its own migrations would leave them."""
    from procrastinate.schema import SchemaManager
    from psycopg import sql

    if _applied(connection, store) is not None:
        return
    there = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [store.schema]).fetchone()
    if there is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(store.schema)))
    connection.execute("CREATE TABLE steps (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
    connection.execute(SchemaManager.get_schema().encode())
    for name in _steps():
        if name not in _OWN:
            connection.execute("INSERT INTO steps (name) VALUES (%s)", [name])


def _queue_up(connection: Connection[Any], store: Store) -> None:
    """Until the transaction's end no other process makes or upgrades this schema."""
    query = "SELECT pg_advisory_xact_lock(hashtextextended('replicator fleet ' || %s, 0))"
    connection.execute(query, [store.schema])


def _step(connection: Connection[Any], store: Store, name: str) -> None:
    with connection.transaction():
        _queue_up(connection, store)
        if name in (_applied(connection, store) or ()):
            return
        connection.execute(_steps()[name].encode())
        connection.execute("INSERT INTO steps (name) VALUES (%s)", [name])
