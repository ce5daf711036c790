"""The steps of records that have an id, performed: each is settled once it is known to be done."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from replicator.edits import Edit, Field, edits
from replicator.errors import SegmentError
from replicator.merge.values import alike, same
from replicator.segment.client import Lost
from replicator.segment.decode import OffContract, Unreadable, decode
from replicator.sync import written as api
from replicator.sync.decide import bare_name, columns_of, decide
from replicator.sync.model import Change, Done, Step
from replicator.sync.sending import Sending, State, edit_of, waiting
from replicator.sync.settle import TwoRows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.segment.client import Answer
    from replicator.sync.afterwards import Afterwards
    from replicator.sync.journal import Journal
    from replicator.sync.remote import Remote
    from replicator.sync.settle import Settling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Push:
    sending: Sending
    afterwards: Afterwards

    def perform(self, steps: Sequence[Step]) -> list[Done]:
        """Every step's outcome."""
        told, todo = waiting(steps)
        return told + [self._one(each) for each in todo]

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
        except TwoRows as error:
            return Done(step, "refused", str(error))

    def _update(self, step: Step) -> Done:
        if edit_of(step).kind == "create":
            step = self._taken_over(step)
        (journal_id,) = self.sending.intend([step])
        ask = api.written(self._thing).update(step.id, self._body(step))
        sent = self.sending.until(step, [journal_id], ask, lambda: self._state(step))
        if isinstance(sent, Done):
            return sent
        record = self._read(step.id)
        if record is None:
            return self.sending.lost(step, [journal_id], "it was sent, but it cannot be read back")
        ignored = self._ignored(step, record)
        why = f"Segment took no notice of {', '.join(ignored)}" if ignored else None
        deploys = self._wants_deployment(step) and "code" not in ignored
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            self._settling.agree(connection, _less(edit_of(step), ignored))
            self._journal.overrule(connection, step)
            self._journal.end(connection, [journal_id], "ignored" if ignored else "done", why, request_id=sent)
            if deploys:
                self._journal.intend(connection, step, "deploy")
        error = self._read_back(step.id, record, deploys=deploys)
        if why:
            return Done(step, "refused", f"{why}; it stays as it is here", sent)
        return Done(step, "done", error, sent)

    def _state(self, step: Step) -> State:
        record = self._again(step)
        if record is None:
            return "moved"
        now = self._columns(record)
        if all(alike(now.get(each.name), _bare(each, self._remote.suffix)) for each in step.changes):
            return "done"
        return "open" if all(alike(now.get(each.name), each.before) for each in step.changes) else "moved"

    def _ignored(self, step: Step, record: Mapping[str, Any]) -> list[str]:
        """What was answered with success, and is as it was before. Anything else is what Segment made of it."""
        now = self._columns(record)
        sent = [each for each in step.changes if not alike(now.get(each.name), _bare(each, self._remote.suffix))]
        return [each.name for each in sent if alike(now.get(each.name), each.before)]

    def _columns(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return bare_name(columns_of(self._thing, self._settling.covered(record)), self._remote.suffix)

    def _read_back(self, identifier: str, record: Mapping[str, Any], *, deploys: bool) -> str | None:
        """What the server made of it becomes the row; why it could not be deployed, if it shall be and could not."""
        error = None
        if deploys:
            error = self.afterwards.deploy_left(only=identifier, record=record).get(identifier)
            record = self._read(identifier) or record
        self.sending.rows += self._settling.encode([record])
        return error

    def _again(self, step: Step) -> Mapping[str, Any] | None:
        return self._remote.record(self._thing, step.id)

    def _taken_over(self, step: Step) -> Step:
        """The row that a person added becomes that of the record of its name, from which it differs."""
        record = self._remote.of(self._thing, edit_of(step)) or {}
        rows = self._settling.encode([record])
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            edit = self._settling.name(connection, edit_of(step), rows[0])
            self._lead_children(connection, step.id, edit.id)
            self._settling.rebase(connection, edit, record)
        return replace(step, id=edit.id, edit=edit)

    def _pull(self, step: Step) -> Done:
        """Our edit gives way: the row takes over what the workspace has."""
        edit = edit_of(step)
        record = self._remote.of(self._thing, edit)
        rows = self._settling.encode([record]) if record is not None else []
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            self._journal.overrule(connection, step)
            if edit.kind == "delete":
                self._settling.forget(connection, edit.id)
            elif record is None:
                self._settling.bury(connection, edit)
            elif edit.kind == "create":
                edit = self._settling.name(connection, edit, rows[0], spare=True)
                self._lead_children(connection, step.id, edit.id)
                self._settling.give_way(connection, edit)
            else:
                self._settling.give_way(connection, edit)
        self.sending.rows += rows
        return Done(step, "done")

    def _create(self, step: Step) -> Done:
        if edit_of(step).kind != "create":
            return self._one(self._revived(step))
        with self._settling.target.reading() as connection:
            intent = self._journal.intent(connection, step.object, step.id)
        if intent:
            # Had it had its effect, the look would have shown that.
            self.sending.end([intent.id], "refused", "it had no effect")
        known = [str(each["id"]) for each in self._remote.listed(self._thing)]
        (journal_id,) = self.sending.intend([step], known)
        answer = self.sending.once(step, [journal_id], api.written(self._thing).create(self._body(step)))
        if isinstance(answer, Done):
            return answer
        self._remote.forget()
        try:
            found = self._made(step, journal_id, known, answer)
        except SegmentError as error:
            lost = self.sending.lost(step, [journal_id], str(error))
            if error.stops_everything:
                raise
            return lost
        why = answer.why if isinstance(answer, Lost) else "the answer names no record"
        return found or self.sending.lost(step, [journal_id], why)

    def _made(self, step: Step, journal_id: str, known: Sequence[str], answer: Answer | Lost) -> Done | None:
        """By the answer or, where that does not tell, by what is there now and was not before; None: nobody knows."""
        identifier = None if isinstance(answer, Lost) else _id_in(answer, api.written(self._thing).item)
        record = self._remote.record(self._thing, identifier) if identifier else None
        if record is None or isinstance(answer, Lost):
            return self._found_new(step, journal_id, known)
        return self._named(step, [journal_id], record, answer.request_id)

    def _revived(self, step: Step) -> Step:
        """Deleted in the workspace: the row becomes one that a person added, and goes as a whole."""
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            key = self._settling.anew(connection, edit_of(step))
            self._lead_children(connection, step.id, key)
        with self._settling.target.reading() as connection:
            found = edits(self._settling.target, connection, self._settling.layout)
            edit = next(each for each in found if each.id == key)
        record = self._remote.of(self._thing, edit)
        now = None if record is None else columns_of(self._thing, self._settling.covered(record))
        return replace(decide(self._thing, edit, now, self._remote.suffix, "local"), reason=step.reason)

    def _found_new(self, step: Step, journal_id: str, known: Sequence[str]) -> Done | None:
        """The one record that the creation made; None where there is none."""
        new = self._remote.made(self._thing, {each.name: each.local for each in edit_of(step).fields}, known)
        if len(new) > 1:
            return Done(step, "conflict", f"{len(new)} records of this name appeared: keep one of them in Segment")
        return self._named(step, [journal_id], new[0], None) if new else None

    def _named(
        self,
        step: Step,
        journal_ids: Sequence[str],
        record: Mapping[str, Any],
        request_id: str | None,
        sent: Mapping[str, Any] | None = None,
    ) -> Done:
        """The row is that of the record that was made of it, or of what was `sent` in an earlier run."""
        rows = self._settling.encode([record])
        if not rows:
            return self.sending.lost(step, journal_ids, "the new record cannot be stored")
        deploys = self._wants_deployment(step)
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            spare = sent is not None and all(same(each.local, sent.get(each.name)) for each in edit_of(step).fields)
            edit = self._settling.name(connection, edit_of(step), rows[0], spare=spare)
            self._lead_children(connection, step.id, edit.id)
            if edit.fields:
                self._settling.agree(connection, self._as_made(edit, sent, record))
            self._journal.end(connection, journal_ids, "done", request_id=request_id)
            if deploys:
                self._journal.intend(connection, _as(step, edit.id), "deploy")
        error = self._read_back(edit.id, record, deploys=deploys)
        return Done(step, "done", error, request_id)

    def _as_made(self, edit: Edit, sent: Mapping[str, Any] | None, record: Mapping[str, Any]) -> Edit:
        """What both sides agree on: what was sent and is not missing. What was edited since then is an edit."""
        now = columns_of(self._thing, record)
        names = now.keys() & {name for name, _ in self._settling.layout.staged}
        local = {each.name: each for each in edit.fields}
        fields = []
        for name in sorted(names):
            mine = local.get(name, Field(name, None, None))
            value = mine.local if sent is None else sent.get(name)
            raw = mine.raw if sent is None else self._settling.raw(name, value)
            fields.append(replace(mine, raw=raw if now[name] is not None else None))
        return replace(edit, fields=tuple(fields))

    def _lead_children(self, connection: Connection, was: str, now: str) -> None:
        """Rules that a person added below a new plan name the row by which that plan was known here."""
        if self._thing.name != "TrackingPlans":
            return
        self._journal.name_plan(connection, was, now)
        if self.sending.rules:
            rules = self.sending.rules.base.table
            mine = rules.c.tracking_plan_id == was
            connection.execute(update(rules).where(mine).values(tracking_plan_id=now))

    def _delete(self, step: Step) -> Done:
        (journal_id,) = self.sending.intend([step])
        ask = api.written(self._thing).delete(step.id)

        def look() -> State:
            record = self._again(step)
            if record is None:
                return "done"
            return "open" if same(self._columns(record), bare_name(step.remote or {}, self._remote.suffix)) else "moved"

        sent = self.sending.until(step, [journal_id], ask, look)
        if isinstance(sent, Done):
            return sent
        self._forget(step, [journal_id], sent)
        return Done(step, "done", None, sent)

    def _forget(self, step: Step, journal_ids: Sequence[str], request_id: str | None) -> None:
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            self._settling.forget(connection, step.id)
            if self.sending.rules:
                self.sending.rules.go_with(connection, step.id)
            self._journal.end(connection, journal_ids, "done", request_id=request_id)

    def _adopt(self, step: Step) -> Done:
        edit = edit_of(step)
        if edit.kind == "delete":
            self._forget(step, [], None)
            return Done(step, "done")
        record = step.record or self._remote.of(self._thing, edit)
        if record is None:
            return Done(step, "moved", "it is no longer in the workspace")
        if edit.kind == "create":
            return self._found(step, record)
        coded = replace(step, changes=tuple(Change(each.name, None, each.local) for each in edit.fields))
        with self._settling.target.begin() as connection:
            self._settling.lease.check(connection)
            self._settling.agree(connection, edit)
            # An update of ours that was cut off made them equal: what belongs to it is still to be done.
            left = self._journal.open_writes(connection, step.object, step.id)
            self._journal.end(connection, left, "done")
            if deploys := bool(left) and self._wants_deployment(coded):
                self._journal.intend(connection, step, "deploy")
        error = self._read_back(step.id, record, deploys=deploys)
        return Done(step, "done", error)

    def _found(self, step: Step, record: Mapping[str, Any]) -> Done:
        """The workspace has an equal one; if a creation of ours was cut off, that made it."""
        with self._settling.target.reading() as connection:
            intent = self._journal.intent(connection, step.object, step.id)
        if intent is None or record["id"] in intent.known:
            return self._named(step, [], record, None)
        changes = tuple(Change(name, None, value) for name, value in intent.sent.items())
        return self._named(replace(step, changes=changes), [intent.id], record, None, intent.sent)

    def _read(self, identifier: str) -> Mapping[str, Any] | None:
        """None where it is gone, or cannot be read: the next run does so then."""
        try:
            return self._remote.record(self._thing, identifier)
        except SegmentError as error:
            if error.stops_everything:
                raise
            log.warning("read-back failed", extra={"object": self._thing.name, "id": identifier, "why": str(error)})
            return None

    def _body(self, step: Step) -> dict[str, Any]:
        return {self._thing.column(each.name).field: _bare(each, self._remote.suffix) for each in step.changes}

    def _wants_deployment(self, step: Step) -> bool:
        """Saving a source function does not deploy it (resources.md, "Updates")."""
        code = any(each.name == "code" for each in step.changes)
        return self.sending.deploy and code and self._thing.name == "SourceFunctions"

    @property
    def _thing(self) -> Object:
        return self.sending.thing

    @property
    def _journal(self) -> Journal:
        return self.sending.journal

    @property
    def _settling(self) -> Settling:
        return self.sending.settling

    @property
    def _remote(self) -> Remote:
        return self.sending.remote


def _id_in(answer: Answer, item: str) -> str | None:
    """Of the record that was made, where the answer names it."""
    try:
        made = decode(answer.body, ()).data.get(item)
    except (OffContract, Unreadable):
        return None
    identifier = made.get("id") if isinstance(made, dict) else None
    return str(identifier) if identifier else None


def _as(step: Step, identifier: str) -> Step:
    return replace(step, id=identifier)


def _less(edit: Edit, ignored: Sequence[str]) -> Edit:
    return replace(edit, fields=tuple(each for each in edit.fields if each.name not in ignored))


def _bare(change: Change, suffix: str) -> Any:
    return bare_name({change.name: change.after}, suffix)[change.name]
