"""MySQL 8 and MariaDB 10.6, and later, through PyMySQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from pymysql.err import DataError
from sqlalchemy import Column, Index, MetaData, cast, event, func, text
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

from replicator.catalog.model import Type
from replicator.errors import TargetError, TargetUnusable
from replicator.target.dialects.base import Pack, counted, driven
from replicator.target.dialects.delimited import delimited, undelimited
from replicator.target.dialects.local_infile import NAME, OfferingConnection
from replicator.target.dialects.mysql_errors import BAD_VALUE, INCORRECT, LOAD_REFUSED, explained, number_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL
    from sqlalchemy.types import TypeEngine

    from replicator.rows import Row

#: Seconds that a lock is waited for, and one of a table for DDL.
_LONGEST_WAIT, _HURRY = 60, 5
#: Whatever the server has as defaults. Some of them would hide rows (sql_select_limit), forbid statements about many
#: (sql_safe_updates, max_join_size), or change what is read of a table's description (sql_quote_show_create).
_SESSION = "SET SESSION " + ", ".join(
    f"{name} = {value}"
    for name, value in {
        "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
        "time_zone": "'+00:00'",
        "innodb_lock_wait_timeout": "60",
        # Of tables; the server's default is a day, in which every reader would queue behind us.
        "lock_wait_timeout": str(_LONGEST_WAIT),
        "sql_select_limit": "18446744073709551615",
        "sql_safe_updates": "0",
        "sql_big_selects": "1",
        "sql_quote_show_create": "1",
    }.items()
)


class _Utc(TypeDecorator[datetime]):
    """DATETIME(6) that holds UTC."""

    impl = mysql.DATETIME
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(fsp=6)

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class _Json(mysql.JSON):
    """JSON that comes back as text, as from every database: no number is rounded on the way."""

    cache_ok = True

    def result_processor(self, dialect: object, coltype: object) -> None:
        return None


class MySQL:
    """The ways of MySQL and MariaDB; they differ in the name of a collation and in what JSON is."""

    title: ClassVar[str] = "MySQL"
    schema: ClassVar[str] = ""
    single_writer: ClassVar[bool] = False
    ddl_commits: ClassVar[bool] = True
    stage_arguments: ClassVar[dict[str, Any]] = {}
    new_key: ClassVar[str] = "(concat('new:', uuid()))"

    def __init__(self) -> None:
        #: Both are byte-wise and do not ignore trailing spaces, unlike utf8mb4_bin (reliability.md: D18).
        self._collation = "utf8mb4_0900_bin"
        #: MariaDB's JSON is a LONGTEXT with a check, of another collation than its neighbours.
        self._maria = False
        self._local_infile = True

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        usual = {"connect_timeout": 10, "local_infile": True}
        return {name: value for name, value in usual.items() if name not in url.query} | {"charset": "utf8mb4"}

    def configure(self, engine: Engine) -> None:
        @event.listens_for(engine, "do_connect")
        def _connect(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> Any:
            return OfferingConnection(*arguments, **named)

        # Before SQLAlchemy's own listener, which asks how names are quoted here.
        @event.listens_for(engine, "connect", insert=True)
        def _session(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def forget(self) -> None:
        """It keeps nothing."""

    def inspect(self, connection: Connection) -> str:
        version = str(connection.execute(text("SELECT version()")).scalar_one())
        maria = "mariadb" in version.lower()
        number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        self._maria = maria
        self._collation = "utf8mb4_nopad_bin" if maria else "utf8mb4_0900_bin"
        if number < ((10, 6) if maria else (8, 0)):
            least = "10.6" if maria else "8.0"
            raise TargetUnusable(
                f"{'MariaDB' if maria else 'MySQL'} {version} is too old: this program needs {least} or later."
            )
        known = connection.execute(
            text("SELECT count(*) FROM information_schema.collations WHERE collation_name = :name"),
            {"name": self._collation},
        ).scalar_one()
        if not known:
            raise TargetUnusable(
                f"The server does not know the collation {self._collation}: it cannot tell every key apart."
            )
        return f"{'MariaDB' if maria else 'MySQL'} {version.split('-', maxsplit=1)[0]}"

    def type_of(self, kind: Type, *, key: bool = False) -> TypeEngine[Any]:
        match kind:
            case Type.TEXT:
                return mysql.VARCHAR(255, collation=self._collation) if key else self._long
            case Type.BOOLEAN:
                return mysql.BOOLEAN()
            case Type.INTEGER:
                return mysql.BIGINT()
            case Type.NUMBER:
                return mysql.DOUBLE(asdecimal=False)
            case Type.TIMESTAMP:
                return _Utc()
            case Type.JSON:
                return self._long if self._maria else _Json()

    def stage_type(self, kind: Type, *, key: bool) -> TypeEngine[Any]:
        """Text for JSON, which MySQL checks when it is published, and for times, which `published` converts."""
        match kind:
            case Type.JSON:
                return self._long
            case Type.TIMESTAMP:
                return mysql.VARCHAR(32, charset="ascii", collation="ascii_bin")
            case _:
                return self.type_of(kind, key=key)

    def stage_columns(self) -> Sequence[Column[Any]]:
        """Managed servers refuse a table without a primary key (sql_require_primary_key, innodb_force_primary_key)."""
        return (Column("_row", mysql.BIGINT(), primary_key=True, autoincrement=True),)

    def published(self, staged: ColumnElement[Any], kind: Type) -> ColumnElement[Any]:
        """`2021-01-01T00:00:00.000Z` is no DATETIME to MariaDB; `2021-01-01 00:00:00.000` is one to both.

        Staged text becomes JSON, where there is such a type: MySQL does not compare it with another collation's text.
        """
        match kind:
            case Type.TIMESTAMP:
                return func.replace(func.replace(staged, "T", " "), "Z", "")
            case Type.JSON if not self._maria:
                return cast(staged, _Json())
            case _:
                return staged

    @property
    def _long(self) -> TypeEngine[str]:
        return mysql.LONGTEXT(collation=self._collation)

    def digest_type(self, length: int) -> TypeEngine[str]:
        return mysql.CHAR(length, charset="ascii", collation="ascii_bin")

    def time_type(self) -> TypeEngine[Any]:
        return _Utc()

    def table_arguments(self) -> dict[str, Any]:
        return {
            "mysql_engine": "InnoDB",
            "mysql_charset": "utf8mb4",
            "mysql_collate": self._collation,
            "mysql_row_format": "DYNAMIC",
        }

    def index(self, column: Column[Any]) -> dict[str, Any]:
        return {"mysql_length": {column.name: 191}} if isinstance(column.type, mysql.LONGTEXT) else {}

    def pack(self, rows: Sequence[Row]) -> Pack:
        return Pack(len(rows), delimited(rows))

    def unpack(self, pack: Pack, columns: Sequence[tuple[str, Type]]) -> Sequence[Row]:
        return undelimited(pack.content, [kind for _, kind in columns])

    def load(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], packs: Sequence[Pack]
    ) -> None:
        if self._local_infile:
            try:
                self._load_data(connection, stage, columns, packs)
            except DBAPIError as error:
                if number_of(error.orig) not in LOAD_REFUSED:
                    raise
                self._local_infile = False
            else:
                return
        for pack in packs:
            self._insert(connection, stage, columns, self.unpack(pack, columns))

    def _load_data(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], packs: Sequence[Pack]
    ) -> None:
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote(name) for name, _ in columns)
        statement = (
            f"LOAD DATA LOCAL INFILE '{NAME}' INTO TABLE {quote.format_table(stage)} CHARACTER SET utf8mb4"
            rf" FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({names})"
        )
        lines, count = b"".join([pack.content for pack in packs]), sum(pack.count for pack in packs)
        with driven(connection) as driver, driver.cursor() as cursor, driver.offering(lines):
            loaded = cursor.execute(statement)
            # LOCAL turns errors into warnings, even in strict mode: a warning is a changed value.
            if cursor.warning_count or loaded != count:
                cursor.execute("SHOW WARNINGS LIMIT 1")
                warning = cursor.fetchone()
                raise DataError(warning[1] if warning else INCORRECT, f"{loaded} of {count} rows as they were")

    def _insert(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], rows: Sequence[Row]
    ) -> None:
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote(name) for name, _ in columns)
        slots = ", ".join(["%s"] * len(columns))
        with driven(connection) as driver, driver.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {quote.format_table(stage)} ({names}) VALUES ({slots})", rows)

    def make_joinable(self, connection: Connection, stage: Table, key: str) -> None:
        """A join of two tables without an index there is quadratic."""
        # On a copy: an index of its own would be made again with the next stage of that name.
        Index("ix_stage_key", stage.to_metadata(MetaData()).c[key]).create(connection, checkfirst=True)

    def read_through(self, key: ColumnElement[Any]) -> ColumnElement[Any]:
        """It chooses well."""
        return key

    def as_of(self, history: Table, name: str) -> Sequence[str]:
        """A procedure could not be joined, and wants a right of its own."""
        return ()

    def checksum(self, connection: Connection, table: Table) -> str:
        return counted(connection, table, func.crc32(table.c._fingerprint))

    def now(self, connection: Connection) -> Any:
        moment: datetime = connection.execute(text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
        return moment.replace(tzinfo=UTC)

    @contextmanager
    def queue(self, connection: Connection, name: str) -> Iterator[None]:
        """DDL commits here, so the lock is the session's own and is given back, once the rows are committed too."""
        name = f"{name[:30]} {connection.engine.url.database}"[:64]
        if not connection.execute(text("SELECT GET_LOCK(:name, 60)"), {"name": name}).scalar_one():
            raise TargetUnusable("Another run has been changing the tables for more than a minute: wait for it to end.")
        try:
            yield
            connection.execute(text("COMMIT"))
        finally:
            # With a session that broke, its lock is gone.
            if not connection.invalidated:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})

    def lost_by_copy(self, connection: Connection, table: Table) -> Sequence[str]:
        return ()

    @contextmanager
    def hurrying(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_HURRY}")
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LONGEST_WAIT}")

    def explain(self, error: DBAPIError, where: str) -> TargetError | None:
        return explained(error, where)

    def is_bad_value(self, error: DBAPIError) -> bool:
        return number_of(error.orig) in BAD_VALUE

    def is_transient(self, error: DBAPIError) -> bool:
        return number_of(error.orig) in {1020, 1213}

    def is_locked(self, error: DBAPIError) -> bool:
        return number_of(error.orig) == 1205
