"""The tables of the objects as they should be: one for each object, and the stage beside it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, Index, MetaData, Table, text
from sqlalchemy.schema import CreateTable, DropTable

from replicator.catalog.model import Type
from replicator.target.bookkeeping import table_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from replicator.rows import Layout
    from replicator.target.database import Target

_FINGERPRINT = 32

Made = TypeVar("Made")


def once(make: Callable[[Target, Layout], Made]) -> Callable[[Target, Layout], Made]:
    """Keeps the description of a table, or what is said of it, with its target, for each layout."""

    def made(target: Target, layout: Layout) -> Made:
        key = (make, layout.shape)
        found: Made | None = target.tables.get(key)
        if found is None:
            found = target.tables[key] = make(target, layout)
        return found

    return made


@once
def object_table(target: Target, layout: Layout) -> Table:
    """The table of the object as it should be."""
    dialect, place = target.dialect, target.place
    moment = dialect.time_type()
    # What a person inserts was never synchronized, and comes from no run.
    theirs = bool(layout.object.editable)
    owned = [
        Column("_synced_at", moment, nullable=theirs),
        Column("_deleted_at", moment),
        Column("_run_id", dialect.type_of(Type.TEXT, key=True), nullable=theirs),
        *(
            [Column(*each) for each in (("_edited_at", moment), ("_edited_by", dialect.type_of(Type.TEXT)))]
            if theirs
            else []
        ),
    ]
    columns = [column(target, layout, name, kind) for name, kind in layout.staged]
    if theirs:
        # So that a person's INSERT needs to give no key.
        columns = [_with_default(each, dialect.new_key) if each.primary_key else each for each in columns]
    table = Table(
        place.prefix + layout.object.table,
        MetaData(),
        *columns,
        *owned,
        schema=place.schema or None,
        **dialect.table_arguments(),
    )
    for name in _indexed(layout):
        Index(short(f"ix_{table.name}_{name}"), table.c[name], **dialect.index(table.c[name]))
    return table


def by_name_of(table: Table) -> list[Any]:
    """The table's columns to select, so that rows have them by their names in the catalog."""
    return [each.label(each.key) for each in table.columns]


def _with_default(column: Column[Any], default: str) -> Column[Any]:
    return Column(
        column.name,
        column.type,
        key=column.key,
        primary_key=True,
        nullable=False,
        autoincrement=False,
        server_default=text(default),
    )


@once
def stage_table(target: Target, layout: Layout) -> Table:
    """The unindexed table beside it that a listing streams into."""
    dialect = target.dialect
    # A digest, since the names of two places might be joined to one.
    scope = sha256(target.place.scope.encode()).hexdigest()[:8] if target.place.scope else ""
    return Table(
        short(table_name(dialect, "_".join(filter(None, ("stage", scope, layout.object.table))))),
        MetaData(schema=dialect.schema or None),
        *(column(target, layout, name, kind, stage=True) for name, kind in layout.staged),
        *dialect.stage_columns(),
        **dialect.table_arguments(),
        **dialect.stage_arguments,
    )


@once
def stage_ddl(target: Target, layout: Layout) -> tuple[str, str]:
    """How the stage is dropped, if it is there, and how it is made: the database is not asked whether it is."""
    table, dialect = stage_table(target, layout), target.engine.dialect
    made = (DropTable(table, if_exists=True), CreateTable(table))
    drop, create = (str(each.compile(dialect=dialect)) for each in made)
    return drop, create


def column(target: Target, layout: Layout, name: str, kind: Type, *, stage: bool = False) -> Column[Any]:
    """The column of that name and type, as the object's table has it, or the stage."""
    dialect = target.dialect
    primary = name == layout.primary_key
    if name in {"_key", "_fingerprint"}:
        type_ = dialect.digest_type(64 if name == "_key" else _FINGERPRINT)
    elif name == "_partition":
        type_ = dialect.type_of(Type.TEXT, key=True)
    else:
        type_ = dialect.stage_type(kind, key=primary) if stage else dialect.type_of(kind, key=primary)
    # The program finds it by its name in the catalog, whatever it is called in the database.
    called = name if stage else layout.called(name)
    return Column(called, type_, key=name, primary_key=primary and not stage, nullable=not primary, autoincrement=False)


def _indexed(layout: Layout) -> list[str]:
    """The ids in a natural key are what people join by; `_partition` is what a partial listing publishes by.

    Other parts of a key, such as types, have few values: an index on them is of no use, and slow to fill.
    """
    parts = [column.name for column in layout.columns if layout.keyed and column.name in layout.object.key]
    ids = [name for name in parts if name == "id" or name.endswith("_id")]
    return ids[:2] + (["_partition"] if layout.object.partitioned else [])


def short(name: str) -> str:
    """At most 60 characters: MySQL allows 64, PostgreSQL cuts silently at 63 (reliability.md: D22)."""
    return name if len(name) <= 60 else f"{name[:51]}_{sha256(name.encode()).hexdigest()[:8]}"
