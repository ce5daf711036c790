"""Rows that a person added: the record is made, or found, and the row becomes its."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from replicator.edits import Edit, Field, edits
from replicator.errors import SegmentError
from replicator.merge.values import same
from replicator.segment.client import Lost
from replicator.segment.decode import OffContract, Unreadable, decode
from replicator.sync import written as api
from replicator.sync.decide import columns_of, decide
from replicator.sync.model import Change, Done, Step
from replicator.sync.records import Records
from replicator.sync.sending import edit_of

if TYPE_CHECKING:
    from replicator.segment.client import Answer


@dataclass(frozen=True, slots=True)
class Creations(Records):
    """Of one object."""

    def create(self, step: Step) -> Done:
        """A creation is sent once: whether it had its effect is looked up, now or by the next push."""
        with self.settling.target.reading() as connection:
            intent = self.journal.intent(connection, step.object, step.id)
        if intent:
            # Had it had its effect, the look would have shown that.
            self.sending.end([intent.id], "refused", "it had no effect")
        known = [str(each["id"]) for each in self.remote.listed(self.thing)]
        (journal_id,) = self.sending.intend([step], known)
        answer = self.sending.once(step, [journal_id], api.written(self.thing).create(self.body(step)))
        if isinstance(answer, Done):
            return answer
        self.remote.forget()
        try:
            found = self._made(step, journal_id, known, answer)
        except SegmentError as error:
            lost = self.sending.lost(step, [journal_id], str(error))
            if error.stops_everything:
                raise
            return lost
        why = answer.why if isinstance(answer, Lost) else "the answer names no record"
        return found or self.sending.lost(step, [journal_id], why)

    def revived(self, step: Step) -> Step:
        """Deleted in the workspace: the row becomes one that a person added, and goes as a whole."""
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            key = self.settling.anew(connection, edit_of(step))
            self.lead_children(connection, step.id, key)
        with self.settling.target.reading() as connection:
            found = edits(self.settling.target, connection, self.settling.layout)
            edit = next(each for each in found if each.id == key)
        record = self.remote.of(self.thing, edit)
        now = None if record is None else columns_of(self.thing, self.settling.covered(record))
        return replace(decide(self.thing, edit, now, self.remote.suffix, "local"), reason=step.reason)

    def found(self, step: Step, record: Mapping[str, Any]) -> Done:
        """The workspace has an equal one; if a creation of ours was cut off, that made it."""
        with self.settling.target.reading() as connection:
            intent = self.journal.intent(connection, step.object, step.id)
        if intent is None or record["id"] in intent.known:
            return self._named(step, [], record, None)
        changes = tuple(Change(name, None, value) for name, value in intent.sent.items())
        return self._named(replace(step, changes=changes), [intent.id], record, None, intent.sent)

    def _made(self, step: Step, journal_id: str, known: Sequence[str], answer: Answer | Lost) -> Done | None:
        """By the answer or, where that does not tell, by what is there now and was not before; None: nobody knows."""
        identifier = None if isinstance(answer, Lost) else _id_in(answer, api.written(self.thing).item)
        record = self.remote.record(self.thing, identifier) if identifier else None
        if record is None or isinstance(answer, Lost):
            return self._found_new(step, journal_id, known)
        return self._named(step, [journal_id], record, answer.request_id)

    def _found_new(self, step: Step, journal_id: str, known: Sequence[str]) -> Done | None:
        """The one record that the creation made; None where there is none."""
        new = self.remote.made(self.thing, {each.name: each.local for each in edit_of(step).fields}, known)
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
        rows = self.settling.encode([record])
        if not rows:
            return self.sending.lost(step, journal_ids, "the new record cannot be stored")
        deploys = self.wants_deployment(step)
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            spare = sent is not None and all(same(each.local, sent.get(each.name)) for each in edit_of(step).fields)
            edit = self.settling.name(connection, edit_of(step), rows[0], spare=spare)
            self.lead_children(connection, step.id, edit.id)
            if edit.fields:
                self.settling.agree(connection, self._as_made(edit, sent, record))
            self.journal.end(connection, journal_ids, "done", request_id=request_id)
            if deploys:
                self.journal.intend(connection, replace(step, id=edit.id), "deploy")
        error = self.read_back(edit.id, record, deploys=deploys)
        return Done(step, "done", error, request_id)

    def _as_made(self, edit: Edit, sent: Mapping[str, Any] | None, record: Mapping[str, Any]) -> Edit:
        """What both sides agree on: what was sent and is not missing. What was edited since then is an edit."""
        now = columns_of(self.thing, record)
        names = now.keys() & {name for name, _ in self.settling.layout.staged}
        local = {each.name: each for each in edit.fields}
        fields = []
        for name in sorted(names):
            mine = local.get(name, Field(name, None, None))
            value = mine.local if sent is None else sent.get(name)
            raw = mine.raw if sent is None else self.settling.raw(name, value)
            fields.append(replace(mine, raw=raw if now[name] is not None else None))
        return replace(edit, fields=tuple(fields))


def _id_in(answer: Answer, item: str) -> str | None:
    """Of the record that was made, where the answer names it."""
    try:
        made = decode(answer.body, ()).data.get(item)
    except (OffContract, Unreadable):
        return None
    identifier = made.get("id") if isinstance(made, dict) else None
    return str(identifier) if identifier else None
