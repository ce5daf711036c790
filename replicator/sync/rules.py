"""What is particular to rules: they have no id, they need their plan, and they can be renamed. Decisions, no writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from replicator.catalog import by_name
from replicator.merge.values import same
from replicator.partitions import partitions
from replicator.sync.written import RULES

if TYPE_CHECKING:
    from replicator.edits import Edit
    from replicator.partitions import Partition
    from replicator.sync.model import Action, Step
    from replicator.sync.remote import Remote
    from replicator.target.unanswered import Sent

#: Of no consequence where an object has no window.
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
#: A rule's columns that can be edited, by the API's names.
_FIELDS = {"key": "key", "json_schema": "jsonSchema"}


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


def rule_step(step: Step, edit: Edit, remote: Remote) -> Step:
    """What is particular to rules: they need their plan, they can be renamed, and an upsert also makes a new one."""
    if step.action == "refused":
        return step
    if remote.lacks_plan(edit) and edit.kind != "delete" and step.action != "pull":
        action: Action = "refused" if edit.kind == "create" else "conflict"
        return replace(step, action=action, changes=(), reason="its tracking plan is not in the workspace", requests=0)
    key = next((each for each in edit.fields if each.name == "key"), None)
    if edit.kind == "update" and key is not None and key.local != edit.known_as.get("key"):
        return _renamed(step, edit, remote, str(key.local))
    if edit.kind != "create" and step.action == "create":
        return replace(step, action="update")
    gone = step.action == "conflict" and step.remote is None and edit.kind == "update"
    if gone and (new := remote.renamed(edit)):
        return replace(step, reason=f"edited here, renamed to {new} in the workspace")
    return step


def _renamed(step: Step, edit: Edit, remote: Remote, key: str) -> Step:
    """A rename that was cut off after its effect is done already; a name that is taken cannot be given."""
    there = remote.rule({**edit.known_as, "key": key})
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
    why = f"the workspace has another rule of the key {key}"
    return replace(step, action="conflict", changes=(), requests=0, reason=why)
