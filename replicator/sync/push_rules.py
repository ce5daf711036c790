"""The steps of rules, performed: one plan at a time, in batches, by PATCH and DELETE, never by PUT."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from replicator.errors import NotFound, SegmentError
from replicator.merge.values import holds, same
from replicator.segment.client import Ask, Lost
from replicator.sync import written as api
from replicator.sync.model import Done, Step
from replicator.sync.rules import Identity, identity_after, listing_of, renames, turns
from replicator.sync.sending import BAD, TRIES, Sending, State, edit_of, waiting
from replicator.sync.settle import TwoRows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.rows import Row

#: The API's word that one thing in the request is wrong, so that a part of it may be right.
_ITEM = BAD | {404, 409}

Rules = Mapping[Identity, Mapping[str, Any]]
AskFor = Callable[[str, Sequence[Mapping[str, Any]]], Ask]


@dataclass(frozen=True, slots=True)
class PushRules:
    sending: Sending
    #: By the ids of steps, the rows of the journal that say `sent` until what was sent is settled, and of what request.
    unsettled: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def perform(self, steps: Sequence[Step]) -> list[Done]:
        """All rules of one plan: upserts, then removals, in batches, then one listing that shows what came of it.

        What claims a key that another one gives up waits for it.
        """
        told, todo = waiting(steps)
        if not todo:
            return told
        plan = str(todo[0].known_as.get("tracking_plan_id"))
        if plan.startswith("new:"):
            return told + [Done(each, "refused", "its tracking plan was not made") for each in todo]
        return told + self._perform(plan, todo)

    def _perform(self, plan: str, steps: Sequence[Step]) -> list[Done]:
        remote, settling = self.sending.remote, self.sending.settling
        order = turns(steps)
        there = set(remote.rules(plan) or {})
        found = [done for turn in order for done in self._turn(plan, turn, there)]
        if found:
            remote.forget(plan)
        rules = remote.rules(plan)
        given = {identity_after(each.step) for each in found if each.outcome == "done" and each.step.action != "delete"}
        looked = [self._heeded(each, rules, given) for each in found]
        adopted = [each for each in steps if each.action in {"adopt", "pull"}]
        done = {each.id: each for each in (*(step for _, step in looked if step), *adopted)}
        touched = {identity_after(each) for each in done.values()}
        listing = listing_of(plan)
        encoded = {
            identity: settling.encode([rule], listing)
            for identity, rule in (rules or {}).items()
            if identity in touched
        }
        with settling.target.begin() as connection:
            settling.lease.check(connection)
            for step in (done[each.id] for turn in order for each in turn if each.id in done):
                self._end(connection, step)
                self.sending.journal.overrule(connection, step)
                self._settle(connection, step, encoded.get(identity_after(step), []))
        self.sending.rows += [row for rows in encoded.values() for row in rows]
        return [told for told, _ in looked] + [Done(each, "done") for each in adopted]

    def _turn(self, plan: str, steps: Sequence[Step], there: set[Identity]) -> list[Done]:
        """`there` is by what the rules are known, which is kept up."""
        puts = [each for each in steps if each.action in {"create", "update"}]
        removals = [each for each in steps if each.action == "delete"]
        held = [each for each in puts if (renames(each) or each.remote is None) and identity_after(each) in there]
        why = "the rule that has its key in the workspace was to give it up, and did not"
        found = [Done(each, "refused", why) for each in held]
        gone = {each.id for each in held}
        puts = [each for each in puts if each.id not in gone]
        for at in range(0, len(puts), api.RULES_AT_ONCE):
            found += self._batch(plan, puts[at : at + api.RULES_AT_ONCE], api.upsert)
        for at in range(0, len(removals), api.REMOVALS_AT_ONCE):
            found += self._batch(plan, removals[at : at + api.REMOVALS_AT_ONCE], api.removal)
        for step in (each.step for each in found if each.outcome == "done"):
            if step.action == "delete" or renames(step):
                there.discard(api.identity(step.known_as))
            if step.action != "delete":
                there.add(identity_after(step))
        return found

    def _heeded(self, done: Done, rules: Rules | None, given: Container[Identity]) -> tuple[Done, Step | None]:
        """What came of it, and what of it is to be settled: what was answered with success may have had no effect.

        `rules` are there now, of which other steps put in the `given` ones.
        """
        step = done.step
        if done.outcome != "done":
            return done, None
        if _is_nowhere(step, rules):
            return self.sending.lost(step, self._open(step), "it was sent, but the rule cannot be found"), None
        ignored = self._ignored(step, rules or {}, given)
        if not ignored:
            return done, step
        why = f"Segment took no notice of {' and '.join(ignored)}"
        self.sending.end(self._open(step), "ignored", f"{why}.")
        edit = edit_of(step)
        left = tuple(each for each in edit.fields if each.name not in ignored) if edit.kind == "update" else ()
        told = Done(step, "refused", f"{why}; it stays as it is here", done.request_id)
        return told, replace(step, edit=replace(edit, fields=left)) if left else None

    def _ignored(self, step: Step, rules: Rules, given: Container[Identity]) -> list[str]:
        """What is as it was before: the whole, or of an update some columns."""
        was, after = api.identity(step.known_as), identity_after(step)
        if step.action == "delete":
            return ["it"] if was in rules and was not in given and self._as_it_was(step, rules[was]) else []
        if step.action == "create":
            return [] if after in rules else ["it"]
        keeps = after != was and was in rules and was not in given
        rule, wanted = rules.get(was if keeps else after), _schema_of(step)
        found = ["key"] if keeps else []
        if rule is not None and wanted is not None and not same(rule.get("jsonSchema"), wanted):
            found += ["json_schema"] if self._as_it_was(step, rule) else []
        return found

    def _open(self, step: Step) -> list[str]:
        return [self.unsettled.pop(step.id)[0]] if step.id in self.unsettled else []

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


def _is_nowhere(step: Step, rules: Rules | None) -> bool:
    """Whether what was put there has gone meanwhile, or is there by a name that nobody gave it."""
    if step.action == "delete":
        return False
    return rules is None or (renames(step) and not {api.identity(step.known_as), identity_after(step)} & rules.keys())


def _schema_of(step: Step) -> Any:
    return next((each.after for each in step.changes if each.name == "json_schema"), None)
