"""SQLite 3.35 and later, through the standard library."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from sqlalchemy import Boolean, Float, Integer, Text, event
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import TypeDecorator

from replicator.catalog.model import Type
from replicator.convert import time_text
from replicator.errors import TargetError, TargetUnusable
from replicator.target.dialects.base import Pack, driven, missing, refusal

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.types import TypeEngine

    from replicator.rows import Row

_SENTENCES = {
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only: make both writable, or name another file",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: its folder must exist and be writable",
    sqlite3.SQLITE_FULL: "the disk is full: free some space and run again",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database: name another file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup, or name another file",
    sqlite3.SQLITE_PERM: "the file may not be opened: check its owner and mode",
    sqlite3.SQLITE_BUSY: "another program holds the file's lock for too long: end it, or wait for it",
    sqlite3.SQLITE_LOCKED: "another program holds the file's lock for too long: end it, or wait for it",
    sqlite3.SQLITE_IOERR: "reading or writing the file failed: check the disk",
}
#: SQLite names the columns, or the rule itself where it has no name; never the values.
_CONSTRAINT = re.compile(r"(CHECK|UNIQUE|NOT NULL|FOREIGN KEY) constraint failed(?:: (.+))?")
#: The driver gives the interpreter away and takes it back around each statement, and has to wait for it while other
#: threads decode: with one statement a row, loading took three times as long.
_ROWS_AT_ONCE = 100
_ROWS_READ = 10_000
_BAD_VALUE = {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
#: Seconds that whoever holds the file's lock is waited for.
_LONGEST_WAIT = 30


class _Utc(TypeDecorator[datetime]):
    """ISO text in UTC, as the replica's own times are kept."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> str | None:
        return time_text(value) if value else None

    def process_result_value(self, value: str | None, dialect: object) -> datetime | None:
        found = datetime.fromisoformat(value) if value else None
        # A person may have set it to CURRENT_TIMESTAMP, which names no zone.
        return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers and a writer side by side, which the file keeps once it is told.

    Telling it takes a lock that SQLite itself refuses at once where another process holds the new file's, whatever
    `busy_timeout` says: each of two that wait for the other's lock would wait for ever.
    """
    until = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


class SQLite:
    """SQLite's ways."""

    title: ClassVar[str] = "SQLite"
    schema: ClassVar[str] = ""
    single_writer: ClassVar[bool] = True
    ddl_commits: ClassVar[bool] = False
    stage_arguments: ClassVar[dict[str, Any]] = {}
    new_key: ClassVar[str] = "('new:' || lower(hex(randomblob(16))))"

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        return {"timeout": _LONGEST_WAIT, "check_same_thread": False}

    def configure(self, engine: Engine) -> None:
        @event.listens_for(engine, "connect")
        def _session(connection: sqlite3.Connection, _record: object) -> None:
            # SQLAlchemy begins the transactions, not the driver: see _begin.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {_LONGEST_WAIT * 1000}")
            # Only a new file takes it: a quarter less to do than with the usual 4096, as rows are written in bulk.
            connection.execute("PRAGMA page_size = 16384")
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -4000")
            # Some builds overwrite what is deleted; a stage that is dropped would be written once more for that.
            connection.execute("PRAGMA secure_delete = FAST")
            # What a long publication grew the log to is given back at the next checkpoint.
            connection.execute("PRAGMA journal_size_limit = 67108864")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            how = "BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE"
            with driven(connection) as driver:
                driver.execute(how)

    def forget(self) -> None:
        """It keeps nothing."""

    def inspect(self, connection: Connection) -> str:
        if sqlite3.sqlite_version_info < (3, 35):
            raise TargetUnusable(f"SQLite {sqlite3.sqlite_version} is too old: this program needs 3.35 or later.")
        return f"SQLite {sqlite3.sqlite_version}"

    def type_of(self, kind: Type, *, key: bool = False) -> TypeEngine[Any]:
        """TEXT where the value is text: a column declared JSON or DATETIME would turn `1.0` into a number."""
        match kind:
            case Type.TEXT | Type.TIMESTAMP | Type.JSON:
                return Text()
            case Type.BOOLEAN:
                return Boolean(create_constraint=False)
            case Type.INTEGER:
                return Integer()
            case Type.NUMBER:
                return Float()

    def stage_type(self, kind: Type, *, key: bool) -> TypeEngine[Any]:
        return self.type_of(kind, key=key)

    def stage_columns(self) -> Sequence[Column[Any]]:
        return ()

    def published(self, staged: ColumnElement[Any], kind: Type) -> ColumnElement[Any]:
        return staged

    def digest_type(self, length: int) -> TypeEngine[str]:
        return Text()

    def time_type(self) -> TypeEngine[Any]:
        return _Utc()

    def table_arguments(self) -> dict[str, Any]:
        return {}

    def index(self, column: Column[Any]) -> dict[str, Any]:
        return {}

    def pack(self, rows: Sequence[Row]) -> Pack:
        return Pack(len(rows), rows)

    def unpack(self, pack: Pack, columns: Sequence[tuple[str, Type]]) -> Sequence[Row]:
        rows: Sequence[Row] = pack.content
        return rows

    def load(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], packs: Sequence[Pack]
    ) -> None:
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote(name) for name, _ in columns)
        statement = f"INSERT INTO {quote.format_table(stage)} ({names}) VALUES "
        slots = f"({', '.join(['?'] * len(columns))})"
        rows = list(chain.from_iterable(pack.content for pack in packs))
        with driven(connection) as driver:
            most = driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(columns)
            many = max(1, min(_ROWS_AT_ONCE, most))
            whole = len(rows) - len(rows) % many
            values = (list(chain.from_iterable(rows[at : at + many])) for at in range(0, whole, many))
            driver.executemany(statement + ", ".join([slots] * many), values)
            driver.executemany(statement + slots, rows[whole:])

    def make_joinable(self, connection: Connection, stage: Table, key: str) -> None:
        """A join of two tables without an index there is quadratic; this one has all that a comparison needs."""
        compared = [name for name in (key, "_fingerprint", "_partition") if name in stage.c]
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote(name) for name in compared)
        index = quote.quote(f"ix_{stage.name}")
        connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {index} ON {quote.format_table(stage)} ({names})")

    def read_through(self, key: ColumnElement[Any]) -> ColumnElement[Any]:
        """A unary plus keeps its planner from the key's index (www.sqlite.org/optoverview.html).

        The table lies in the order of its keys, and so does the stage's index. The planner would rather read the stage
        and look each key up in the table, at random: ten times as long for 100,000 rows.
        """
        return UnaryExpression(key, operator=custom_op("+"))

    def as_of(self, history: Table, name: str) -> Sequence[str]:
        """It has no functions in SQL."""
        return ()

    def checksum(self, connection: Connection, table: Table) -> str:
        """It has no function of a text that could be summed."""
        name = connection.dialect.identifier_preparer.format_table(table)
        with driven(connection) as driver:
            found = driver.execute(f"SELECT coalesce(_fingerprint, '') FROM {name} WHERE _deleted_at IS NULL")
            rows = total = 0
            while some := found.fetchmany(_ROWS_READ):
                rows += len(some)
                total += sum(map(crc32, map(str.encode, chain.from_iterable(some))))
        return f"{rows}:{total}"

    def now(self, connection: Connection) -> Any:
        return datetime.now(UTC)

    @contextmanager
    def queue(self, connection: Connection, name: str) -> Iterator[None]:
        """BEGIN IMMEDIATE has queued up already."""
        yield

    def explain(self, error: DBAPIError, where: str) -> TargetError | None:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is None:
            return None
        if sentence := _SENTENCES.get(code & 0xFF):
            return TargetUnusable(f"Cannot use {where}: {sentence} ({getattr(error.orig, 'sqlite_errorname', code)}).")
        if str(error.orig).startswith("no such table"):
            return TargetError(missing(where, "SQLITE_ERROR"))
        about = _CONSTRAINT.match(str(error.orig))
        parts = {"constraint": f"{about[1]} {about[2] or ''}".strip()} if about else {}
        return TargetError(refusal(where, parts, getattr(error.orig, "sqlite_errorname", str(code))))

    def is_bad_value(self, error: DBAPIError) -> bool:
        return (getattr(error.orig, "sqlite_errorcode", 0) or 0) & 0xFF in _BAD_VALUE

    def is_transient(self, error: DBAPIError) -> bool:
        """Writers queue up: whoever has waited in vain for the lock has waited long enough."""
        return False

    def lost_by_copy(self, connection: Connection, table: Table) -> Sequence[str]:
        """A copy takes the name of the table that is dropped for it: rows that refer to it are deleted with it, too."""
        word = re.compile(rf"\b{re.escape(table.name)}\b", re.IGNORECASE)
        referring = """SELECT made.name FROM sqlite_master AS made, pragma_foreign_key_list(made.name) AS referring
            WHERE made.type = 'table' AND referring."table" = ? COLLATE NOCASE"""
        computed = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden > 1"
        with driven(connection) as driver:
            made = driver.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
            lost = [f"the foreign key of table {name}" for (name,) in driver.execute(referring, (table.name,))]
            lost += [f"generated column {name}" for (name,) in driver.execute(computed, (table.name,))]
        lost += [f"{kind} {name}" for kind, name, sql in made if kind in {"view", "trigger"} and word.search(sql)]
        if any(name == table.name and re.search(r"\bCHECK\b", sql, re.IGNORECASE) for _, name, sql in made):
            lost.append("a CHECK")
        return list(dict.fromkeys(lost))

    def hurrying(self, connection: Connection) -> AbstractContextManager[None]:
        """The one lock is held already."""
        return nullcontext()

    def is_locked(self, error: DBAPIError) -> bool:
        return False
