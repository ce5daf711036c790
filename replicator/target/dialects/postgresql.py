"""PostgreSQL 13 and later, through psycopg 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.types.string import TextLoader
from sqlalchemy import DateTime, Text, event, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DataError

from replicator.catalog.model import Type
from replicator.errors import TargetError, TargetUnusable
from replicator.target.dialects.base import Pack, counted, driven, missing, refusal
from replicator.target.dialects.delimited import delimited, undelimited

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.types import TypeEngine

    from replicator.rows import Row

#: SQLSTATE -> what happened and what to do; https://www.postgresql.org/docs/current/errcodes-appendix.html
_SENTENCES = {
    "25006": "it is read-only: connect to the primary, or end its read-only mode",
    "42501": "the user lacks a right there: grant it CREATE on the schema and on the database, and its tables",
    "53100": "its disk is full: free some space and run again",
    "53200": "it is out of memory",
    "53300": "it has no connection left: raise max_connections or lower `concurrency`",
    "57P01": "an administrator ended the connection",
    "57P02": "it crashed and is starting again",
    "57P03": "it is starting up: try again in a moment",
    "28P01": "it refused the password: check the user and the password in the target URL",
    "28000": "it refused the user: check the user in the target URL and the server's pg_hba.conf",
    "3D000": "that database does not exist: create it, or name another in the target URL",
    "40001": "other sessions made each of five tries fail: run again when they are done",
    "40P01": "other sessions made each of five tries fail: run again when they are done",
    "3F000": "no schema of the user's search_path is there: create it, or name one in the configuration (`schema`)",
    "57014": "a statement was cancelled, by hand or by statement_timeout: raise that for this user, then run again",
    "55P03": "another session holds a lock on the table for too long",
}
_NO_TABLE = "42P01"
_FULL = "it has no connection left; raise max_connections or lower `concurrency`"
#: Whatever the server, the database or the user has as defaults: dates that the driver reads, numbers with all of their
#: digits, types that are spelled as we spell them, and each statement sees what others have committed.
_SESSION = "; ".join(
    f"SET {name} = {value}"
    for name, value in {
        "timezone": "'UTC'",
        "datestyle": "'ISO'",
        "extra_float_digits": "1",
        "standard_conforming_strings": "on",
        "quote_all_identifiers": "off",
        "default_transaction_isolation": "'read committed'",
        "lock_timeout": "'60s'",
    }.items()
)


class PostgreSQL:
    """PostgreSQL's ways."""

    title: ClassVar[str] = "PostgreSQL"
    schema: ClassVar[str] = "replicator"
    single_writer: ClassVar[bool] = False
    ddl_commits: ClassVar[bool] = False
    stage_arguments: ClassVar[dict[str, Any]] = {"prefixes": ["UNLOGGED"]}
    new_key: ClassVar[str] = "('new:' || gen_random_uuid())"

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        # Rows are sent as UTF-8, whatever PGCLIENTENCODING says. A prepared statement belongs to a session, and a pool
        # by transaction (PgBouncer) gives the next transaction another one; without any a run takes as long.
        named = {"application_name": "segment-replicator", "client_encoding": "utf8"}
        usual = {} if "connect_timeout" in url.query else {"connect_timeout": 10}
        return {"prepare_threshold": None, **usual, **named}

    def configure(self, engine: Engine) -> None:
        @event.listens_for(engine, "connect")
        def _session(connection: Any, _record: object) -> None:
            # As text, as from every database: no number is rounded on the way.
            connection.adapters.register_loader("jsonb", TextLoader)
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
            connection.commit()

    def forget(self) -> None:
        """It keeps the queries of the catalog for the last 128 engines, some 0.3 MB for each."""
        for each in vars(PGDialect).values():
            if clear := getattr(each, "cache_clear", None):
                clear()

    def inspect(self, connection: Connection) -> str:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        number = connection.execute(text("SHOW server_version_num")).scalar_one()
        if int(number) < 130000:
            raise TargetUnusable(f"PostgreSQL {version} is too old: this program needs 13 or later.")
        if encoding != "UTF8":
            raise TargetUnusable(
                f"The database's encoding is {encoding}, which cannot hold every name: create it with ENCODING 'UTF8'."
            )
        return f"PostgreSQL {version.split()[0]}"

    def type_of(self, kind: Type, *, key: bool = False) -> TypeEngine[Any]:
        match kind:
            case Type.TEXT:
                return Text(collation="C") if key else Text()
            case Type.BOOLEAN:
                return postgresql.BOOLEAN()
            case Type.INTEGER:
                return postgresql.BIGINT()
            case Type.NUMBER:
                return postgresql.DOUBLE_PRECISION()
            case Type.TIMESTAMP:
                return postgresql.TIMESTAMP(timezone=True)
            case Type.JSON:
                return postgresql.JSONB()

    def stage_type(self, kind: Type, *, key: bool) -> TypeEngine[Any]:
        return self.type_of(kind, key=key)

    def stage_columns(self) -> Sequence[Column[Any]]:
        return ()

    def published(self, staged: ColumnElement[Any], kind: Type) -> ColumnElement[Any]:
        return staged

    def digest_type(self, length: int) -> TypeEngine[str]:
        return Text(collation="C")

    def time_type(self) -> TypeEngine[Any]:
        return DateTime(timezone=True)

    def table_arguments(self) -> dict[str, Any]:
        return {}

    def index(self, column: Column[Any]) -> dict[str, Any]:
        """A B-tree refuses texts of more than 2,700 bytes; a hash takes any, and finds equal ones, as joins ask."""
        return {"postgresql_using": "hash"} if isinstance(column.type, Text) and not column.type.collation else {}

    def pack(self, rows: Sequence[Row]) -> Pack:
        return Pack(len(rows), delimited(rows))

    def unpack(self, pack: Pack, columns: Sequence[tuple[str, Type]]) -> Sequence[Row]:
        return undelimited(pack.content, [kind for _, kind in columns])

    def load(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], packs: Sequence[Pack]
    ) -> None:
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote(name) for name, _ in columns)
        statement = f"COPY {quote.format_table(stage)} ({names}) FROM STDIN"
        with driven(connection) as driver, driver.cursor() as cursor:
            # A crash of the server empties the stage, which is UNLOGGED, so nothing is won by waiting for its disk.
            cursor.execute("SET LOCAL synchronous_commit = off")
            with cursor.copy(statement) as copy:
                for pack in packs:
                    copy.write(pack.content)

    def make_joinable(self, connection: Connection, stage: Table, key: str) -> None:
        """It hashes; statistics tell it how much."""
        quote = connection.dialect.identifier_preparer
        connection.execute(text(f"ANALYZE {quote.format_table(stage)} ({quote.quote(key)}, _fingerprint)"))

    def read_through(self, key: ColumnElement[Any]) -> ColumnElement[Any]:
        """It chooses well."""
        return key

    def as_of(self, history: Table, name: str) -> Sequence[str]:
        """A function of one moment; its text is read when it is called, so that new columns show."""
        quote = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call] # SQLAlchemy's, untyped
        table = quote.format_table(history)
        function = f"{quote.quote_schema(history.schema)}." if history.schema else ""
        function += f"{quote.quote(name)}(timestamptz)"
        return (
            f"DROP FUNCTION IF EXISTS {function}",
            (
                f"CREATE FUNCTION {function} RETURNS SETOF {table} LANGUAGE sql STABLE AS $$ SELECT * FROM {table}"
                " WHERE _valid_from <= $1 AND (_valid_to > $1 OR _valid_to IS NULL) AND NOT _deleted $$"
            ),
        )

    def checksum(self, connection: Connection, table: Table) -> str:
        return counted(connection, table, func.hashtextextended(table.c._fingerprint, 0))

    def now(self, connection: Connection) -> Any:
        return connection.execute(select(func.clock_timestamp())).scalar_one()

    @contextmanager
    def queue(self, connection: Connection, name: str) -> Iterator[None]:
        """The lock goes with the transaction."""
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
        yield

    def explain(self, error: DBAPIError, where: str) -> TargetError | None:
        state = getattr(error.orig, "sqlstate", None)
        if state is None and isinstance(error, DataError):
            return TargetError(refusal(where, {}, "the driver did not send it"))
        if state is None:
            return TargetUnusable(f"Cannot reach {where}: {_reason(str(error.orig))}.")
        if sentence := _SENTENCES.get(state):
            return TargetUnusable(f"Cannot use {where}: {sentence} (SQLSTATE {state}).")
        if state.startswith("08") or error.connection_invalidated:
            return TargetUnusable(
                f"The connection to {where} broke (SQLSTATE {state}): run again, it goes on where it stopped."
            )
        if state == _NO_TABLE:
            return TargetError(missing(where, f"SQLSTATE {state}"))
        diagnosis = getattr(error.orig, "diag", None)
        parts = {part: getattr(diagnosis, f"{part}_name", None) for part in ("table", "column", "constraint")}
        return TargetError(refusal(where, parts, f"SQLSTATE {state}"))

    def is_bad_value(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None) or ""
        return state.startswith("22") or state in {"54000", "54001"}

    def is_transient(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}

    def lost_by_copy(self, connection: Connection, table: Table) -> Sequence[str]:
        return ()

    @contextmanager
    def hurrying(self, connection: Connection) -> Iterator[None]:
        """For the rest of the transaction."""
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        yield

    def is_locked(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) == "55P03"


def _reason(message: str) -> str:
    """The driver's words about a failed connection, without addresses in several spellings."""
    lowered = message.lower()
    for needle, reason in (
        ("refused", "nothing listens there; start the server or correct host and port in the target URL"),
        (
            "password authentication failed",
            "it refused the password; check the user and the password in the target URL",
        ),
        ("no password supplied", "it wants a password; put one into the target URL or ~/.pgpass"),
        ("pg_hba.conf", "it refused this user or machine; let them in by the server's pg_hba.conf"),
        ("too many connections", "it has no connection left for that user or database; raise its CONNECTION LIMIT"),
        ("not permitted to log in", "the user may not log in; ALTER ROLE it WITH LOGIN, or name another"),
        ("not currently accepting", "that database takes no connections; ALTER DATABASE it ALLOW_CONNECTIONS true"),
        ("permission denied", "the user lacks a right there; grant it CONNECT on the database"),
        ("the database system is", "it is starting up or shutting down; try again in a moment"),
        ("does not exist", "that database or user does not exist; create it or correct the target URL"),
        ("could not translate host name", "its host name is unknown; correct the target URL"),
        ("failed to resolve host", "its host name is unknown; correct the target URL"),
        ("timeout", "it did not answer in time; check host, port and firewall"),
        ("too many clients", _FULL),
        ("connection slots are reserved", _FULL),
        ("ssl", "the TLS connection failed; check sslmode and sslrootcert in the target URL"),
    ):
        if needle in lowered:
            return reason
    return "the connection failed or was closed; run again, it goes on where it stopped"
