"""A plan made, and a plan performed, over all writable objects of a connection."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from replicator import masks, pace
from replicator.catalog import by_name
from replicator.errors import ConfigError, SegmentError
from replicator.hints import TRAIL
from replicator.options import layout_of
from replicator.run import holding, kept_mask_key, same_workspace
from replicator.sync.afterwards import Afterwards
from replicator.sync.journal import Journal
from replicator.sync.look import PLANS, Look
from replicator.sync.meanwhile import SLACK, Moment, others
from replicator.sync.model import Allowed, Done, Step
from replicator.sync.push import Push
from replicator.sync.push_rules import PushRules
from replicator.sync.remote import Remote, suffix_of, workspace
from replicator.sync.sending import Sending
from replicator.sync.settle import Settling
from replicator.sync.written import RULES
from replicator.target.bookkeeping import bookkeeping
from replicator.target.state import State

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.target.database import Target

__all__ = ["Allowed", "apply", "plan"]

log = logging.getLogger(__name__)


def plan(target: Target, client: Client, options: Options, allowed: Allowed) -> list[Step]:
    """What would be sent, for each edit of the writable objects; nothing is written on either side."""
    mask = masks.keyed(options.mask_key or kept_mask_key(target, bookkeeping(target.dialect)))
    look = Look(target, options, _remote(target, client), allowed, mask)
    with pace.steady():
        return [step for thing in _things(options) for group in look.groups(thing) for step in group]


def apply(
    target: Target, client: Client, options: Options, allowed: Allowed, planned: Sequence[Step] | None = None
) -> list[Done]:
    """Performs what there is to do, or what was `planned`, as far as neither side moved since."""
    with holding(target, "push") as (ledger, lease):
        asked = client.requests
        try:
            same_workspace(target, client, ledger)
            key = options.mask_key or kept_mask_key(target, ledger.books)
            look = Look(target, options, Remote(client, suffix_of(client)), allowed, masks.keyed(key))
            journal = Journal(target, ledger.books, ledger.run_id)
            with target.begin() as connection:
                lease.check(connection)
                journal.close_dead(connection)
            found: list[Done] = []
            moments: list[Moment] = []

            def settling(thing: Object) -> Settling:
                kept, hard = thing.name in options.history, options.hard_of(thing)
                return Settling(target, lease, ledger, layout_of(thing, options), look.mask, key, kept, hard)

            for thing in _things(options):
                rules = settling(by_name[RULES]) if thing.name == PLANS else None
                rules = rules if rules and rules.has_table() else None
                sending = Sending(thing, look.remote, settling(thing), journal, allowed.deploy, rules, moments)
                mine = None if planned is None else [each for each in planned if each.object == thing.name]
                found += _Applying(look, sending, _deleted_plans(found)).perform(mine)
            found = _with_others(look, journal, moments, found)
        except BaseException as error:
            ledger.finish(
                "failed", f"the push broke off ({type(error).__name__})", {"requests": client.requests - asked}
            )
            raise
        worst = "done" if all(each.outcome == "done" for each in found) else "partial"
        ledger.finish(worst, None, {"requests": client.requests - asked})
        return found


def _with_others(look: Look, journal: Journal, moments: Sequence[Moment], done: Sequence[Done]) -> list[Done]:
    """With a word about writes that may have overwritten somebody's edit, where the audit trail is replicated here."""
    with look.target.reading() as connection:
        trail = State(journal.books, journal.scope).read(connection, TRAIL)
    if not moments or trail.status != "done":
        return list(done)
    about = {each.about for each in moments}
    since = min(each.looked for each in moments) - SLACK
    try:
        events = look.remote.events(since, about.pop() if len(about) == 1 else None)
    except SegmentError as error:
        if error.stops_everything:
            raise
        log.warning("the audit trail was not asked who else was at work", extra={"why": str(error)})
        return list(done)
    covers = layout_of(by_name[TRAIL], look.options).covers
    found = others(moments, [masks.covered(each, covers, look.mask) for each in events])
    with look.target.begin() as connection:
        for step, why in found:
            journal.remark(connection, step.object, step.id, why)
    told = {(step.object, step.id): why for step, why in found}
    return [_told(each, told.get((each.step.object, each.step.id))) for each in done]


def _told(done: Done, why: str | None) -> Done:
    return replace(done, error="; ".join(filter(None, (done.error, why)))) if why else done


@dataclass(frozen=True, slots=True)
class _Applying:
    """The edits of one writable object."""

    look: Look
    sending: Sending
    #: The plans that this push deleted, with their rules.
    deleted: frozenset[str] = frozenset()
    #: Conflicts that nobody decided yet.
    standing: list[Step] = field(default_factory=list)

    def perform(self, planned: Sequence[Step] | None) -> list[Done]:
        thing, settling = self.sending.thing, self.sending.settling
        afterwards = Afterwards(self.sending)
        push = PushRules(self.sending) if thing.name == RULES else Push(self.sending, afterwards)
        found: list[Done] = []
        try:
            for steps in self._groups(planned, found):
                done = push.perform(steps)
                self.standing.extend(each.step for each in done if each.outcome == "conflict")
                found += done
                self.sending.publish(all_=False)
        finally:
            self.sending.publish()
        if thing.name == "SourceFunctions" and self.sending.deploy:
            afterwards.deploy_left()
        if thing.name == PLANS:
            found += afterwards.connect_left()
        with settling.target.begin() as connection:
            settling.lease.check(connection)
            self.sending.journal.keep_conflicts(connection, thing.name, self.standing)
        return found

    def _groups(self, planned: Sequence[Step] | None, found: list[Done]) -> Iterator[list[Step]]:
        """The steps; of those that were planned only the ones that are as they were then, the others are told.

        What may not be sent any more, or not again, is told with that reason.
        """
        left = {each.id: each for each in planned or ()}
        for steps in self.look.groups(self.sending.thing):
            if planned is None:
                yield steps
                continue
            made = self.look.remote.made_plans
            same = [each for each in steps if each.id in left and _is_as(each, left[each.id], made)]
            self.standing.extend(each for each in steps if each.action == "conflict" and each not in same)
            for each in same:
                del left[each.id]
            yield same
        why = "one of the sides changed since the plan was made: plan again"
        for each in left.values():
            went = each.action == "delete" and each.known_as.get("tracking_plan_id") in self.deleted
            found.append(Done(each, "done") if went else Done(each, "moved", why))


def _is_as(now: Step, planned: Step, made_plans: Mapping[str, str]) -> bool:
    """A rule of a new plan was planned under the id that the plan had here until it was made."""
    plan = now.known_as.get("tracking_plan_id")
    same = planned.known_as.get("tracking_plan_id") in {plan, made_plans.get(str(plan), plan)}
    return same and now.pin == planned.pin and now.action in {planned.action, "refused"}


def _deleted_plans(done: Sequence[Done]) -> frozenset[str]:
    steps = (each.step for each in done if each.outcome == "done" and each.step.object == PLANS)
    return frozenset(each.id for each in steps if each.edit and each.edit.kind == "delete" and each.action != "pull")


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
