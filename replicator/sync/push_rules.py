"""The steps of rules, performed: one plan at a time, in batches, by PATCH and DELETE, never by PUT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from replicator.errors import NotFound, SegmentError
from replicator.merge.values import holds, same
from replicator.segment.client import Ask, Lost
from replicator.sync import written as api
from replicator.sync.model import Done, Step
from replicator.sync.rules import listing_of
from replicator.sync.sending import BAD, TRIES, Sending, State, edit_of, waiting
from replicator.sync.settle import TwoRows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.rows import Row

#: The API's word that one thing in the request is wrong, so that a part of it may be right.
_ITEM = BAD | {404, 409}

AskFor = Callable[[str, Sequence[Mapping[str, Any]]], Ask]


@dataclass(frozen=True, slots=True)
class PushRules:
    sending: Sending
    #: By the ids of steps, the rows of the journal that say `sent` until what was sent is settled, and of what request.
    unsettled: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def perform(self, steps: Sequence[Step]) -> list[Done]:
        """All rules of one plan: upserts, then removals, in batches, then one listing that shows what came of it."""
        told, todo = waiting(steps)
        if not todo:
            return told
        plan = str(todo[0].known_as.get("tracking_plan_id"))
        if plan.startswith("new:"):
            return told + [Done(each, "refused", "its tracking plan was not made") for each in todo]
        return told + self._perform(plan, todo)

    def _perform(self, plan: str, steps: Sequence[Step]) -> list[Done]:
        remote, settling = self.sending.remote, self.sending.settling
        adopted = [each for each in steps if each.action in {"adopt", "pull"}]
        puts = [each for each in steps if each.action in {"create", "update"}]
        removals = [each for each in steps if each.action == "delete"]
        found: list[Done] = []
        for at in range(0, len(puts), api.RULES_AT_ONCE):
            found += self._batch(plan, puts[at : at + api.RULES_AT_ONCE], api.upsert)
        for at in range(0, len(removals), api.REMOVALS_AT_ONCE):
            found += self._batch(plan, removals[at : at + api.REMOVALS_AT_ONCE], api.removal)
        if puts or removals:
            remote.forget(plan)
        rules = remote.rules(plan)
        found = [self._heeded(each, rules or {}) for each in found]
        done = [each.step for each in found if each.outcome == "done"]
        touched = {identity_after(each) for each in [*done, *adopted]}
        listing = listing_of(plan)
        encoded = {
            identity: settling.encode([rule], listing)
            for identity, rule in (rules or {}).items()
            if identity in touched
        }
        with settling.target.begin() as connection:
            settling.lease.check(connection)
            for step in [*done, *adopted]:
                self._end(connection, step)
                self.sending.journal.overrule(connection, step)
                self._settle(connection, step, encoded.get(identity_after(step), []))
        self.sending.rows += [row for rows in encoded.values() for row in rows]
        return found + [Done(each, "done") for each in adopted]

    def _heeded(self, done: Done, rules: Mapping[tuple[Any, ...], Mapping[str, Any]]) -> Done:
        """What was answered with success may have had no effect all the same."""
        step, rule = done.step, rules.get(identity_after(done.step))
        wanted = _schema_of(step)
        if done.outcome != "done" or step.action != "update" or rule is None or wanted is None:
            return done
        if same(rule.get("jsonSchema"), wanted) or not self._as_it_was(step, rule):
            return done
        self.sending.end([self.unsettled.pop(step.id)[0]], "ignored", "Segment took no notice of it")
        why = "Segment took no notice of json_schema; it stays as it is here"
        return Done(step, "refused", why, done.request_id)

    def _end(self, connection: Connection, step: Step) -> None:
        """Together with the base: what is done and not settled would be taken for somebody else's edit."""
        journal = self.sending.journal
        if step.id in self.unsettled:
            journal_id, request_id = self.unsettled.pop(step.id)
            journal.end(connection, [journal_id], "done", request_id=request_id)
        journal.settle(connection, step.object, step.id)

    def _settle(self, connection: Connection, step: Step, rows: Sequence[Row]) -> None:
        edit, settling = edit_of(step), self.sending.settling
        if edit.kind == "delete":
            settling.forget(connection, edit.id)
            return
        if step.action == "pull" and not rows:
            settling.bury(connection, edit)
            return
        if edit.kind == "create" and rows:
            try:
                edit = settling.name(connection, edit, rows[0], spare=step.action in {"adopt", "pull"})
            except TwoRows:
                # The next push finds that the workspace has what our row says.
                return
        elif rows:
            edit = settling.rename(connection, edit, rows[0])
        if step.action == "pull":
            settling.give_way(connection, edit)
        elif edit.kind != "create" and edit.fields:
            settling.agree(connection, edit)

    def _batch(self, plan: str, steps: Sequence[Step], ask_for: AskFor) -> list[Done]:
        """One request for all of them; by halves where the API refuses, so that one bad rule costs no other."""
        open_ = dict(zip(self.sending.intend(steps), steps, strict=True))
        found: list[Done] = []
        why = ""
        for _ in range(TRIES):
            try:
                ask = ask_for(plan, [self._rule(each) for each in open_.values()])
                answer = self.sending.write(open_.values(), ask)
            except SegmentError as error:
                return found + self._refused(plan, open_, ask_for, error)
            if not isinstance(answer, Lost):
                self.unsettled.update({step.id: (key, answer.request_id) for key, step in open_.items()})
                return found + [Done(each, "done", None, answer.request_id) for each in open_.values()]
            why = answer.why
            # Some of them may have had their effect, and others may have been edited there meanwhile.
            self.sending.remote.forget(plan)
            states = {journal_id: self._state(plan, step) for journal_id, step in open_.items()}
            found += [self._looked(open_.pop(each), each, state) for each, state in states.items() if state != "open"]
            if not open_:
                return found
        return found + [self.sending.lost(step, [journal_id], why) for journal_id, step in open_.items()]

    def _looked(self, step: Step, journal_id: str, state: State) -> Done:
        if state == "moved":
            return self.sending.moved(step, [journal_id])
        self.unsettled[step.id] = journal_id, None
        return Done(step, "done")

    def _state(self, plan: str, step: Step) -> State:
        rules = self.sending.remote.rules(plan) or {}
        was, after = api.identity(step.known_as), identity_after(step)
        if step.action == "delete":
            return "done" if was not in rules else "open" if self._as_it_was(step, rules[was]) else "moved"
        wanted = _schema_of(step)
        if after in rules and (after == was or was not in rules):
            there = rules[after].get("jsonSchema")
            changed = wanted is not None and not self._as_it_was(step, rules[after])
            if wanted is None or same(there, wanted) or (changed and holds(there, wanted)):
                return "done"
        if was not in rules:
            return "open" if step.remote is None else "moved"
        return "open" if self._as_it_was(step, rules[was]) else "moved"

    def _as_it_was(self, step: Step, rule: Mapping[str, Any]) -> bool:
        covered = self.sending.settling.covered(rule)
        return step.remote is not None and same(covered.get("jsonSchema"), step.remote.get("json_schema"))

    def _refused(self, plan: str, open_: Mapping[str, Step], ask_for: AskFor, error: SegmentError) -> list[Done]:
        steps, remote = list(open_.values()), self.sending.remote
        if len(steps) > 1:
            # Whose fault it is, nobody knows.
            self.sending.end(open_, "refused", str(error), request_id=error.request_id)
        else:
            self.sending.refuse(open_, error)
        if error.stops_everything:
            raise error
        if len(steps) > 1 and error.status in _ITEM:
            middle = len(steps) // 2
            return [done for half in (steps[:middle], steps[middle:]) for done in self._batch(plan, half, ask_for)]
        if ask_for is api.upsert and renames(steps[0]):
            # A rename whose answer was lost is refused the second time, since its new name is taken then.
            remote.forget(plan)
            rules = remote.rules(plan) or {}
            if api.identity(steps[0].known_as) not in rules and identity_after(steps[0]) in rules:
                self.unsettled[steps[0].id] = next(iter(open_)), error.request_id
                return [Done(steps[0], "done", None, error.request_id)]
        if isinstance(error, NotFound) and ask_for is api.removal:
            remote.forget(plan)
            if api.identity(steps[0].known_as) not in (remote.rules(plan) or {}):
                return [Done(steps[0], "done", None, error.request_id)]
        return [Done(each, "refused", str(error), error.request_id) for each in steps]

    def _rule(self, step: Step) -> dict[str, Any]:
        """As PATCH and DELETE take it; a rule without a key is sent without one."""
        known = {name: step.known_as.get(name) for name in ("type", "key", "version")}
        rule = {name: value for name, value in known.items() if value is not None}
        if step.action == "delete":
            return rule
        changed = {each.name: each.after for each in step.changes}
        if "json_schema" in changed:
            rule["jsonSchema"] = changed["json_schema"]
        else:
            # A rename needs the schema too: the one that the workspace has, of which nothing is hidden.
            rule["jsonSchema"] = (self.sending.remote.rule(step.known_as) or {}).get("jsonSchema")
        return rule | ({"newKey": changed["key"]} if renames(step) else {})


def renames(step: Step) -> bool:
    """Whether a rule gets another key."""
    return edit_of(step).kind == "update" and any(each.name == "key" for each in edit_of(step).fields)


def identity_after(step: Step) -> tuple[Any, ...]:
    """By what the rule is known once the step is done."""
    known = dict(step.known_as)
    if renames(step) and step.action != "pull":
        known["key"] = next(each.local for each in edit_of(step).fields if each.name == "key")
    return api.identity(known)


def _schema_of(step: Step) -> Any:
    return next((each.after for each in step.changes if each.name == "json_schema"), None)
