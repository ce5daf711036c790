"""An edit and the workspace's record give a step. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from replicator.catalog.model import Type
from replicator.merge import Conflict, Equal, Side, merge
from replicator.merge.values import agrees, alike, present, text_of
from replicator.sync.model import Change, Policy, Step
from replicator.sync.written import SHAPES

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.edits import Edit

Values = Mapping[str, Any]
_OURS, _THEIRS = "ours wins", "theirs wins"


def columns_of(thing: Object, record: Mapping[str, Any]) -> dict[str, Any]:
    """The writable columns' values of an API record."""
    names = dict.fromkeys((*thing.editable, *thing.creatable))
    return {column.name: record.get(column.field) for column in thing.columns if column.name in names}


def bare_name(values: Values, suffix: str) -> dict[str, Any]:
    """Without what Segment appends to a function's name: sent back, the name would grow (resources.md)."""
    name = values.get("display_name")
    if suffix and isinstance(name, str) and name.endswith(suffix):
        return {**values, "display_name": name.removesuffix(suffix)}
    return dict(values)


def decide(thing: Object, edit: Edit, remote: Values | None, suffix: str = "", prefer: Side | None = None) -> Step:
    """The step for that edit; `remote` are the record's columns in the workspace, None where it has none.

    `suffix` is what Segment appends to the names of functions. `prefer` says who wins what would be a conflict.
    """
    found = None if remote is None else bare_name(remote, suffix)
    base = bare_name({field.name: field.base for field in edit.fields}, suffix)
    local = bare_name({field.name: field.local for field in edit.fields}, suffix)
    # The rules of a new plan get its id when it is made.
    said = {name: value for name, value in local.items() if name != "tracking_plan_id"}
    pin = sha256(text_of([base, said, found]).encode()).hexdigest()[:32]
    blank = Step(edit.object, edit.id, "refused", edit.known_as, pin=pin, edit=edit, remote=remote)
    if edit.refused:
        return replace(blank, reason="; ".join(edit.refused))
    match edit.kind:
        case "delete":
            return _deleted(blank, base, found, prefer)
        case "create":
            return _created(thing, blank, base, local, found, prefer)
        case _ if found is None:
            return _gone(blank, local, prefer)
        case _:
            return _updated(thing, blank, base, local, found, prefer)


def preferred(policy: Policy, edit: Edit, updated_at: Any) -> Side | None:
    """Who wins a conflict of that edit; `newest` tells only where both sides carry a time."""
    if policy == "newest":
        ours, theirs = _moment(edit.edited_at), _moment(updated_at)
        return None if ours is None or theirs is None else "local" if ours > theirs else "remote"
    sides: Mapping[Policy, Side] = {"target_wins": "local", "segment_wins": "remote"}
    return sides.get(policy)


def _moment(told: Any) -> datetime | None:
    """A person's time or the API's, in UTC if it names no zone; Segment's zero time is none (resources.md)."""
    try:
        found = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year > 1 else None


def _deleted(blank: Step, base: Values, remote: Values | None, prefer: Side | None) -> Step:
    if remote is None:
        return replace(blank, action="adopt", reason="deleted on both sides")
    edited = any(not agrees(present(remote.get(name)), present(value)) for name, value in base.items())
    why = "deleted here, edited in the workspace" if edited else None
    if edited and prefer != "local":
        return yielding(blank, prefer, str(why), {})
    return replace(blank, action="delete", requests=1, reason=why and f"{why}: {_OURS}")


def _created(
    thing: Object, blank: Step, base: Values, local: Values, remote: Values | None, prefer: Side | None
) -> Step:
    """`remote` is the record of the same natural key, `base` what was agreed on of one that was deleted here before."""
    if remote is None:
        changes = tuple(Change(name, None, value) for name, value in local.items())
        return replace(blank, action="create", changes=changes, requests=2)
    mine = {name: value for name, value in local.items() if name in thing.editable}
    known = {name: base[name] for name in mine}
    if any(value is not None for value in known.values()):
        return _updated(thing, blank, known, mine, remote, prefer)
    other = {name: value for name, value in mine.items() if not alike(remote.get(name), value)}
    if not other:
        return replace(blank, action="adopt", reason="the workspace has an equal one")
    why = "the workspace has another one of this name"
    if prefer != "local":
        return yielding(blank, prefer, why, other)
    changes = tuple(Change(name, remote.get(name), value) for name, value in other.items())
    return replace(blank, action="update", changes=changes, requests=2, reason=f"{why}: {_OURS}")


def _gone(blank: Step, local: Values, prefer: Side | None) -> Step:
    why = "edited here, deleted in the workspace"
    if prefer != "local":
        return yielding(blank, prefer, why, local)
    changes = tuple(Change(name, None, value) for name, value in local.items())
    return replace(blank, action="create", changes=changes, requests=2, reason=f"{why}: {_OURS}")


def yielding(blank: Step, prefer: Side | None, why: str, local: Values) -> Step:
    """A conflict, or a row that takes over what the workspace has, or goes with it."""
    if prefer is None:
        return replace(blank, action="conflict", reason=why)
    theirs = blank.remote or {}
    lost = tuple(Change(name, value, theirs.get(name)) for name, value in local.items())
    return replace(blank, action="pull", overruled=lost, reason=f"{why}: {_THEIRS}")


def _updated(thing: Object, blank: Step, base: Values, local: Values, remote: Values, prefer: Side | None) -> Step:
    theirs = {name: remote.get(name) for name in local}
    merged = merge(dict(base), dict(local), theirs, SHAPES)
    if isinstance(merged, Conflict):
        why = "; ".join(f"{'.'.join(each.path)}: {each.reason}" for each in merged.clashes)
        blank = replace(blank, action="conflict", reason=why)
        merged = merge(dict(base), dict(local), theirs, SHAPES, prefer) if prefer else merged
        if isinstance(merged, Conflict):
            return blank
        lost = [name for name in local if not alike(local[name], merged.value.get(name))]
        overruled = tuple(Change(name, local[name], merged.value.get(name)) for name in lost)
        blank = replace(blank, overruled=overruled, reason=f"{why}: {_OURS if prefer == 'local' else _THEIRS}")
    changed = [name for name in local if not alike(theirs[name], merged.value.get(name))]
    changes = tuple(Change(name, theirs[name], _sent(thing, name, merged.value.get(name))) for name in changed)
    if cleared := [each.name for each in changes if each.after is None]:
        why = f"{', '.join(cleared)} cannot be taken away, only changed"
        return replace(blank, action="refused", overruled=(), reason=why)
    if changes:
        return replace(blank, action="update", changes=changes, requests=2)
    if blank.overruled:
        return replace(blank, action="pull")
    equal = "equal on both sides" if isinstance(merged, Equal) else "only the workspace was edited"
    return replace(blank, action="adopt", reason=equal)


def _sent(thing: Object, name: str, value: Any) -> Any:
    """A text that may be missing is taken away by an empty one.

    The contract leaves open whether Segment heeds it (resources.md, "Updates"): what it makes of it is read back.
    """
    return "" if value is None and clearable(thing, name) else value


def clearable(thing: Object, name: str) -> bool:
    """Whether what the column holds can be taken away."""
    needed = {*thing.natural, *thing.creatable, *SHAPES}
    return thing.column(name).type is Type.TEXT and name not in needed
