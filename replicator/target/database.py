"""The database that the replica lives in: how it is opened, and how its failures become sentences."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as NoneFree

from replicator.crash import crashpoint
from replicator.errors import ConfigError, TargetUnusable
from replicator.target.dialects import DIALECTS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from replicator.target.dialects import Dialect

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}


Result = TypeVar("Result")

#: How often a transaction is tried that deadlocks with another session's.
_TRIES = 5
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """Where the object tables lie: a schema (a database, on MySQL), a prefix of their names, or neither."""

    schema: str = ""
    prefix: str = ""

    @property
    def scope(self) -> str:
        """The name under which bookkeeping keeps the rows of this place."""
        return f"{self.schema}.{self.prefix}" if self.schema or self.prefix else ""


def _no(_: DBAPIError) -> bool:
    return False


@dataclass(frozen=True)
class Target:
    """An open database. `where` names it for people, without user or password."""

    engine: Engine
    dialect: Dialect
    where: str
    server: str
    place: Place
    _writing: Any = field(default_factory=threading.Lock)
    #: Each table is described once, so that SQLAlchemy compiles a statement about it once (schema.once).
    tables: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that may write; database errors come as they are."""
        with self._writing if self.dialect.single_writer else nullcontext():
            with self.engine.begin() as connection:
                crashpoint("after begin")
                yield connection
                crashpoint("before commit")
            crashpoint("after commit")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write. Database errors that a person can mend become TargetErrors."""
        with self.explained(), self.transaction() as connection:
            yield connection

    def attempt(self, work: Callable[[], Result], *, also: Callable[[DBAPIError], bool] = _no) -> Result:
        """Does the work, a whole transaction, again when the database undid it for another session's sake (D2).

        `also` names other errors that may pass.
        """
        for attempt in range(1, _TRIES):
            try:
                return work()
            except DBAPIError as error:
                if not (self.dialect.is_transient(error) or also(error)):
                    raise
                time.sleep(0.05 * attempt)
        return work()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; on SQLite it does not wait for writers."""
        with self.explained(), self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Database errors inside become the sentence that `Dialect.explain` has for them."""
        try:
            yield
        except DBAPIError as error:
            if told := self.dialect.explain(error, self.where):
                raise told from error
            raise TargetUnusable(f"{self.where} failed: {type(error.orig).__name__}.") from error
        except NoneFree:
            raise TargetUnusable(
                f"Cannot use {self.where}: no connection was free for half a minute."
                " Run again; it goes on where it stopped."
            ) from None

    def close(self) -> None:
        """Gives back every connection."""
        self.engine.dispose()
        self.dialect.forget()


def open_target(url: str, place: Place | None = None, *, connections: int = 16) -> Target:
    """Connects, checks version and charset. Raises ConfigError for the URL, TargetUnusable for the database."""
    place = place or Place()
    parsed = parse(url, place)
    dialect = DIALECTS[parsed.get_backend_name()]()
    port = f":{parsed.port}" if parsed.port else ""
    where = f"{dialect.title} database {parsed.database} on {parsed.host or 'this machine'}{port}"
    if parsed.get_backend_name() == "sqlite":
        where = f"SQLite file {parsed.database}"
        _make(Path(parsed.database or ""))
    engine = create_engine(
        parsed,
        connect_args=dialect.connect_arguments(parsed),
        hide_parameters=True,
        pool_size=connections,
        max_overflow=connections,
        pool_pre_ping=not dialect.single_writer,
        # Every use of a connection ends its transaction itself; the pool's ROLLBACK would be one more round trip.
        pool_reset_on_return=None,
    )
    dialect.configure(engine)
    target = Target(engine, dialect, where, "", place)
    try:
        with target.reading() as connection:
            server = dialect.inspect(connection)
            # A URL of mysql:// may lead to MariaDB, and the other way round.
            where = where.replace(dialect.title, server.split()[0], 1)
            if place.schema == engine.dialect.default_schema_name:
                # One place has one name, or two runs could hold a lease each for the same tables.
                place = replace(place, schema="")
    except BaseException:
        engine.dispose()
        raise
    return replace(target, where=where, server=server, place=place)


def parse(url: str, place: Place) -> URL:
    """The URL in our driver's words; connects to nothing. Raises ConfigError where it opens no database."""
    try:
        parsed = make_url(url)
        # A URL may come from another program and name its driver; the only ones here are ours.
        scheme = parsed.drivername.split("+")[0]
        parsed = parsed.set(drivername=_DRIVERS.get(scheme, parsed.drivername))
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        raise ConfigError(
            f"The target {_scheme(url)} is no database URL that this program knows: use postgresql://user@host/database,"
            " mysql://user@host/database, mariadb://user@host/database or sqlite:///file.db."
        ) from None
    if parsed.get_backend_name() not in DIALECTS:
        raise ConfigError(
            f"The target is a {parsed.get_backend_name()} database: this program writes to postgresql, mysql, mariadb"
            " and sqlite."
        )
    if parsed.get_backend_name() == "sqlite":
        _refuse_no_file(parsed, place)
    elif not parsed.database and not parsed.query:
        raise ConfigError(
            f"The target names no database: add it, as in {parsed.get_backend_name()}://user@host/database."
        )
    if parsed.port is not None and not 1 <= parsed.port <= _LAST_PORT:
        raise ConfigError(f"The target's port {parsed.port} is none: give one from 1 to {_LAST_PORT}.")
    return parsed


def _refuse_no_file(url: URL, place: Place) -> None:
    if url.database in (None, "", ":memory:"):
        raise ConfigError(
            "The target is a SQLite database in memory, which would be gone at the end: name a file, as in sqlite:///replica.db."
        )
    if url.query:
        raise ConfigError(
            f"The target's {', '.join(sorted(url.query))} means nothing to SQLite, whose URL takes no parameters:"
            " name the file alone, as in sqlite:///replica.db."
        )
    if place.schema:
        raise ConfigError(
            f"SQLite has no schemas, so no table can lie in {place.schema}: give a prefix of the tables' names instead."
        )
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise ConfigError(
            f"The folder {path.parent} of the target file {path.name} does not exist: create it, or name another file."
        )
    if path.is_dir():
        raise ConfigError(f"The target file {path} is a folder: name a file.")


def _scheme(url: str) -> str:
    """The part of a broken URL that can be shown: what stands before `://` never holds a password."""
    return f"{url.split('://', 1)[0]}://..." if "://" in url else "without ://"


def _make(path: Path) -> None:
    """A new file is readable by its owner alone: it holds names, e-mails and code."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise TargetUnusable(
            f"Cannot use SQLite file {path}: {(error.strerror or 'it cannot be opened').lower()}."
        ) from None
