"""A plan made, and a plan performed, over all writable objects of a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from replicator import masks
from replicator.edits import Edit, edits
from replicator.errors import ConfigError
from replicator.merge.values import same
from replicator.options import layout_of
from replicator.run import holding, kept_mask_key, same_workspace
from replicator.sync.decide import columns_of, decide, preferred
from replicator.sync.journal import Journal
from replicator.sync.model import Action, Done, Policy, Step
from replicator.sync.push import Push
from replicator.sync.remote import Remote, workspace
from replicator.sync.settle import Settling
from replicator.sync.written import RULES
from replicator.target.base import base_table
from replicator.target.bookkeeping import bookkeeping
from replicator.target.publish import GUARD_ROWS, GUARD_SHARE

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.target.database import Target

#: A rule's columns that can be edited, by the API's names.
_FIELDS = {"key": "key", "json_schema": "jsonSchema"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be sent."""

    push: bool = False
    deletes: bool = False
    deploy: bool = False
    #: What becomes of conflicts.
    policy: Policy = "error"
    #: Objects of which more records may be deleted than the guard lets vanish.
    many_deletes: frozenset[str] = frozenset()


def plan(target: Target, client: Client, options: Options, allowed: Allowed) -> list[Step]:
    """What would be sent, for each edit of the writable objects; nothing is written on either side."""
    remote = _remote(target, client)
    mask = masks.keyed(options.mask_key or kept_mask_key(target, bookkeeping(target.dialect)))
    return [step for thing in _things(options) for step in _steps(target, thing, options, remote, allowed, mask)]


def apply(
    target: Target, client: Client, options: Options, allowed: Allowed, planned: Sequence[Step] | None = None
) -> list[Done]:
    """Performs what there is to do, or what was `planned`, as far as neither side moved since."""
    with holding(target, "push") as (ledger, lease):
        asked = client.requests
        try:
            same_workspace(target, client, ledger)
            remote = Remote(client, _suffix(client))
            key = options.mask_key or kept_mask_key(target, ledger.books)
            mask = masks.keyed(key)
            journal = Journal(target, ledger.books, ledger.run_id)
            found: list[Done] = []
            for thing in _things(options):
                kept = thing.name in options.history
                settling = Settling(target, lease, ledger, layout_of(thing, options), mask, key, kept)
                push = Push(thing, remote, settling, journal, allowed.deploy)
                steps = list(_steps(target, thing, options, remote, allowed, mask))
                standing = [each for each in steps if each.action == "conflict"]
                if planned is not None:
                    steps, moved = _still(steps, [each for each in planned if each.object == thing.name])
                    found += moved
                done = push.perform(steps)
                standing += [each.step for each in done if each.outcome == "conflict" and each.step not in standing]
                found += done
                if thing.name == "SourceFunctions" and allowed.deploy:
                    push.deploy_left()
                if thing.name == "TrackingPlans":
                    found += push.connect_left()
                with target.begin() as connection:
                    lease.check(connection)
                    journal.keep_conflicts(connection, thing.name, standing)
        except BaseException as error:
            ledger.finish(
                "failed", f"the push broke off ({type(error).__name__})", {"requests": client.requests - asked}
            )
            raise
        worst = "done" if all(each.outcome == "done" for each in found) else "partial"
        ledger.finish(worst, None, {"requests": client.requests - asked})
        return found


def _still(steps: Sequence[Step], planned: Sequence[Step]) -> tuple[list[Step], list[Done]]:
    """Those that are as they were planned, and the others."""
    now = {each.id: each for each in steps}
    same: list[Step] = []
    moved: list[Done] = []
    for each in planned:
        found = now.get(each.id)
        if found and (found.action, found.pin) == (each.action, each.pin):
            same.append(found)
        else:
            moved.append(Done(each, "moved", "one of the sides changed since the plan was made: plan again"))
    return same, moved


def _things(options: Options) -> list[Object]:
    """Plans go before their rules, which may be those of a new plan."""
    return [thing for thing in options.objects if thing.editable]


def _remote(target: Target, client: Client) -> Remote:
    identifier, name = workspace(client)
    settings = bookkeeping(target.dialect).settings
    key = f"workspace:{target.place.scope}" if target.place.scope else "workspace"
    with target.reading() as connection:
        known = connection.execute(select(settings.c.value).where(settings.c.name == key)).scalar()
    if known is not None and known != identifier:
        raise ConfigError(f"The token belongs to workspace {identifier}, but {target.where} holds workspace {known}.")
    return Remote(client, f" ({name})" if name else "")


def _suffix(client: Client) -> str:
    name = workspace(client)[1]
    return f" ({name})" if name else ""


def _steps(
    target: Target, thing: Object, options: Options, remote: Remote, allowed: Allowed, mask: masks.Mask
) -> Iterator[Step]:
    layout = layout_of(thing, options)
    with target.reading() as connection:
        # The rules of one plan after the other, since they are listed by plan.
        found = sorted(edits(target, connection, layout), key=lambda edit: str(edit.known_as.get("tracking_plan_id")))
        wanted = Journal(target, bookkeeping(target.dialect), "").wanted_sources(connection)
    sources = {plan: names for _, plan, names in wanted} if thing.name == "TrackingPlans" else {}
    steps = []
    for edit in found:
        record = None if edit.refused else remote.of(thing, edit)
        # What is hidden in the rows is hidden in what they are compared with, and in what is kept of it.
        seen = None if record is None else columns_of(thing, masks.covered(record, layout.covers, mask))
        prefer = preferred(allowed.policy, edit, record.get("updatedAt") if record else None)
        step = decide(thing, edit, seen, remote.suffix, prefer)
        step = rule_step(step, edit, remote) if thing.name == RULES else step
        steps.append(_with_sources(step, sources) if edit.id in sources else step)
    deletes = sum(each.action == "delete" for each in steps)
    why = _why_no_deletes(target, thing, options, deletes, allowed)
    for step in steps:
        yield replace(step, action="refused", reason=why, requests=0) if step.action == "delete" and why else step


def _with_sources(step: Step, sources: Mapping[str, Sequence[str]]) -> Step:
    """A restored plan is connected again to the sources that it had."""
    if step.action != "create":
        return step
    told = f"then its sources are connected: {', '.join(sources[step.id])}"
    return replace(step, reason=told, requests=step.requests + 1 + len(sources[step.id]))


def rule_step(step: Step, edit: Edit, remote: Remote) -> Step:
    """What is particular to rules: they need their plan, they can be renamed, and an upsert also makes a new one."""
    if step.action == "refused":
        return step
    if remote.lacks_plan(edit) and edit.kind != "delete" and step.action != "pull":
        action: Action = "refused" if edit.kind == "create" else "conflict"
        return replace(step, action=action, changes=(), reason="its tracking plan is not in the workspace", requests=0)
    key = next((each for each in edit.fields if each.name == "key"), None)
    if edit.kind == "update" and key is not None:
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


def _why_no_deletes(target: Target, thing: Object, options: Options, deletes: int, allowed: Allowed) -> str | None:
    if not deletes:
        return None
    if not allowed.deletes:
        return "deletions are not sent: set push_deletes = true for this connection if they shall be"
    table = base_table(target, layout_of(thing, options))
    with target.reading() as connection:
        total = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    if thing.name in allowed.many_deletes or deletes <= max(GUARD_ROWS, total * GUARD_SHARE):
        return None
    return (
        f"{deletes} of {total} records would be deleted, more than the guard lets vanish at once:"
        f" if that is right, give --allow-deletes {thing.name}"
    )
