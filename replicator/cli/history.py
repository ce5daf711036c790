"""`replicator history`, `diff` and `as-of`: what the kept versions tell."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError

from . import connection, documents, options
from .moments import moment
from .text import plural

if TYPE_CHECKING:
    from replicator.blame import Blame
    from replicator.catalog.model import Object
    from replicator.history import Differing, Field, Version
    from replicator.rows import Layout
    from replicator.target.database import Target
    from replicator.target.gaps import Gap

_LONGEST = 60
_SIGNS = {"added": "+", "changed": "~", "deleted": "-"}
_MOMENT = "2026-11-01, 2026-11-01T12:30:00Z, now, -2h or '3 days ago'; without a zone it is UTC."


def history(
    context: typer.Context,
    *,
    thing: Annotated[str, typer.Argument(metavar="OBJECT")],
    identifier: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="The record's id; where its key has several parts, each of them."),
    ],
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show every version of one record, and what changed.

    From when to when, and who did it, if the audit trail tells.
    """
    from replicator.catalog import find
    from replicator.history import gaps, layout_of, versions

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    named = find(thing)
    opened = connection.open_books(settings)
    try:
        layout = layout_of(opened, named)
        reread = connection.run_options(settings, ()).reread_of(named)
        found = versions(opened, layout, identifier, reread)
        _tell_gaps(named, gaps(opened, named, found[0].begin, datetime.now(UTC)))
    finally:
        opened.close()
    if json:
        told = [_version(each) for each in found]
        documents.tell({"object": named.name, "id": " ".join(identifier), "versions": told})
    else:
        count = plural(len(found), "version")
        typer.echo("\n".join([f"{named.name} {' '.join(identifier)}: {count}", *map(_version_text, found)]))
    return 0


def diff(
    context: typer.Context,
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OBJECT|GROUP]...", help="Default: all that have a history.", show_default=False),
    ] = None,
    begin: Annotated[str, typer.Option("--from", metavar="MOMENT", help=_MOMENT)],
    end: Annotated[str, typer.Option("--to", metavar="MOMENT")] = "now",
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show what changed between two moments, field by field."""
    from replicator.history import differing, gaps

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    opened = connection.open_books(settings)
    try:
        earlier, later = _moments(opened, begin, end)
        if later < earlier:
            raise UsageError(f"--to {end} is before --from {begin}: exchange them.")
        reread_of = connection.run_options(settings, ()).reread_of
        found = [
            (layout, *differing(opened, layout, earlier, later, reread_of(layout.object)))
            for layout in _chosen(opened, names or [])
        ]
        for layout, *_ in found:
            _tell_gaps(layout.object, gaps(opened, layout.object, earlier, later))
    finally:
        opened.close()
    if json:
        told = [_object(layout, first, changes) for layout, first, changes in found]
        documents.tell({"from": earlier, "to": later, "objects": told})
    else:
        typer.echo("\n\n".join(filter(None, [*(_object_text(*each, earlier) for each in found), _sum(found)])))
    return 0


def as_of(
    context: typer.Context,
    *,
    at: Annotated[str, typer.Argument(metavar="MOMENT", help=_MOMENT)],
    thing: Annotated[str, typer.Argument(metavar="OBJECT")],
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Print an object's rows as they were at a moment.

    CSV, or one JSON document.
    """
    from replicator import history as kept
    from replicator.catalog import find

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    named = find(thing)
    opened = connection.open_books(settings)
    try:
        layout = kept.layout_of(opened, named)
        then, _ = _moments(opened, at, "now")
        rows = kept.as_of(opened, layout, then)
        _tell_gaps(named, kept.gaps(opened, named, then, then))
        if json:
            documents.tell({"object": named.name, "as_of": then, "rows": list(rows)})
        else:
            columns = [*(layout.called(column.name) for column in layout.columns), "_extra"]
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerows([columns] if (first := next(rows, None)) is None else [columns, _cells(columns, first)])
            writer.writerows(_cells(columns, row) for row in rows)
    finally:
        opened.close()
    return 0


def _tell_gaps(thing: Object, found: Sequence[Gap]) -> None:
    for gap in found:
        until = f"until {gap.end:%Y-%m-%d %H:%M:%S}" if gap.end else "and is not yet"
        typer.echo(
            f"{thing.name}: no history was kept from {gap.begin:%Y-%m-%d %H:%M:%S} {until} (UTC):"
            " what changed meanwhile is told as of its end, or not at all.",
            err=True,
        )


def _moments(target: Target, *words: str) -> tuple[datetime, ...]:
    with target.reading() as reading:
        now = target.dialect.now(reading)
    return tuple(moment(word, now) for word in words)


def _chosen(target: Target, names: Sequence[str]) -> list[Layout]:
    from replicator.catalog import OBJECTS, select
    from replicator.history import kept, layout_of

    found = kept(target, select(names) if names else OBJECTS)
    for word in names:
        meant = select([word])
        if not any(layout.object in meant for layout in found):
            # Raises, with the words for it.
            layout_of(target, meant[0])
    if not found:
        raise UsageError(f"No history is kept in {target.where}: name objects in the setting `history`, and run again.")
    return found


def _cells(columns: Sequence[str], row: dict[str, Any]) -> list[Any]:
    values = [row.get(name) for name in columns]
    return [value if isinstance(value, str | int | float | None) else documents.dump(value) for value in values]


def _fields(fields: Sequence[Field]) -> list[dict[str, Any]]:
    return [{"column": each.path, "from": each.old, "to": each.new} for each in fields]


def _by(blame: Blame) -> dict[str, Any]:
    return {"who": blame.who, "event": blame.event, "event_at": blame.at, "confidence": blame.confidence}


def _version(each: Version) -> dict[str, Any]:
    told = {"from": each.begin, "to": each.end, "what": each.what, "run_id": each.run_id}
    return {**told, "changed": _fields(each.fields), **_by(each.blame)}


def _version_text(each: Version) -> str:
    until = f"{each.end:%Y-%m-%d %H:%M:%S}" if each.end else "now"
    head = f"{each.begin:%Y-%m-%d %H:%M:%S} - {until:<19}  {each.what}{_by_text(each.blame)}"
    return "\n".join([head, *_lines(each.fields)])


def _by_text(blame: Blame) -> str:
    return f", {blame.confidence} by {blame.who} ({blame.event})" if blame.who else ""


def _lines(fields: Sequence[Field]) -> list[str]:
    return [f"    {each.path}: {_short(each.old)} -> {_short(each.new)}" for each in fields]


def _short(value: Any) -> str:
    text = documents.dump(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _object(layout: Layout, first: datetime | None, changes: Sequence[Differing]) -> dict[str, Any]:
    told = [
        {"key": dict(each.key), "what": each.what, "since": each.since}
        | {"changed": _fields(each.fields), **_by(each.blame)}
        for each in changes
    ]
    return {"object": layout.object.name, "kept_since": first, **_counted(changes), "changes": told}


def _counted(changes: Sequence[Differing]) -> dict[str, int]:
    return {what: sum(each.what == what for each in changes) for what in _SIGNS}


def _object_text(layout: Layout, first: datetime | None, changes: Sequence[Differing], begin: datetime) -> str:
    name = layout.object.name
    late = (
        f"{name}: its history begins at {first:%Y-%m-%d %H:%M:%S}, and nothing is known of the time before."
        if (first and first > begin)
        else ""
    )
    lines = [
        line
        for each in changes
        for line in (f"{_SIGNS[each.what]} {name} {_words(each.key)}{_by_text(each.blame)}", *_lines(each.fields))
    ]
    return "\n".join(filter(None, [late, *lines]))


def _words(key: Mapping[str, Any]) -> str:
    return " ".join("''" if value is None else str(value) for value in key.values())


def _sum(found: Sequence[tuple[Layout, datetime | None, Sequence[Differing]]]) -> str:
    counts = _counted([each for _, _, changes in found for each in changes])
    return f"{plural(len(found), 'object')}: {', '.join(f'{count:,} {what}' for what, count in counts.items())}."
