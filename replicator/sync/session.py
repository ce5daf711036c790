"""A plan made, and a plan performed, over all writable objects of a connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from replicator import masks
from replicator.edits import edits
from replicator.errors import ConfigError
from replicator.options import layout_of
from replicator.run import holding, kept_mask_key, same_workspace
from replicator.sync.decide import columns_of, decide
from replicator.sync.journal import Journal
from replicator.sync.model import Done, Step
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be sent."""

    push: bool = False
    deletes: bool = False
    deploy: bool = False
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
    steps = []
    for edit in found:
        record = None if edit.refused else remote.of(thing, edit)
        # What is hidden in the rows is hidden in what they are compared with, and in what is kept of it.
        seen = None if record is None else columns_of(thing, masks.covered(record, layout.covers, mask))
        step = decide(thing, edit, seen, remote.suffix)
        if thing.name == RULES and step.action == "create" and remote.lacks_plan(edit):
            step = replace(step, action="refused", reason="its tracking plan is not in the workspace", requests=0)
        steps.append(step)
    deletes = sum(each.action == "delete" for each in steps)
    why = _why_no_deletes(target, thing, options, deletes, allowed)
    for step in steps:
        yield replace(step, action="refused", reason=why, requests=0) if step.action == "delete" and why else step


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
