"""One object: its columns, its state, how changes of it are seen, what proves it whole, and one record's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replicator.errors import UsageError
from replicator.history import kept, layout_of, versions
from replicator.target.bookkeeping import bookkeeping
from replicator.target.quarantine import Quarantine
from replicator.upkeep import shown as kept_of
from replicator.watch import runs
from replicator.web import veil
from replicator.web.diffs import short
from replicator.web.pages import common

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.catalog.model import Object
    from replicator.history import Version
    from replicator.options import Options
    from replicator.target.database import Target

_RUNS = 20
#: A function's code is shown where somebody has to decide about it, and nowhere else.
CODE = "code"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed, as far as a page shows it; None: too long for that, or nothing."""

    path: str
    old: str | None
    new: str | None
    hidden: bool


def one(request: Request) -> Response:
    name, thing = common.named(request), common.thing_of(request)
    site = common.site_of(request)
    options = site.options(name)
    parts = [each.strip() for each in request.query_params.getlist("part")]
    with site.books(name) as target:
        with target.reading() as reading:
            now = target.dialect.now(reading)
            quarantined = _quarantine(target).counts(reading).get(thing.name, 0)
        state = next(iter(kept_of(target, [thing.name])["objects"]), None)
        found = runs.of_object(target, thing.name, _RUNS)
        has_history = bool(kept(target, [thing]))
        told, why = _history(target, thing, options, parts) if any(parts) else ([], "")
    return common.page(
        request,
        "object.html",
        "objects",
        thing=thing,
        state=state,
        detection=site.detection(name, thing),
        columns=_columns(thing, options),
        runs=found,
        certificate=next((each for each in found if each["complete"]), None),
        quarantined=quarantined,
        kept=has_history,
        parts=parts,
        versions=told,
        why=why,
        now=now,
    )


def _quarantine(target: Target) -> Quarantine:
    return Quarantine(bookkeeping(target.dialect), target.dialect, target.place.scope, "")


def _columns(thing: Object, options: Options) -> list[dict[str, Any]]:
    own = options.of(thing)
    marks = ("secret", "personal", "detail", "nullable")
    return [
        {
            "name": own.names.get(each.name, each.name),
            "field": each.field,
            "type": each.type.value,
            "marks": ", ".join(
                (["key"] if each.name in thing.key else [])
                + [mark for mark in marks if getattr(each, mark)]
                + (["left out"] if each.name in own.leave_out else [])
                + (["editable"] if each.name in thing.editable else [])
            ),
        }
        for each in thing.columns
    ]


def _history(target: Target, thing: Object, options: Options, parts: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """The record's versions, newest first, or why there are none."""
    try:
        layout = layout_of(target, thing)
        found = versions(target, layout, parts, options.reread_of(thing))
    except UsageError as error:
        return [], str(error)
    called = {layout.called(each.name): each.name for each in layout.columns}
    return [_version(thing, called, each) for each in reversed(found)], ""


def _version(thing: Object, called: dict[str, str], version: Version) -> dict[str, Any]:
    by = version.blame
    told = f"{by.confidence} by {by.who} ({by.event})" if by.who else ""
    return {
        "begin": version.begin,
        "end": version.end,
        "what": version.what,
        "run": version.run_id,
        "by": told,
        "changes": _changes(thing, called, version.fields),
    }


def _changes(thing: Object, called: dict[str, str], fields: Sequence[Any]) -> list[Change]:
    found = []
    for field in fields:
        first, *rest = field.path.split(".")
        column = called.get(first, first)
        if column == CODE:
            found.append(Change(field.path, None, None, hidden=True))
            continue
        old, new = (_below(thing, column, rest, value) for value in (field.old, field.new))
        found.append(Change(field.path, short(old), short(new), hidden=veil.HIDDEN in (old, new)))
    return found


def _below(thing: Object, column: str, path: Sequence[str], value: Any) -> Any:
    """The value with its names above it, since those may say that it is a secret."""
    wrapped = value
    for name in reversed(path):
        wrapped = {name: wrapped}
    found = veil.shown(thing, column, wrapped)
    for name in path:
        found = found[name] if isinstance(found, dict) else found
    return found
