"""What a database has to tell us; target/ asks and never looks at the kind of database itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Table
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.types import TypeEngine

    from replicator.catalog.model import Type
    from replicator.errors import TargetError
    from replicator.rows import Row


class Dialect(Protocol):
    """One kind of database. An instance belongs to one engine."""

    title: ClassVar[str]
    #: Our bookkeeping lives in a schema of this name, or, where that is empty, under the prefix `_replicator_`.
    schema: ClassVar[str]
    #: Only one transaction may write at a time; ours queue in the process instead of fighting for the file's lock.
    single_writer: ClassVar[bool]
    #: Extra arguments of a stage's Table: what makes it cheap to fill and to lose.
    stage_arguments: ClassVar[dict[str, Any]]

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        """Arguments of the driver's connect()."""
        ...

    def configure(self, engine: Engine) -> None:
        """Registers what each new connection of the engine has to be told."""
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
        """As type_of, for the stage."""
        ...

    def load(self, connection: Connection, stage: Table, columns: Sequence[tuple[str, Type]], rows: Sequence[Row]) -> None:
        """Appends the rows to the stage as fast as the database can, in the connection's transaction."""
        ...

    def make_joinable(self, connection: Connection, stage: Table, key: str) -> None:
        """Readies the filled stage for joins by its key; may commit."""
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
