"""`replicator objects`: what can be replicated, and what it is like."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError

from . import documents, options
from .text import plural, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.catalog.detection import Detection
    from replicator.catalog.model import Column, Object
    from replicator.settings import Settings

_MARKS = ("secret", "personal", "detail", "nullable", "given", "withheld")


def objects(
    context: typer.Context,
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[OBJECT|GROUP]...", help="One object is shown whole; several as a table.", show_default=False
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="Only the objects of that group.", show_default=False)
    ] = None,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Show what can be replicated, how, and at what cost.

    Columns, key, parents, how changes are seen and how late at worst, what can be written, requests.

    \b
    With --json, one document:
      objects[].name, .table          what it is called, here and in the database
      objects[].columns[]             .name (in the table), .field (in the API's record), .type,
                                      .secret .personal .detail .nullable .given .withheld
      objects[].key, .natural         the columns that tell rows apart; those that people tell them by
      objects[].parents[]             .object, .params (parameter of the listing: column of the parent), .where
      objects[].listing, .detail      the API's operation and path, page size, requests a minute
      objects[].tracking, .tracked_by how changes are seen, and by which column
      objects[].detection             .inserts, .updates, .deletes: .by and how .late at worst, with these settings
      objects[].selection             what these settings say of it alone: .left_out, .masked, .where, .renamed
      objects[].cost                  what it takes in requests
      objects[].groups .stability .features .permissions .writes .left_to_extra .note
      left_out                        what the API can read and this program does not, with the reason
    """
    from replicator.catalog import LEFT_OUT

    chosen = _chosen(names or [], group)
    settings = options.settings(context, config)
    if json:
        told = [
            as_data(each) | {"detection": _plain(detected(each, settings)), "selection": selected(each, settings)}
            for each in chosen
        ]
        documents.tell({"objects": told, "left_out": dict(LEFT_OUT)}, indent=2)
    elif names and len(chosen) == 1:
        typer.echo(_whole(chosen[0], settings))
    else:
        typer.echo(_listed(chosen, settings, everything=not names and not group))
    return 0


def _chosen(names: Sequence[str], group: str | None) -> tuple[Object, ...]:
    from replicator.catalog import GROUPS, find, select

    if group is not None and group not in GROUPS:
        raise UsageError(f"There is no group {group!r}; the groups are {', '.join(GROUPS)}.")
    within = select([group or "all"])
    if not names:
        return within
    # One name alone may be none of an object: `find` then says which is nearest.
    found = (find(names[0]),) if len(names) == 1 and not _is_pattern(names[0]) else select(names)
    return tuple(each for each in found if each in within)


def _is_pattern(word: str) -> bool:
    from replicator.catalog import GROUPS

    return word.lower() in GROUPS or bool(set(word) & set("*?[-"))


def detected(thing: Object, settings: Settings) -> Detection:
    """How these settings let changes of the object be seen, and how late at worst."""
    from replicator.catalog.detection import detection
    from replicator.selection import of_settings

    own = of_settings(settings).get(thing.name)
    hours = timedelta(hours=settings.reread_hours)
    reread = own.reread if own and own.reread is not None else hours
    return detection(thing, reread=reread, extended=(own and own.extended) or settings.extended)


def selected(thing: Object, settings: Settings) -> dict[str, Any]:
    """What these settings say of the object alone, in their own words."""
    from replicator.selection import of_settings

    own = of_settings(settings).get(thing.name)
    if own is None:
        return {}
    said = {
        "left_out": sorted(own.leave_out),
        "masked": {_path(thing, each.path): each.mode for each in own.covers},
        "where": [f"{each.column.name} {each.test} {', '.join(map(str, each.values))}" for each in own.where],
        "renamed": dict(own.names),
    }
    return {name: value for name, value in said.items() if value}


def _path(thing: Object, path: Sequence[str]) -> str:
    """From the column, as the settings have it; the mask itself goes by the API's fields."""
    from replicator.selection import EXTRA

    columns = {each.field: each.name for each in thing.columns}
    return ".".join((columns[path[0]], *path[1:]) if path[0] in columns else (EXTRA, *path))


def as_data(thing: Object) -> dict[str, Any]:
    """All that the catalog says of it, as JSON takes it."""
    from replicator.catalog.costs import cost

    data = {name: _plain(value) for name, value in _fields(thing).items()}
    data["cost"] = {**_plain(asdict(cost(thing))), "sentence": str(cost(thing))}
    return {"name": thing.name, "table": thing.table, **data}


def _fields(thing: Object) -> dict[str, Any]:
    from dataclasses import fields

    return {each.name: getattr(thing, each.name) for each in fields(thing)}


def _plain(value: Any) -> Any:
    from collections.abc import Mapping
    from dataclasses import fields, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _listed(chosen: Sequence[Object], settings: Settings, *, everything: bool) -> str:
    from replicator.catalog import LEFT_OUT
    from replicator.catalog.costs import cost

    rows = (
        (
            each.name,
            each.table,
            ",".join(sorted(each.groups)) or "-",
            *(seen.late for seen in detected(each, settings)),
            "yes" if each.writes else "no",
            cost(each),
        )
        for each in chosen
    )
    head = ("object", "table", "groups", "inserts seen", "updates seen", "deletes seen", "writable", "cost")
    parts = [table(head, rows), plural(len(chosen), "object")]
    if everything:
        parts.append("Left out:\n" + "\n".join(f"  {name}: {why}" for name, why in LEFT_OUT.items()))
    return "\n\n".join(parts)


def _whole(thing: Object, settings: Settings) -> str:
    own = selected(thing, settings)
    facts = [*_facts(thing, detected(thing, settings)), ("where", "; ".join(own.get("where", ())))]
    shown = [f"{name:<12}{value}" for name, value in facts if value]
    rows = ((each.name, each.type.value, each.field, _marks(thing, each, own)) for each in thing.columns)
    extra = [f"  {name}: {why}" for name, why in thing.left_to_extra.items()]
    parts = [
        f"{thing.name}, table {thing.table}",
        "\n".join(shown),
        table(("column", "type", "API field", "marks"), rows),
    ]
    if extra:
        parts.append("Kept in _extra:\n" + "\n".join(extra))
    return "\n\n".join(parts)


def _marks(thing: Object, column: Column, own: Mapping[str, Any]) -> str:
    key = ["key"] if column.name in thing.key else []
    marks = key + [mark for mark in _MARKS if getattr(column, mark)]
    if column.name in own.get("left_out", ()):
        marks.append("left out")
    if called := own.get("renamed", {}).get(column.name):
        marks.append(f"called {called}")
    paths = own.get("masked", {}).items()
    marks += [f"{path}: {mode}" for path, mode in paths if path.split(".")[0] == column.name]
    return ", ".join(marks)


def _facts(thing: Object, seen: Detection) -> list[tuple[str, str]]:
    from replicator.catalog.costs import cost

    changes = {
        "snapshot": "a complete listing each time; fingerprints decide",
        "updated": f"a complete listing; {thing.tracked_by} tells when",
        "created": f"a complete listing; {thing.tracked_by} tells what is new",
        "window": f"a window of time, by {thing.tracked_by or 'the period'}",
    }
    rates = [each.rate for each in (thing.listing, thing.detail) if each and each.rate]
    return [
        ("key", ", ".join(thing.key)),
        ("known by", ", ".join(thing.natural)),
        ("parents", "; ".join(_parent(each) for each in thing.parents)),
        ("listing", f"GET {thing.listing.path}"),
        ("detail", f"GET {thing.detail.path}" if thing.detail else ""),
        ("changes", f"{thing.tracking}: {changes[thing.tracking]}"),
        ("inserts", f"seen {seen.inserts}"),
        ("updates", f"seen {seen.updates}"),
        ("deletes", f"seen {seen.deletes}"),
        ("cost", str(cost(thing))),
        ("rate limit", ", ".join(f"{rate} requests a minute" for rate in rates)),
        ("writes", "; ".join(thing.writes) or "none: the API can only read it"),
        ("groups", ", ".join(sorted(thing.groups))),
        ("stability", thing.stability),
        ("features", ", ".join(thing.features)),
        ("permissions", ", ".join(thing.permissions)),
        ("note", thing.note),
    ]


def _parent(parent: Any) -> str:
    where = " and ".join(f"{column} is {' or '.join(values)}" for column, values in parent.where.items())
    return f"{parent.object}{f' where {where}' if where else ''}"
