"""Records that could not be stored as rows: kept whole (secrets masked), with the reason."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantine of one scope, as one run fills it."""

    books: Bookkeeping
    dialect: Dialect
    scope: str
    run_id: str

    def add(self, connection: Connection, name: str, refused: Sequence[tuple[str, str, str]]) -> None:
        """Keeps (partition, reason, record) triples of that object."""
        if not refused:
            return
        moment = self.dialect.now(connection)
        rows = [
            {"id": uuid.uuid4().hex, "scope": self.scope, "object": name, "partition": partition, "reason": reason}
            | {"record": record, "run_id": self.run_id, "seen_at": moment}
            for partition, reason, record in refused
        ]
        connection.execute(insert(self.books.quarantine), rows)

    def clear(
        self, connection: Connection, name: str, before: datetime, partitions: Select[tuple[str]] | None = None
    ) -> None:
        """A complete listing saw every record anew: what was refused before it began is mended, gone, or here again."""
        table = self.books.quarantine
        old = [*self._of(name), table.c.seen_at < before]
        if partitions is not None:
            old.append(table.c.partition.in_(partitions))
        connection.execute(delete(table).where(*old))

    def since(self, connection: Connection, name: str, began: datetime) -> int:
        """How many records of that object were refused from then on."""
        table = self.books.quarantine
        query = select(func.count()).select_from(table).where(*self._of(name), table.c.seen_at >= began)
        return int(connection.execute(query).scalar_one())

    def _of(self, name: str) -> list[ColumnElement[bool]]:
        table = self.books.quarantine
        return [table.c.scope == self.scope, table.c.object == name]

    def counts(self, connection: Connection) -> dict[str, int]:
        """Records in quarantine by object."""
        table = self.books.quarantine
        query = select(table.c.object, func.count()).where(table.c.scope == self.scope).group_by(table.c.object)
        return {name: int(count) for name, count in connection.execute(query)}

    def rows(self, connection: Connection, name: str | None = None) -> list[dict[str, Any]]:
        """The records, newest first."""
        table = self.books.quarantine
        query = select(table).where(table.c.scope == self.scope).order_by(table.c.seen_at.desc())
        if name:
            query = query.where(table.c.object == name)
        return [dict(row) for row in connection.execute(query).mappings()]
