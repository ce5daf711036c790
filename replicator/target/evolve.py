"""From the object tables as they are to those that should be, by additions only.

Decide (`plan`), then do (`apply`): nothing is ever dropped or narrowed, nor renamed but at the configuration's word
(I14 in reliability.md).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Column, MetaData, Table, delete, inspect, text
from sqlalchemy.schema import CreateIndex, CreateSchema
from sqlalchemy.schema import CreateTable as Create
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import Float, NullType, String

from replicator.errors import SchemaFrozen, TableAltered
from replicator.target.alterations import AddColumn, Altered, CreateTable, RenameColumn, SchemaChange, Widen
from replicator.target.base import base_table, is_base
from replicator.target.history import history_table, is_history
from replicator.target.names import Names
from replicator.target.names import read as names_in
from replicator.target.schema import object_table, short

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

    from replicator.rows import Layout
    from replicator.target.database import Target

FINGERPRINT = "_fingerprint"
Policy = Literal["evolve", "freeze", "fail"]


def plan(
    target: Target, connection: Connection, layouts: Iterable[Layout], histories: Collection[str] = ()
) -> list[SchemaChange | Altered]:
    """What has to change for those layouts, and for the histories of the objects of those names.

    An Altered stands for a table that nothing additive can mend.
    """
    tables: list[tuple[Layout, Table]] = []
    for layout in layouts:
        tables.append((layout, object_table(target, layout)))
        if layout.object.editable:
            tables.append((layout, base_table(target, layout)))
        if layout.object.name in histories:
            tables.append((layout, history_table(target, layout)))
    schema = target.place.schema or None
    inspector = inspect(connection)
    filled = [table.name for _, table in tables]
    found = {
        name: {column["name"]: column for column in columns}
        for (_, name), columns in inspector.get_multi_columns(schema=schema, filter_names=filled).items()
    }
    changes: list[SchemaChange | Altered] = []
    called = names_in(target, connection)
    for layout, table in tables:
        if table.name in found:
            names = called.get(layout.object.name, {})
            changes += _differences(target, connection, layout, table, found[table.name], names)
        else:
            changes.append(CreateTable(layout.object.name, table))
    return changes


def _differ(connection: Connection, actual: Any, wanted: Column[Any]) -> bool:
    """Alembic's comparison, which takes a fifth of a second to import: not for types that are spelled the same."""
    if not isinstance(actual, NullType) and _spelled(actual, connection) in _spellings(wanted, connection):
        return False
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return bool(context.impl.compare_type(Column(wanted.name, actual), wanted))


def _spellings(wanted: Column[Any], connection: Connection) -> tuple[str, ...]:
    """MySQL leaves out the collation that the table has, too, and has a number of its own for a flag."""
    spelled = _spelled(wanted.type, connection)
    return (spelled, spelled.partition(" COLLATE ")[0], "TINYINT(1)" if spelled == "BOOL" else spelled)


def _spelled(kind: Any, connection: Connection) -> str:
    return str(kind.compile(dialect=connection.dialect))


def _differences(
    target: Target, connection: Connection, layout: Layout, table: Table, found: dict[str, Any], names: Names
) -> list[SchemaChange | Altered]:
    name = layout.object.name
    changes: list[SchemaChange | Altered] = []
    for column in table.columns:
        actual = found.get(column.name)
        was = names.get(str(column.key), str(column.key))
        if was != column.name and was in found:
            if actual is not None:
                return [Altered(name, _twice(name, table, was, column.name))]
            actual = found[was]
            changes.append(RenameColumn(name, table, column, was))
        if actual is None and column.primary_key:
            return [Altered(name, f"{name}: table {table.name} has lost its primary key column {column.name}. {_MEND}")]
        if actual is None:
            changes.append(AddColumn(name, table, column))
        elif _differ(connection, actual["type"], column):
            if not _widens(actual["type"], column.type):
                return [
                    Altered(
                        name,
                        f"{name}: column {column.name} of table {table.name} is {actual['type']!s} where"
                        f" {_spelled(column.type, connection)} is needed. {_MEND}",
                    )
                ]
            changes.append(Widen(name, table, column, str(actual["type"])))
    widened = [each for each in changes if isinstance(each, Widen)]
    if widened and (lost := target.dialect.lost_by_copy(connection, table)):
        return [
            Altered(
                name,
                f"{name}: to {widened[0]}, the table has to be copied, and {', '.join(lost)} would be lost with it:"
                " drop that, run again, and make it anew.",
            )
        ]
    return changes


def _twice(name: str, table: Table, was: str, wanted: str) -> str:
    return (
        f"{name}: column {was} of table {table.name} is to be called {wanted}, and there is a column of that name:"
        " drop or rename one of them, or choose another name."
    )


_MEND = "Change it back, or rename the table: the next run then makes a new one."


def _widens(actual: Any, wanted: Any) -> bool:
    """Numbers widen to doubles, and everything but JSON to text."""
    if isinstance(wanted, Float):
        return not isinstance(actual, String) and actual.python_type in {int, bool}
    return isinstance(wanted, String) and getattr(wanted, "length", None) is None


def apply(target: Target, connection: Connection, changes: Sequence[SchemaChange]) -> None:
    """Performs the changes; on MySQL each one commits."""
    if not changes:
        return
    schema = target.place.schema or None
    if schema and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema))
    _name_indexes(inspect(connection), schema, changes)
    for change in changes:
        if isinstance(change, CreateTable):
            _forget_bases(connection, change)
            change.table.create(connection, checkfirst=True)
            for statement in change.table.info.get("helpers", ()):
                connection.execute(text(statement))
    if altered := [change for change in changes if not isinstance(change, CreateTable)]:
        _alter(connection, altered)


def _alter(connection: Connection, changes: Sequence[SchemaChange]) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    operations = Operations(MigrationContext.configure(connection))
    filled = [each for each in changes if _is_objects(each.table) and not isinstance(each, RenameColumn)]
    lost = {each.table.name for each in filled if isinstance(each, AddColumn) and each.column.name == FINGERPRINT}
    for name, table in {change.table.name: change.table for change in filled}.items():
        if name not in lost:
            # Another layout: no stored fingerprint may count as unchanged, or the new column would stay empty. Where
            # DDL commits, the first change commits this too: whatever is killed afterwards, the rows are read again.
            connection.execute(table.update().values(_fingerprint=""))
    for change in changes:
        if isinstance(change, AddColumn) and _is_objects(change.table):
            _forget_in_base(connection, change)
        _perform(operations, change)


def _is_objects(table: Table) -> bool:
    return not (is_history(table) or is_base(table))


def _forget_in_base(connection: Connection, change: AddColumn) -> None:
    """Nobody knows what both sides agreed on there: an empty new column is no edit."""
    base = short(f"{change.table.name}_base")
    inspector = inspect(connection)
    if not inspector.has_table(base, schema=change.table.schema):
        return
    names = {each["name"] for each in inspector.get_columns(base, schema=change.table.schema)}
    if change.column.name in names:
        table = Table(base, MetaData(), Column(change.column.name), schema=change.table.schema)
        connection.execute(table.update().values({change.column.name: None}))


def _forget_bases(connection: Connection, change: CreateTable) -> None:
    """The table is made anew: its rows were not deleted one by one, and no base may say that they were."""
    base = short(f"{change.table.name}_base")
    if _is_objects(change.table) and inspect(connection).has_table(base, schema=change.table.schema):
        connection.execute(delete(Table(base, MetaData(), schema=change.table.schema)))


def _name_indexes(inspector: Inspector, schema: str | None, changes: Sequence[SchemaChange]) -> None:
    """A table that was renamed keeps its indexes, and on some databases their names are taken then."""
    new = [index for change in changes if isinstance(change, CreateTable) for index in change.table.indexes]
    if not new:
        return
    taken = {index["name"] for indexes in inspector.get_multi_indexes(schema=schema).values() for index in indexes}
    for index in new:
        name, number = str(index.name), 1
        while index.name in taken:
            number += 1
            index.name = quoted_name(f"{name}_{number}", quote=None)


def statements(target: Target, changes: Sequence[SchemaChange]) -> str:
    """The DDL of the changes, to be read by a person."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=target.engine.dialect, opts={"as_sql": True, "output_buffer": out, "transactional_ddl": False}
    )
    for change in changes:
        if isinstance(change, Widen) and target.dialect.single_writer:
            out.write(f"-- {change}: the table is copied\n")
        else:
            _perform(Operations(context), change)
    return out.getvalue().strip()


def _perform(operations: Any, change: SchemaChange) -> None:
    match change:
        case CreateTable(table=table):
            _print(operations, table)
            for statement in table.info.get("helpers", ()):
                operations.execute(text(statement))
        case AddColumn(table=table, column=column):
            # None of the rows is as a listing says: a missing fingerprint would be equal to none, and never differ.
            default = "" if column.name == FINGERPRINT else None
            new = Column(column.name, column.type, nullable=True, server_default=default)
            operations.add_column(table.name, new, schema=table.schema)
        case RenameColumn(table=table, column=column, was=was):
            quote = operations.get_context().dialect.identifier_preparer
            names = f"{quote.quote(was)} TO {quote.quote(column.name)}"
            operations.execute(text(f"ALTER TABLE {quote.format_table(table)} RENAME COLUMN {names}"))
        case Widen(table=table, column=column):
            with operations.batch_alter_table(table.name, schema=table.schema) as batch:
                batch.alter_column(column.name, type_=column.type, existing_nullable=not column.primary_key)


def _print(operations: Any, table: Table) -> None:
    operations.execute(Create(table))
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        operations.execute(CreateIndex(index))


def fit(layout: Layout, changes: Sequence[SchemaChange | Altered], policy: Policy) -> Layout:
    """The layout that the policy allows: `freeze` leaves a missing column's field to `_extra`.

    Raises TableAltered, or SchemaFrozen where the policy forbids what the object cannot do without.
    """
    mine = [change for change in changes if change.object == layout.object.name]
    for change in mine:
        if isinstance(change, Altered):
            raise TableAltered(change.why)
    if policy == "evolve" or not mine:
        return layout
    spilled = {
        str(change.column.key): "no column, by the schema policy"
        for change in mine
        if policy == "freeze" and isinstance(change, AddColumn) and _spills(layout, str(change.column.key))
    }
    for change in mine:
        if not (isinstance(change, AddColumn) and change.column.key in spilled):
            raise SchemaFrozen(
                f"{layout.object.name} needs to {change}, which the schema policy `{policy}` forbids:"
                " run `replicator schema apply`, or set the policy to `evolve`."
            )
    fields = {layout.object.column(name).field: why for name, why in spilled.items()}
    thing = replace(
        layout.object,
        columns=tuple(column for column in layout.object.columns if column.name not in spilled),
        left_to_extra={**layout.object.left_to_extra, **fields},
    )
    return replace(layout, object=thing, columns=tuple(each for each in layout.columns if each.name not in spilled))


def _spills(layout: Layout, name: str) -> bool:
    return any(column.name == name for column in layout.columns) and name not in layout.object.key
