"""What is particular to rules: they have no id, they need their plan, and they can be renamed. Decisions, no writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from replicator.catalog import by_name
from replicator.merge.values import same
from replicator.partitions import partitions
from replicator.sync.decide import yielding
from replicator.sync.model import WRITES
from replicator.sync.written import RULES, identity

if TYPE_CHECKING:
    from replicator.edits import Edit
    from replicator.merge import Side
    from replicator.partitions import Partition
    from replicator.sync.model import Action, Step
    from replicator.sync.remote import Remote
    from replicator.target.unanswered import Sent

Identity = tuple[Any, ...]
#: Of no consequence where an object has no window.
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
#: A rule's columns that can be edited, by the API's names.
_FIELDS = {"key": "key", "json_schema": "jsonSchema"}
#: Rules of these types have no key (resources.md, "Reads that bite").
_KEYLESS = frozenset({"IDENTIFY", "GROUP", "COMMON"})


def listing_of(plan: str) -> Partition:
    """The plan's rules, as they are listed."""
    thing = by_name[RULES]
    (one,) = partitions(thing, {thing.parents[0].object: [{"id": plan}]}, (), _NEVER, None)
    return one


def as_named(edit: Edit, sent: Sent, remote: Remote) -> Edit:
    """By the name that the workspace has: a rename that was cut off may have had its effect, and been changed since."""
    known, writes = edit.known_as, sent.get("key", ())
    names = [known.get("key"), *(after for _, after in reversed(writes)), *(before for before, _ in writes)]
    there = (name for name in names if remote.rule({**known, "key": name}) is not None)
    name = next(there, None) if writes else None
    if name is None or edit.kind == "create":
        return edit
    fields = tuple(replace(each, base=name) if each.name == "key" else each for each in edit.fields)
    return replace(edit, known_as={**known, "key": name}, fields=fields)


def new_key(edit: Edit) -> str | None:
    """The key that the edit gives a rule in place of another one."""
    found = (str(each.local) for each in edit.fields if each.name == "key" and each.local != edit.known_as.get("key"))
    return next(found, None) if edit.kind == "update" else None


def renames(step: Step) -> bool:
    """Whether a rule gets another key."""
    return step.edit is not None and new_key(step.edit) is not None


def identity_after(step: Step) -> Identity:
    """By what the rule is known once the step is done."""
    key = new_key(step.edit) if step.edit and step.action != "pull" else None
    return identity(step.known_as if key is None else {**step.known_as, "key": key})


def claimed(edit: Edit) -> Identity | None:
    """What a rule is to be known by that was not, or by another key."""
    key = new_key(edit)
    if edit.kind != "create" and key is None:
        return None
    return identity(edit.known_as if key is None else {**edit.known_as, "key": key})


def less_unfit(edits: Sequence[Edit]) -> list[Edit]:
    """New rules that have a key and must have none, and all rows that are to be the same rule, are refused."""
    rows = Counter(_place(each) for each in edits)
    return [replace(each, refused=(*each.refused, *_unfit(each, rows[_place(each)]))) for each in edits]


def _unfit(edit: Edit, rows: int) -> Iterable[str]:
    known = edit.known_as
    if edit.kind == "create" and known.get("key") and known.get("type") in _KEYLESS:
        yield f"a rule of the type {known['type']} has no key: leave it out"
    if claimed(edit) is not None and rows > 1:
        yield f"{rows} rows here are to be one rule, of this type, key and version: keep one of them"


def _place(edit: Edit) -> tuple[Any, ...]:
    return edit.known_as.get("tracking_plan_id"), claimed(edit)


def reloaded(edits: Sequence[Edit]) -> list[Edit]:
    """A rule that was deleted here and added again is one edit, whose base is that of the rule that was deleted."""
    gone = {_whole(each): each for each in edits if each.kind == "delete"}
    again = {_whole(each) for each in edits if each.kind == "create"} & gone.keys()
    return [
        _on(gone[_whole(each)], each) if each.kind == "create" and _whole(each) in again else each
        for each in edits
        if each.kind != "delete" or _whole(each) not in again
    ]


def _whole(edit: Edit) -> tuple[Any, ...]:
    return edit.known_as.get("tracking_plan_id"), identity(edit.known_as)


def _on(gone: Edit, added: Edit) -> Edit:
    base = {each.name: each.base for each in gone.fields}
    return replace(added, fields=tuple(replace(each, base=base.get(each.name)) for each in added.fields))


def in_turn(steps: Sequence[Step], decide: Callable[[Edit, Container[Identity]], Step]) -> list[Step]:
    """The steps of one plan's rules, decided anew where they claim what another of them gives up by then."""
    free: set[Identity] = set()
    found = list(steps)
    while new := {identity(each.known_as) for each in found if each.action in WRITES and _leaves(each)} - free:
        free |= new
        found = [decide(each.edit, free) if each.edit and claimed(each.edit) in new else each for each in found]
    stuck = {identity(each.known_as): claimed(each.edit) for each in found if _is_stuck(each) and each.edit}
    why = "rules cannot take each other's keys in one push: give one of them a third key, push, then the right one"
    return [
        replace(each, action="refused", changes=(), overruled=(), requests=0, reason=why)
        if _is_stuck(each) and _in_a_circle(identity(each.known_as), stuck)
        else each
        for each in found
    ]


def _is_stuck(step: Step) -> bool:
    return renames(step) and step.action in {"conflict", "pull"}


def _in_a_circle(one: Identity, claims: Mapping[Identity, Identity | None]) -> bool:
    at = claims.get(one)
    for _ in claims:
        if at is None or at == one:
            break
        at = claims.get(at)
    return at == one


def _leaves(step: Step) -> bool:
    """Whether another rule may be known as this one is."""
    return step.edit is not None and (step.edit.kind == "delete" or (renames(step) and step.action != "pull"))


def turns(steps: Sequence[Step]) -> list[list[Step]]:
    """Who claims what another of the steps gives up waits for it."""
    left, found = list(steps), []
    while left:
        held = {identity(each.known_as): each.id for each in left if _leaves(each)}
        waiting = [each for each in left if held.get(identity_after(each), each.id) != each.id]
        # A circle is left as it is: what decides leaves none.
        waits = {each.id for each in waiting} if len(waiting) < len(left) else set()
        found.append([each for each in left if each.id not in waits])
        left = [each for each in left if each.id in waits]
    return found


def rule_step(
    step: Step, edit: Edit, remote: Remote, free: Container[Identity] = (), prefer: Side | None = None
) -> Step:
    """What is particular to rules: they need their plan, they can be renamed, and an upsert also makes a new one.

    What the rules that are `free` are known by is given up before.
    """
    if step.action == "refused":
        return step
    if remote.lacks_plan(edit) and edit.kind != "delete" and step.action != "pull":
        action: Action = "refused" if edit.kind == "create" else "conflict"
        return replace(step, action=action, changes=(), reason="its tracking plan is not in the workspace", requests=0)
    key = new_key(edit)
    if key is not None:
        there = None if claimed(edit) in free else remote.rule({**edit.known_as, "key": key})
        return _renamed(step, edit, there, key, prefer)
    if edit.kind != "create" and step.action == "create":
        return replace(step, action="update")
    gone = step.action == "conflict" and step.remote is None and edit.kind == "update"
    if gone and (new := remote.renamed(edit)):
        return replace(step, reason=f"edited here, renamed to {new} in the workspace")
    return step


def _renamed(step: Step, edit: Edit, there: Mapping[str, Any] | None, key: str, prefer: Side | None) -> Step:
    """A rename that was cut off after its effect is done already; a name that is taken cannot be given."""
    if there is None:
        if step.remote is None:
            # An upsert without the old rule would make another one of the new name.
            why = "renamed here, deleted in the workspace"
            return (
                step if step.action == "pull" else replace(step, action="conflict", changes=(), requests=0, reason=why)
            )
        return step
    mine = {each.name: each.local for each in edit.fields} | {"key": key}
    if step.remote is None and all(same(there.get(_FIELDS[name]), value) for name, value in mine.items()):
        return replace(step, action="adopt", changes=(), requests=0, reason="renamed in the workspace already")
    # Ours cannot win: nobody said that the other rule shall go.
    theirs: Side | None = "remote" if prefer == "remote" else None
    return yielding(replace(step, changes=(), requests=0), theirs, taken(key), mine)


def taken(key: str) -> str:
    """Why a rule cannot be given that key."""
    return f"the workspace has another rule of the key {key}"
