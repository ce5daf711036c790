"""An edit and the workspace's record give a step. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from replicator.merge import ABSENT, Both, Conflict, Equal, Push, merge
from replicator.merge.values import same, text_of
from replicator.sync.model import Change, Step
from replicator.sync.written import SHAPES

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.edits import Edit

Values = Mapping[str, Any]


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


def decide(thing: Object, edit: Edit, remote: Values | None, suffix: str = "") -> Step:
    """The step for that edit; `remote` are the record's columns in the workspace, None where it has none.

    `suffix` is what Segment appends to the names of functions.
    """
    found = None if remote is None else bare_name(remote, suffix)
    base = bare_name({field.name: field.base for field in edit.fields}, suffix)
    local = bare_name({field.name: field.local for field in edit.fields}, suffix)
    pin = sha256(text_of([base, local, found]).encode()).hexdigest()[:32]
    blank = Step(edit.object, edit.id, "refused", edit.known_as, pin=pin, edit=edit, remote=remote)
    if edit.refused:
        return replace(blank, reason="; ".join(edit.refused))
    match edit.kind:
        case "delete":
            return _deleted(blank, base, found)
        case "create":
            return _created(thing, blank, local, found)
        case _:
            return _updated(blank, base, local, found)


def _deleted(blank: Step, base: Values, remote: Values | None) -> Step:
    if remote is None:
        return replace(blank, action="adopt", reason="deleted on both sides")
    if any(not same(_present(remote.get(name)), _present(value)) for name, value in base.items()):
        return replace(blank, action="conflict", reason="deleted here, edited in the workspace")
    return replace(blank, action="delete", requests=1)


def _created(thing: Object, blank: Step, local: Values, remote: Values | None) -> Step:
    """`remote` is the record of the same natural key."""
    if remote is None:
        changes = tuple(Change(name, None, value) for name, value in local.items())
        return replace(blank, action="create", changes=changes, requests=2)
    mine = {name: value for name, value in local.items() if name in thing.editable}
    if all(same(_present(remote.get(name)), _present(value)) for name, value in mine.items()):
        return replace(blank, action="adopt", reason="the workspace has an equal one")
    return replace(blank, action="conflict", reason="the workspace has another one of this name")


def _updated(blank: Step, base: Values, local: Values, remote: Values | None) -> Step:
    if remote is None:
        return replace(blank, action="conflict", reason="edited here, deleted in the workspace")
    theirs = {name: remote.get(name) for name in local}
    match merge(dict(base), dict(local), theirs, SHAPES):
        case Conflict(clashes=clashes):
            why = "; ".join(f"{'.'.join(each.path)}: {each.reason}" for each in clashes)
            return replace(blank, action="conflict", reason=why)
        case Push(value=value) | Both(value=value):
            changed = [name for name in local if not same(_present(theirs[name]), _present(value.get(name)))]
            changes = tuple(Change(name, theirs[name], value.get(name)) for name in changed)
            if cleared := [each.name for each in changes if each.after is None]:
                return replace(blank, reason=f"{', '.join(cleared)}: Segment's API cannot clear a value; set another")
            return replace(blank, action="update", changes=changes, requests=2)
        case Equal():
            return replace(blank, action="adopt", reason="equal on both sides")
        case _:
            return replace(blank, action="adopt", reason="only the workspace was edited")


def _present(value: Any) -> Any:
    """A null field is the same as an absent one."""
    return ABSENT if value is None else value
