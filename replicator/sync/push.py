"""The steps of records that have an id, performed: each is settled once it is known to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from replicator.errors import SegmentError
from replicator.merge.values import alike, same
from replicator.sync import written as api
from replicator.sync.creations import Creations
from replicator.sync.decide import bare_name
from replicator.sync.model import Change, Done, Step
from replicator.sync.records import Records, bare
from replicator.sync.sending import State, edit_of, waiting
from replicator.sync.settle import TwoRows

if TYPE_CHECKING:
    from replicator.edits import Edit


@dataclass(frozen=True, slots=True)
class Push(Records):
    """Of one object."""

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
                    if edit_of(step).kind != "create":
                        return self._one(self._creations.revived(step))
                    return self._creations.create(step)
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

    @property
    def _creations(self) -> Creations:
        return Creations(self.sending, self.afterwards)

    def _update(self, step: Step) -> Done:
        if edit_of(step).kind == "create":
            step = self._taken_over(step)
        (journal_id,) = self.sending.intend([step])
        ask = api.written(self.thing).update(step.id, self.body(step))
        sent = self.sending.until(step, [journal_id], ask, lambda: self._state(step))
        if isinstance(sent, Done):
            return sent
        record = self.read(step.id)
        if record is None:
            return self.sending.lost(step, [journal_id], "it was sent, but it cannot be read back")
        ignored = self._ignored(step, record)
        why = f"Segment took no notice of {', '.join(ignored)}" if ignored else None
        deploys = self.wants_deployment(step) and "code" not in ignored
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.settling.agree(connection, _less(edit_of(step), ignored))
            self.journal.overrule(connection, step)
            self.journal.end(connection, [journal_id], "ignored" if ignored else "done", why, request_id=sent)
            self.journal.settle(connection, step.object, step.id)
            if deploys:
                self.journal.intend(connection, step, "deploy")
        error = self.read_back(step.id, record, deploys=deploys)
        if why:
            return Done(step, "refused", f"{why}; it stays as it is here", sent)
        return Done(step, "done", error, sent)

    def _state(self, step: Step) -> State:
        record = self.again(step)
        if record is None:
            return "moved"
        now = self.columns(record)
        if all(alike(now.get(each.name), bare(each, self.remote.suffix)) for each in step.changes):
            return "done"
        return "open" if all(alike(now.get(each.name), each.before) for each in step.changes) else "moved"

    def _ignored(self, step: Step, record: Mapping[str, Any]) -> list[str]:
        """What was answered with success, and is as it was before. Anything else is what Segment made of it."""
        now = self.columns(record)
        sent = [each for each in step.changes if not alike(now.get(each.name), bare(each, self.remote.suffix))]
        return [each.name for each in sent if alike(now.get(each.name), each.before)]

    def _taken_over(self, step: Step) -> Step:
        """The row that a person added becomes that of the record of its name, from which it differs."""
        record = self.remote.of(self.thing, edit_of(step)) or {}
        rows = self.settling.encode([record])
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            edit = self.settling.name(connection, edit_of(step), rows[0])
            self.lead_children(connection, step.id, edit.id)
            self.settling.rebase(connection, edit, record)
        return replace(step, id=edit.id, edit=edit)

    def _pull(self, step: Step) -> Done:
        """Our edit gives way: the row takes over what the workspace has."""
        edit = edit_of(step)
        record = self.remote.of(self.thing, edit)
        rows = self.settling.encode([record]) if record is not None else []
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.journal.overrule(connection, step)
            self.journal.settle(connection, step.object, step.id)
            if edit.kind == "delete":
                self.settling.forget(connection, edit.id)
            elif record is None:
                self.settling.bury(connection, edit)
            elif edit.kind == "create":
                edit = self.settling.name(connection, edit, rows[0], spare=True)
                self.lead_children(connection, step.id, edit.id)
                self.settling.give_way(connection, edit)
            else:
                self.settling.give_way(connection, edit)
        self.sending.rows += rows
        return Done(step, "done")

    def _delete(self, step: Step) -> Done:
        (journal_id,) = self.sending.intend([step])
        ask = api.written(self.thing).delete(step.id)

        def look() -> State:
            record = self.again(step)
            if record is None:
                return "done"
            return "open" if same(self.columns(record), bare_name(step.remote or {}, self.remote.suffix)) else "moved"

        sent = self.sending.until(step, [journal_id], ask, look)
        if isinstance(sent, Done):
            return sent
        if self.read(step.id) is not None:
            why = "Segment took no notice of it"
            self.sending.end([journal_id], "ignored", f"{why}.", request_id=sent)
            return Done(step, "refused", f"{why}: it is still there, and stays deleted here", sent)
        self._forget(step, [journal_id], sent)
        return Done(step, "done", None, sent)

    def _forget(self, step: Step, journal_ids: Sequence[str], request_id: str | None) -> None:
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.settling.forget(connection, step.id)
            if self.sending.rules:
                self.sending.rules.go_with(connection, step.id)
            self.journal.end(connection, journal_ids, "done", request_id=request_id)
            self.journal.settle(connection, step.object, edit_of(step).id)

    def _adopt(self, step: Step) -> Done:
        edit = edit_of(step)
        if edit.kind == "delete":
            self._forget(step, [], None)
            return Done(step, "done")
        record = step.record or self.remote.of(self.thing, edit)
        if record is None:
            return Done(step, "moved", "it is no longer in the workspace")
        if edit.kind == "create":
            return self._creations.found(step, record)
        coded = replace(step, changes=tuple(Change(each.name, None, each.local) for each in edit.fields))
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.settling.agree(connection, edit)
            # An update of ours that was cut off made them equal: what belongs to it is still to be done.
            left = self.journal.open_writes(connection, step.object, step.id)
            self.journal.end(connection, left, "done")
            if deploys := bool(left) and self.wants_deployment(coded):
                self.journal.intend(connection, step, "deploy")
        error = self.read_back(step.id, record, deploys=deploys)
        return Done(step, "done", error)


def _less(edit: Edit, ignored: Sequence[str]) -> Edit:
    return replace(edit, fields=tuple(each for each in edit.fields if each.name not in ignored))
