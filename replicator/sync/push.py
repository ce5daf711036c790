"""The steps, performed: each write is in the journal before it is sent, and settled once it is known to be done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from replicator.edits import edits
from replicator.errors import NotFound, SegmentError
from replicator.merge.values import same
from replicator.segment.client import Ask, Lost
from replicator.segment.decode import decode
from replicator.sync import written as api
from replicator.sync.decide import bare_name, columns_of, decide
from replicator.sync.model import Change, Done, Step

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.edits import Edit
    from replicator.rows import Row
    from replicator.segment.client import Answer
    from replicator.sync.journal import Journal
    from replicator.sync.remote import Remote
    from replicator.sync.settle import Settling

log = logging.getLogger(__name__)

#: An update or a removal says how things shall be, so that it may be sent again; not for ever.
_TRIES = 3
#: The API's word that one thing in the request is wrong, so that a part of it may be right.
_ITEM = frozenset({400, 404, 409, 422})


AskFor = Callable[[str, Sequence[Mapping[str, Any]]], Ask]


@dataclass
class Push:
    """For one writable object."""

    thing: Object
    remote: Remote
    settling: Settling
    journal: Journal
    deploy: bool = False
    #: Rows that are still to be published.
    rows: list[Row] = field(default_factory=list)

    def perform(self, steps: Sequence[Step]) -> list[Done]:
        """Every step's outcome; conflicts and refusals are kept and told, nothing else."""
        waiting = [each for each in steps if each.action in {"conflict", "refused"}]
        found = [Done(each, "conflict" if each.action == "conflict" else "refused", each.reason) for each in waiting]
        todo = [each for each in steps if each.action not in {"conflict", "refused"}]
        try:
            if self.thing.name == api.RULES:
                plan_of = _plan_of
                for plan, group in groupby(sorted(todo, key=plan_of), key=plan_of):
                    found += self._rules(plan, list(group))
            else:
                found += [self._one(each) for each in todo]
        finally:
            self.settling.publish(self.rows)
            self.rows.clear()
        return found

    def _one(self, step: Step) -> Done:
        try:
            match step.action:
                case "update":
                    return self._update(step)
                case "create":
                    return self._create(step)
                case "delete":
                    return self._delete(step)
                case "pull":
                    return self._pull(step)
                case _:
                    return self._adopt(step)
        except SegmentError as error:
            if error.stops_everything:
                raise
            return Done(step, "refused", str(error), error.request_id)

    def _update(self, step: Step) -> Done:
        if _edit(step).kind == "create":
            step = self._taken_over(step)
        body = self._body(step)

        def has_it(record: Mapping[str, Any] | None) -> bool:
            now = bare_name(columns_of(self.thing, record or {}), self.remote.suffix)
            return record is not None and all(same(now.get(each.name), _bare(each, self)) for each in step.changes)

        (journal_id,) = self._begin([step])
        sent = self._until(
            step, [journal_id], api.written(self.thing).update(step.id, body), lambda: has_it(self._again(step))
        )
        if isinstance(sent, Done):
            return sent
        deploys = self._wants_deployment(step)
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.settling.agree(connection, _edit(step))
            self.journal.overrule(connection, step)
            self.journal.end(connection, [journal_id], "done", request_id=sent)
            if deploys:
                self.journal.intend(connection, step, "deploy")
        error = self._deploy(step.id) if deploys else None
        self._read_back(step.id)
        return Done(step, "done", error, sent)

    def _again(self, step: Step) -> Mapping[str, Any] | None:
        return self.remote.record(self.thing, step.id)

    def _taken_over(self, step: Step) -> Step:
        """The row that a person added becomes that of the record of its name, from which it differs."""
        record = self.remote.of(self.thing, _edit(step)) or {}
        rows = self.settling.encode([record])
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            edit = self.settling.name(connection, _edit(step), rows[0])
            self._lead_children(connection, step.id, edit.id)
            self.settling.rebase(connection, edit, record)
        return replace(step, id=edit.id, edit=edit)

    def _pull(self, step: Step) -> Done:
        """Our edit gives way: the row takes over what the workspace has."""
        edit = _edit(step)
        record = self.remote.of(self.thing, edit)
        rows = self.settling.encode([record]) if record is not None else []
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.journal.overrule(connection, step)
            if edit.kind == "delete":
                self.settling.forget(connection, edit.id)
            elif record is None:
                self.settling.bury(connection, edit)
            elif edit.kind == "create":
                edit = self.settling.name(connection, edit, rows[0])
                self._lead_children(connection, step.id, edit.id)
                self.settling.give_way(connection, edit)
            else:
                self.settling.give_way(connection, edit)
        self.rows += rows
        return Done(step, "done")

    def _create(self, step: Step) -> Done:
        if _edit(step).kind != "create":
            step = self._revived(step)
            if step.action != "create":
                return Done(step, "refused", step.reason)
        with self.settling.target.reading() as connection:
            intent = self.journal.intent(connection, step.object, step.id)
        if intent:
            new = [each for each in self.remote.alike(self.thing, _edit(step)) if each["id"] not in intent.known]
            if found := self._adopted(step, [intent.id], new):
                return found
            with self.settling.target.begin() as connection:
                self.journal.end(connection, [intent.id], "refused", "it had no effect")
        known = [str(each["id"]) for each in self.remote.listed(self.thing)]
        (journal_id,) = self._begin([step], known)
        answer = self._send(step, [journal_id], api.written(self.thing).create(self._body(step)))
        if isinstance(answer, Done):
            return answer
        self.remote.forget()
        if isinstance(answer, Lost):
            # Nobody knows: what is there now and was not there before tells, now or in the next run.
            new = [each for each in self.remote.alike(self.thing, _edit(step)) if each["id"] not in known]
            found = self._adopted(step, [journal_id], new)
            return found or self._lost(step, [journal_id], answer.why)
        made = decode(answer.body, ()).data.get(api.written(self.thing).item)
        identifier = made.get("id") if isinstance(made, dict) else None
        record = self.remote.record(self.thing, str(identifier)) if identifier else None
        if record is None:
            return self._lost(step, [journal_id], "the answer names no record")
        return self._named(step, [journal_id], record, answer.request_id)

    def _revived(self, step: Step) -> Step:
        """Deleted in the workspace: the row becomes one that a person added, and goes as a whole."""
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            key = self.settling.anew(connection, _edit(step))
        with self.settling.target.reading() as connection:
            found = edits(self.settling.target, connection, self.settling.layout)
            edit = next(each for each in found if each.id == key)
        return replace(decide(self.thing, edit, None, self.remote.suffix), reason=step.reason)

    def _adopted(self, step: Step, journal_ids: Sequence[str], new: Sequence[Mapping[str, Any]]) -> Done | None:
        """The one record that the creation made; None where there is none."""
        if not new:
            return None
        if len(new) > 1:
            return Done(step, "conflict", f"{len(new)} records of this name appeared: keep one of them in Segment")
        return self._named(step, journal_ids, new[0], None)

    def _named(self, step: Step, journal_ids: Sequence[str], record: Mapping[str, Any], request_id: str | None) -> Done:
        rows = self.settling.encode([record])
        if not rows:
            return self._lost(step, journal_ids, "the new record cannot be stored")
        deploys = self._wants_deployment(step)
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            edit = self.settling.name(connection, _edit(step), rows[0])
            self._lead_children(connection, step.id, edit.id)
            self.settling.agree(connection, edit)
            self.journal.end(connection, journal_ids, "done", request_id=request_id)
            if deploys:
                self.journal.intend(connection, _as(step, edit.id), "deploy")
        error = self._deploy(edit.id) if deploys else None
        self._read_back(edit.id) if deploys else self.rows.extend(rows)
        return Done(step, "done", error, request_id)

    def _lead_children(self, connection: Connection, was: str, now: str) -> None:
        """Rules that a person added below a new plan name the row by which that plan was known here."""
        if self.thing.name != "TrackingPlans":
            return
        from sqlalchemy import column, inspect, table

        self.journal.name_plan(connection, was, now)
        name = f"{self.settling.target.place.prefix}tracking_plan_rules"
        schema = self.settling.target.place.schema or None
        if inspect(connection).has_table(name, schema=schema):
            rules = table(name, column("tracking_plan_id"), schema=schema)
            mine = rules.c.tracking_plan_id == was
            connection.execute(update(rules).where(mine).values(tracking_plan_id=now))

    def _delete(self, step: Step) -> Done:
        (journal_id,) = self._begin([step])
        ask = api.written(self.thing).delete(step.id)
        sent = self._until(step, [journal_id], ask, lambda: self._again(step) is None)
        if isinstance(sent, Done):
            return sent
        self._forget([step], [journal_id], sent)
        return Done(step, "done", None, sent)

    def _forget(self, steps: Sequence[Step], journal_ids: Sequence[str], request_id: str | None) -> None:
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            for step in steps:
                self.settling.forget(connection, step.id)
            self.journal.end(connection, journal_ids, "done", request_id=request_id)

    def _adopt(self, step: Step) -> Done:
        edit = _edit(step)
        if edit.kind == "delete":
            self._forget([step], [], None)
            return Done(step, "done")
        record = self.remote.of(self.thing, edit)
        if record is None:
            return Done(step, "moved", "it is no longer in the workspace")
        if edit.kind == "create":
            return self._found(step, record)
        coded = replace(step, changes=tuple(Change(each.name, None, each.local) for each in edit.fields))
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.settling.agree(connection, edit)
            # An update of ours that was cut off made them equal: what belongs to it is still to be done.
            left = self.journal.updates(connection, step.object, step.id)
            self.journal.end(connection, left, "done")
            if deploys := bool(left) and self._wants_deployment(coded):
                self.journal.intend(connection, step, "deploy")
        if deploys:
            error = self._deploy(step.id)
            self._read_back(step.id)
            return Done(step, "done", error)
        self.rows += self.settling.encode([record])
        return Done(step, "done")

    def _found(self, step: Step, record: Mapping[str, Any]) -> Done:
        """The workspace has an equal one; if a creation of ours was cut off, that made it."""
        with self.settling.target.reading() as connection:
            intent = self.journal.intent(connection, step.object, step.id)
        if intent is None or record["id"] in intent.known:
            return self._named(step, [], record, None)
        changes = tuple(Change(each.name, None, each.local) for each in _edit(step).fields)
        return self._named(replace(step, changes=changes), [intent.id], record, None)

    def _read_back(self, identifier: str) -> None:
        """What the server made of it; the next run reads it where this fails."""
        try:
            record = self.remote.record(self.thing, identifier)
        except SegmentError as error:
            log.warning("read-back failed", extra={"object": self.thing.name, "id": identifier, "why": str(error)})
            return
        if record is not None:
            self.rows += self.settling.encode([record])

    def _body(self, step: Step) -> dict[str, Any]:
        return {self.thing.column(each.name).field: _bare(each, self) for each in step.changes}

    def _wants_deployment(self, step: Step) -> bool:
        """Saving a source function does not deploy it (resources.md, "Updates")."""
        code = any(each.name == "code" for each in step.changes)
        return self.deploy and code and self.thing.name == "SourceFunctions"

    def _deploy(self, identifier: str) -> str | None:
        return self.deploy_left(only=identifier).get(identifier)

    def deploy_left(self, only: str | None = None) -> dict[str, str]:
        """Deploys what is wanted and not done yet; gives, by function id, why one could not be."""
        with self.settling.target.reading() as connection:
            left = [each for each in self.journal.undeployed(connection) if only in (None, each[1])]
        failed: dict[str, str] = {}
        for journal_id, identifier in left:
            status, error = self._deployed(identifier)
            if error:
                failed[identifier] = f"saved, but not deployed: {error}"
            with self.settling.target.begin() as connection:
                self.journal.end(connection, [journal_id], status, error)
        return failed

    def _deployed(self, identifier: str) -> tuple[str, str | None]:
        try:
            record = self.remote.record(self.thing, identifier)
            if record is None:
                return "refused", "the function is gone"
            if record.get("isLatestVersion") is True:
                return "done", None
            answer = self.remote.client.write(api.deployment(identifier))
        except SegmentError as error:
            if error.stops_everything:
                raise
            return "refused", str(error)
        return ("lost", answer.why) if isinstance(answer, Lost) else ("done", None)

    def connect_left(self) -> list[Done]:
        """Connects the sources that restored plans had, those of plans that are made by now."""
        with self.settling.target.reading() as connection:
            left = self.journal.wanted_sources(connection)
        found: list[Done] = []
        for journal_id, plan, wanted in left:
            if plan.startswith("new:"):
                continue
            there = self.remote.sources(plan)
            done = [self._connected(plan, each) for each in wanted if each not in there]
            outcomes = {each.outcome for each in done}
            status = "lost" if "lost" in outcomes else "refused" if "refused" in outcomes else "done"
            self._end([journal_id], status, next((each.error for each in done if each.error), None))
            found += done
        return found

    def _connected(self, plan: str, source: str) -> Done:
        step = Step(api.SOURCES, f"{plan} {source}", "create", {"tracking_plan_id": plan, "id": source}, requests=1)
        try:
            answer = self.remote.client.write(api.connection(plan, source))
        except SegmentError as error:
            if error.stops_everything:
                raise
            return Done(step, "refused", str(error), error.request_id)
        if isinstance(answer, Lost):
            return Done(step, "lost", f"{answer.why}; the next push looks whether it is connected")
        return Done(step, "done", None, answer.request_id)

    def _rules(self, plan: str, steps: Sequence[Step]) -> list[Done]:
        """All rules of one plan: upserts, then removals, in batches, then one listing that shows what came of it."""
        adopted = [each for each in steps if each.action in {"adopt", "pull"}]
        puts = [each for each in steps if each.action in {"create", "update"}]
        removals = [each for each in steps if each.action == "delete"]
        found: list[Done] = []
        for at in range(0, len(puts), api.RULES_AT_ONCE):
            found += self._batch(plan, puts[at : at + api.RULES_AT_ONCE], api.upsert)
        for at in range(0, len(removals), api.REMOVALS_AT_ONCE):
            found += self._batch(plan, removals[at : at + api.REMOVALS_AT_ONCE], api.removal)
        if puts or removals:
            self.remote.forget(plan)
        rules = self.remote.rules(plan)
        done = [each.step for each in found if each.outcome == "done"]
        touched = {identity_after(each) for each in [*done, *adopted]}
        encoded = {
            identity: self.settling.encode([rule], {"id": plan})
            for identity, rule in (rules or {}).items()
            if identity in touched
        }
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            for step in [*done, *adopted]:
                self.journal.overrule(connection, step)
                self._settle_rule(connection, step, encoded.get(identity_after(step), []))
        self.rows += [row for rows in encoded.values() for row in rows]
        return found + [Done(each, "done") for each in adopted]

    def _settle_rule(self, connection: Connection, step: Step, rows: Sequence[Row]) -> None:
        edit = _edit(step)
        if edit.kind == "delete":
            self.settling.forget(connection, edit.id)
            return
        if step.action == "pull" and not rows:
            self.settling.bury(connection, edit)
            return
        if edit.kind == "create" and rows:
            edit = self.settling.name(connection, edit, rows[0])
        elif rows:
            edit = self.settling.rename(connection, edit, rows[0])
        if step.action == "pull":
            self.settling.give_way(connection, edit)
        elif edit.kind != "create" and edit.fields:
            self.settling.agree(connection, edit)

    def _batch(self, plan: str, steps: Sequence[Step], ask_for: AskFor) -> list[Done]:
        """One request for all of them; by halves where the API refuses, so that one bad rule costs no other."""
        ask = ask_for(plan, [self._rule(each) for each in steps])
        journal_ids = self._begin(steps)
        why = ""
        try:
            for _ in range(_TRIES):
                answer = self.remote.client.write(ask)
                if not isinstance(answer, Lost):
                    self._end(journal_ids, "done", request_id=answer.request_id)
                    return [Done(each, "done", None, answer.request_id) for each in steps]
                why = answer.why
        except SegmentError as error:
            return self._batch_refused(plan, steps, ask_for, journal_ids, error)
        return [self._lost(each, [journal_id], why) for each, journal_id in zip(steps, journal_ids, strict=True)]

    def _batch_refused(
        self, plan: str, steps: Sequence[Step], ask_for: AskFor, journal_ids: Sequence[str], error: SegmentError
    ) -> list[Done]:
        self._end(journal_ids, "refused", str(error), request_id=error.request_id)
        if error.stops_everything:
            raise error
        if len(steps) > 1 and error.status in _ITEM:
            middle = len(steps) // 2
            return [done for half in (steps[:middle], steps[middle:]) for done in self._batch(plan, half, ask_for)]
        if ask_for is api.upsert and renames(steps[0]):
            # A rename whose answer was lost is refused the second time, since its new name is taken then.
            self.remote.forget(plan)
            rules = self.remote.rules(plan) or {}
            if api.identity(steps[0].known_as) not in rules and identity_after(steps[0]) in rules:
                self._end(journal_ids, "done")
                return [Done(steps[0], "done", None, error.request_id)]
        if isinstance(error, NotFound) and ask_for is api.removal:
            self.remote.forget(plan)
            if api.identity(steps[0].known_as) not in (self.remote.rules(plan) or {}):
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
            rule["jsonSchema"] = (self.remote.rule(step.known_as) or {}).get("jsonSchema")
        return rule | ({"newKey": changed["key"]} if renames(step) else {})

    def _begin(self, steps: Sequence[Step], known: Iterable[str] = ()) -> list[str]:
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            return [self.journal.intend(connection, each, known=known) for each in steps]

    def _end(self, journal_ids: Sequence[str], status: str, error: str | None = None, **more: Any) -> None:
        with self.settling.target.begin() as connection:
            self.journal.end(connection, journal_ids, status, error, **more)

    def _send(self, step: Step, journal_ids: Sequence[str], ask: Ask) -> Answer | Lost | Done:
        try:
            answer = self.remote.client.write(ask)
        except SegmentError as error:
            self._end(journal_ids, "refused", str(error), request_id=error.request_id)
            if error.stops_everything:
                raise
            return Done(step, "refused", str(error), error.request_id)
        return answer

    def _until(self, step: Step, journal_ids: Sequence[str], ask: Ask, is_so: Callable[[], bool]) -> str | Done | None:
        """Sends what says how things shall be, until they are: the id of the request, or why it cannot be."""
        why = ""
        for _ in range(_TRIES):
            answer = self._send(step, journal_ids, ask)
            if isinstance(answer, Done):
                gone = ask.method == "DELETE" and is_so()
                return answer.request_id if gone else answer
            if not isinstance(answer, Lost):
                return answer.request_id
            if is_so():
                return None
            why = answer.why
        return self._lost(step, journal_ids, why)

    def _lost(self, step: Step, journal_ids: Sequence[str], why: str) -> Done:
        self._end(journal_ids, "lost", why)
        return Done(step, "lost", f"{why}; nobody knows whether it had an effect: run it again")


def _edit(step: Step) -> Edit:
    if step.edit is None:
        raise AssertionError("a step of a plan file is found again before it is performed")
    return step.edit


def _as(step: Step, identifier: str) -> Step:
    return replace(step, id=identifier)


def _bare(change: Any, push: Push) -> Any:
    return bare_name({change.name: change.after}, push.remote.suffix)[change.name]


def _plan_of(step: Step) -> str:
    return str(step.known_as.get("tracking_plan_id"))


def renames(step: Step) -> bool:
    """Whether a rule gets another key."""
    return _edit(step).kind == "update" and any(each.name == "key" for each in _edit(step).fields)


def identity_after(step: Step) -> tuple[Any, ...]:
    """By what the rule is known once the step is done."""
    known = dict(step.known_as)
    if renames(step) and step.action != "pull":
        known["key"] = next(each.local for each in _edit(step).fields if each.name == "key")
    return api.identity(known)
