"""What people changed here: rows that differ from their base, field by field, and why one cannot be sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import inspect, select

from replicator import exact
from replicator.catalog.model import Type
from replicator.convert import sent
from replicator.errors import ConfigError
from replicator.merge.values import alike, holds_mask
from replicator.target.base import Base
from replicator.target.unanswered import unanswered

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.catalog.model import Column, Object
    from replicator.rows import Layout
    from replicator.target.database import Target

#: What a column holds for Segment.
_TYPES: Mapping[Type, tuple[type | tuple[type, ...], str]] = {
    Type.TEXT: (str, "a text in UTF-8"),
    Type.NUMBER: ((int, float), "a number"),
}
_SHAPES: Mapping[str, tuple[type, str]] = {"json_schema": (dict, "a JSON object"), "settings": (list, "a JSON array")}
#: A value lies so deep in its record.
_LEVEL = 1
#: `unknown`: the row has no base, and its record is not as the row, so that nobody can say which side was edited.
Kind = Literal["update", "create", "delete", "unknown"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an edit, as the API has its values; None: there is none."""

    name: str
    base: Any
    local: Any
    #: The local value as the database has it.
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One record's edit; `refused` says, a sentence each, why it cannot be sent as it is."""

    object: str
    id: str
    kind: Kind
    #: What a person would recognise the record by.
    known_as: Mapping[str, Any]
    fields: tuple[Field, ...]
    refused: tuple[str, ...] = ()
    #: What whoever edited the row said of it in `_edited_at` and `_edited_by`.
    edited_at: Any = None
    edited_by: str | None = None


def edits(target: Target, connection: Connection, layout: Layout) -> Iterator[Edit]:
    """The edits of a writable object, by id; none where it was never replicated."""
    base = _present(target, connection, layout)
    if base is None:
        return
    found = [_update(layout, row) for row in _rows(connection, base.changed)]
    found = _with_taken_back(found, taken_back(target, connection, layout, base))
    found += [_create(layout, row) for row in _rows(connection, base.created)]
    found += [_other(layout, row, "delete") for row in _rows(connection, base.deleted)]
    copied = base.copied(connection)
    for row in _rows(connection, base.bare):
        mine = row[f"local_{base.key}"] in copied
        found.append(_create(layout, row | emptied(layout, "local_")) if mine else _other(layout, row, "unknown"))
    yield from sorted((each for each in found if each), key=lambda each: each.id)


def agreed_rules(target: Target, connection: Connection, layout: Layout, plan: str) -> dict[tuple[Any, ...], Any]:
    """Of a plan's rules, by type, key and version, the JSON Schema that both sides last agreed on."""
    base = _present(target, connection, layout)
    if base is None:
        return {}
    names = ("type", "key", "version", "json_schema")
    query = select(*(base.base.c[name].label(f"base_{name}") for name in names)).where(
        base.base.c.tracking_plan_id == plan
    )
    rows = [[_value(layout, row, "base", name) for name in names] for row in _rows(connection, query)]
    return {tuple(identity): schema for *identity, schema in rows}


def missing(target: Target, connection: Connection, layout: Layout, keys: Collection[str]) -> set[str]:
    """Those of the keys that no live row has; none where the object has no table."""
    base = _present(target, connection, layout) if keys else None
    if base is None:
        return set()
    mine = (base.table.c[base.key].in_(keys), base.table.c._deleted_at.is_(None))
    return set(keys) - set(connection.execute(select(base.table.c[base.key]).where(*mine)).scalars())


def respelled(connection: Connection, layout: Layout, base: Base) -> list[dict[str, Any]]:
    """Rows beside their bases from which they differ only in how they are written (JSON, no text)."""
    return [row for row in _rows(connection, base.changed) if _update(layout, row) is None]


def emptied(layout: Layout, prefix: str = "") -> dict[str, None]:
    """What Segment sets itself: in a copy it is that of another record."""
    ours = {*layout.object.editable, *layout.object.creatable}
    return {prefix + name: None for name in _names(layout) if name not in ours}


def taken_back(target: Target, connection: Connection, layout: Layout, base: Base) -> Iterator[Edit]:
    """Of rows, the columns that are as they were before a write that may have had its effect: its value is the base."""
    open_ = unanswered(target, connection, layout.object.name)
    for row in _rows(connection, base.beside(open_.keys())) if open_ else ():
        writes = open_[row[f"base_{base.key}"]].items()
        pairs = [(_field(layout, row, name), values) for name, values in writes if f"base_{name}" in row]
        before = [
            replace(field, base=values[-1][1])
            for field, values in pairs
            if alike(field.base, field.local) and not alike(field.local, values[-1][1])
        ]
        if before:
            why = [reason for each in before for reason in _refusals(layout, each)]
            edit = _edit(layout, row, "update", "base", tuple(before), why)
            now = {each.name: each.base for each in before if each.name in edit.known_as}
            yield replace(edit, known_as={**edit.known_as, **now})


def _with_taken_back(found: Sequence[Edit | None], taken_back: Iterator[Edit]) -> list[Edit | None]:
    mine = {each.id: each for each in found if each}
    for edit in taken_back:
        other = mine.get(edit.id, replace(edit, fields=(), refused=()))
        fields, refused = (*other.fields, *edit.fields), (*other.refused, *edit.refused)
        mine[edit.id] = replace(edit, fields=fields, refused=refused)
    return list(mine.values())


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _present(target: Target, connection: Connection, layout: Layout) -> Base | None:
    base = Base.of(target, layout)
    if base is None:
        return None
    inspector = inspect(connection)
    tables = (base.table, base.base)
    if not all(inspector.has_table(table.name, schema=table.schema) for table in tables):
        return None
    for table in tables:
        refuse_behind(connection, table, layout)
    return base


def refuse_behind(connection: Connection, table: Table, layout: Layout) -> None:
    """Raises ConfigError for a table that lacks a column, as before the run that makes or renames it."""
    there = {each["name"] for each in inspect(connection).get_columns(table.name, schema=table.schema)}
    if lacking := [column.name for column in table.columns if column.name not in there]:
        raise ConfigError(
            f"{table.name} has no {', '.join(lacking)}, which this configuration or version has of"
            f" {layout.object.name}: run `replicator schema apply`, or replicate it, first."
        )


def _value(layout: Layout, row: Mapping[str, Any], side: str, name: str) -> Any:
    value = row[f"{side}_{name}"]
    if value is None:
        return None
    try:
        found = sent(layout.object.column(name).type, value)
        exact.check(found, _LEVEL)
    except (ValueError, TypeError):
        # A person wrote what is no JSON, or no time: it is shown as it stands.
        return str(value)
    return found


def _names(layout: Layout) -> list[str]:
    return [column.name for column in layout.columns if column.name != layout.primary_key]


def _update(layout: Layout, row: Mapping[str, Any]) -> Edit | None:
    fields = [_field(layout, row, name) for name in _names(layout)]
    changed = tuple(field for field in fields if not alike(field.base, field.local))
    if not changed:
        return None
    return _edit(layout, row, "update", "base", changed, [why for each in changed for why in _refusals(layout, each)])


def _field(layout: Layout, row: Mapping[str, Any], name: str) -> Field:
    return Field(name, _value(layout, row, "base", name), _value(layout, row, "local", name), row[f"local_{name}"])


def _create(layout: Layout, row: Mapping[str, Any]) -> Edit:
    values = {name: _value(layout, row, "local", name) for name in _names(layout)}
    given = {name: value for name, value in values.items() if value not in (None, "")}
    fields = tuple(Field(name, None, value, row[f"local_{name}"]) for name, value in given.items())
    thing = layout.object
    allowed = {*thing.editable, *thing.creatable}
    why = [f"Segment sets {each.name} itself: leave it out" for each in fields if each.name not in allowed]
    why += [f"{name} is needed" for name in _needed(thing) if name not in given]
    why += [reason for each in fields for reason in _unfit(layout, each)]
    return _edit(layout, row, "create", "local", fields, why)


def _needed(thing: Object) -> Sequence[str]:
    """Rules of the types IDENTIFY, GROUP and COMMON have no key."""
    given = {*thing.editable, *thing.creatable} - {"key"}
    return [name for name in dict.fromkeys((*thing.natural, *thing.creatable)) if name in given]


def _other(layout: Layout, row: Mapping[str, Any], kind: Literal["delete", "unknown"]) -> Edit:
    side = "base" if kind == "delete" else "local"
    stored = [name for name in layout.object.editable if f"{side}_{name}" in row]
    values = {name: _value(layout, row, side, name) for name in stored}
    if kind == "delete":
        fields = tuple(Field(name, value, None) for name, value in values.items())
    else:
        fields = tuple(Field(name, None, value, row[f"local_{name}"]) for name, value in values.items())
    return _edit(layout, row, kind, side, fields, [])


def _edit(
    layout: Layout, row: Mapping[str, Any], kind: Kind, side: str, fields: tuple[Field, ...], why: Sequence[str]
) -> Edit:
    known_as = {name: _value(layout, row, side, name) for name in layout.object.natural if f"{side}_{name}" in row}
    key = str(row[f"{side}_{layout.primary_key}"])
    told = row.get("local__edited_at"), row.get("local__edited_by")
    return Edit(layout.object.name, key, kind, known_as, fields, tuple(dict.fromkeys(why)), *told)


def _refusals(layout: Layout, field: Field) -> Iterator[str]:
    if field.name in layout.object.renamable:
        if not field.base or not field.local:
            yield f"{field.name} can be changed, but neither given nor taken away: add another record instead"
    elif field.name not in layout.object.editable:
        yield f"{field.name} cannot be changed through Segment's API"
    yield from _unfit(layout, field)


def _unfit(layout: Layout, field: Field) -> Iterator[str]:
    if field.name in layout.hidden:
        # What is hidden in it would be lost in Segment, or be overwritten with its mask.
        yield f"{field.name} is masked here by the configuration, at least in part, so that it cannot be sent"
    elif holds_mask(field.local):
        yield f"{field.name} holds a masked secret, which cannot be sent"
    elif field.raw is not None and (why := _misread(layout.object.column(field.name), field.raw)):
        yield f"{field.name} {why}"


def _misread(column: Column, raw: Any) -> str | None:
    """Why what the database has for that column cannot be sent."""
    try:
        return misfit(column, sent(column.type, raw))
    except exact.TooDeep as error:
        return f"is {error}"
    except (ValueError, TypeError):
        return misfit(column, raw)


def misfit(column: Column, value: Any) -> str | None:
    """Why Segment takes no such value in that column, or nobody could read it there; goes on after its name."""
    types, words = _SHAPES.get(column.name) or _TYPES.get(column.type) or (object, "")
    if not isinstance(value, types):
        return f"has to be {words}"
    try:
        exact.check(value, _LEVEL)
    except ValueError as error:
        return f"is {error}"
    return None
