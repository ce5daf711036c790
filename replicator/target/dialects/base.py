"""What a database has to tell us; target/ asks and never looks at the kind of database itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL
    from sqlalchemy.types import TypeEngine

    from replicator.catalog.model import Type
    from replicator.errors import TargetError
    from replicator.rows import Row


@dataclass(frozen=True, slots=True)
class Pack:
    """Some rows in the form in which one kind of database loads them."""

    count: int
    content: Any


class Dialect(Protocol):
    """One kind of database. An instance belongs to one engine."""

    title: ClassVar[str]
    #: Our bookkeeping lives in a schema of this name, or, where that is empty, under the prefix `_replicator_`.
    schema: ClassVar[str]
    #: Only one transaction may write at a time; ours queue in the process instead of fighting for the file's lock.
    single_writer: ClassVar[bool]
    #: DDL ends the transaction that it stands in, and the locks that this one holds.
    ddl_commits: ClassVar[bool]
    #: Extra arguments of a stage's Table: what makes it cheap to fill and to lose.
    stage_arguments: ClassVar[dict[str, Any]]
    #: The expression that gives a row its key which a person inserts: `new:` and what nobody else has.
    new_key: ClassVar[str]

    def __hash__(self) -> int:
        """By identity: what is known of a dialect may be kept with it."""

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        """Arguments of the driver's connect()."""
        ...

    def configure(self, engine: Engine) -> None:
        """Registers what each new connection of the engine has to be told."""
        ...

    def forget(self) -> None:
        """Lets go of what the library keeps of an engine that was closed."""
        ...

    def inspect(self, connection: Connection) -> str:
        """The server's version as people say it; raises TargetUnusable where it cannot serve us."""
        ...

    def type_of(self, kind: Type, *, key: bool = False) -> TypeEngine[Any]:
        """The column type; `key` for a primary key, which has to be indexable whole."""
        ...

    def digest_type(self, length: int) -> TypeEngine[str]:
        """The type of `_key` and `_fingerprint`: hexadecimal text of a fixed length."""
        ...

    def time_type(self) -> TypeEngine[Any]:
        """The type of our own times; takes and gives aware datetimes."""
        ...

    def table_arguments(self) -> dict[str, Any]:
        """Keyword arguments that every Table of ours gets."""
        ...

    def index(self, column: Column[Any]) -> dict[str, Any]:
        """Keyword arguments of an Index on that column (a prefix length where the database needs one)."""
        ...

    def stage_type(self, kind: Type, *, key: bool) -> TypeEngine[Any]:
        """As type_of, for the stage, which takes rows as they are."""
        ...

    def stage_columns(self) -> Sequence[Column[Any]]:
        """What a stage has beside the values of its rows; the database fills it."""
        ...

    def published(self, staged: ColumnElement[Any], kind: Type) -> ColumnElement[Any]:
        """The staged column as the object's table takes it."""
        ...

    def pack(self, rows: Sequence[Row]) -> Pack:
        """The rows as `load` takes them; best made of a page at a time, while the processor's cache holds it."""
        ...

    def unpack(self, pack: Pack, columns: Sequence[tuple[str, Type]]) -> Sequence[Row]:
        """The rows that were packed."""
        ...

    def load(
        self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], packs: Sequence[Pack]
    ) -> None:
        """Appends the rows to the stage as fast as the database can, in the connection's transaction."""
        ...

    def make_joinable(self, connection: Connection, stage: Table, key: str) -> None:
        """Readies the filled stage for joins by its key; may commit."""
        ...

    def read_through(self, key: ColumnElement[Any]) -> ColumnElement[Any]:
        """The key of a table that a join is to read from end to end, for most of its rows take part in it."""
        ...

    def as_of(self, history: Table, name: str) -> Sequence[str]:
        """Statements that make what asks that table of versions for one moment; none where SQL knows no such thing."""
        ...

    def checksum(self, connection: Connection, table: Table) -> str:
        """How many live rows the table has, and a sum over their fingerprints: equal for equal sets of them."""
        ...

    def now(self, connection: Connection) -> Any:
        """The database's clock, as an aware datetime."""
        ...

    def queue(self, connection: Connection, name: str) -> AbstractContextManager[None]:
        """Inside, no other session is in the work of that name."""
        ...

    def explain(self, error: DBAPIError, where: str) -> TargetError | None:
        """The sentence for a failure that a person can mend; None where the error is none of those."""
        ...

    def is_bad_value(self, error: DBAPIError) -> bool:
        """Whether a value of a row was refused, so that the other rows of the batch may still go in."""
        ...

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether the transaction may succeed when it is tried again: a deadlock, a serialization failure."""
        ...

    def lost_by_copy(self, connection: Connection, table: Table) -> Sequence[str]:
        """What people made of the table that a wider column would cost; nothing where no table is copied for that."""
        ...

    def hurrying(self, connection: Connection) -> AbstractContextManager[None]:
        """Inside, a table's lock is waited for five seconds: whoever reads the table queues up behind us meanwhile."""
        ...

    def is_locked(self, error: DBAPIError) -> bool:
        """Whether another session held a lock for longer than that, or than a minute elsewhere."""
        ...


@contextmanager
def driven(connection: Connection) -> Iterator[Any]:
    """The driver's own connection. Its errors become those of SQLAlchemy, as if SQLAlchemy had run the statement."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    base: Any = dialect.loaded_dbapi.Error
    try:
        yield driver
    except base as error:
        lost = dialect.is_disconnect(error, driver, None)
        wrapped = DBAPIError.instance(
            None, None, error, base, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        )
        if lost:
            connection.invalidate(error)
        raise wrapped from error


def missing(where: str, code: str) -> str:
    """The sentence where somebody dropped or renamed a table; a run makes those of objects again, but not our own."""
    return (
        f"Cannot use {where}: a table is missing that an earlier run made ({code})."
        " Restore it from a backup, or drop the bookkeeping whole, so that the next run makes it anew."
    )


def counted(connection: Connection, table: Table, number: ColumnElement[Any]) -> str:
    """How many live rows there are, and the sum of that number over them."""
    query = select(func.count(), func.sum(number)).select_from(table).where(table.c._deleted_at.is_(None))
    rows, total = connection.execute(query).one()
    return f"{rows}:{total or 0}"


def refusal(where: str, parts: Mapping[str, str | None], code: str) -> str:
    """The sentence for a statement that the database refused; it names what the user can look at, and no value."""
    about = ", ".join(f"{part} {name}" for part, name in parts.items() if name)
    if parts.get("constraint") or parts.get("column"):
        return (
            f"{where} refused a row because of {about} ({code}); nothing was changed."
            " Somebody added that rule: remove it, or change it so that it allows what Segment sends."
        )
    return f"{where} refused a statement ({code}{', ' + about if about else ''}); nothing was changed."
