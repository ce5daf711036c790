"""What is to happen to each edit: a look at the workspace, and a decision, right before it is performed.

Between the look and the write lies nothing else: for that long an edit in Segment's app can be overwritten unseen (I7
in reliability.md). So records are looked at one by one, and rules plan by plan, each group when its turn comes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from replicator import masks
from replicator.catalog import by_name
from replicator.edits import Edit, agreed_rules
from replicator.merge import ABSENT
from replicator.merge.values import agrees, alike, holds, same, text_of
from replicator.options import layout_of
from replicator.sync.decide import bare_name, columns_of, decide, preferred
from replicator.sync.fit import fit
from replicator.sync.journal import Intent, Journal, Rejection, rejection_of
from replicator.sync.model import Allowed, Change, Step
from replicator.sync.rules import as_named, claimed, in_turn, listing_of, reloaded, rule_step
from replicator.sync.unmake import begun_and_gone, unmake, wish
from replicator.sync.written import RULES
from replicator.target.base import base_table
from replicator.target.bookkeeping import bookkeeping
from replicator.target.known import Known
from replicator.target.publication import GUARD_ROWS, GUARD_SHARE
from replicator.target.unanswered import Sent, unanswered

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.merge import Side
    from replicator.options import Options
    from replicator.rows import Layout
    from replicator.sync.remote import Remote
    from replicator.sync.rules import Identity
    from replicator.target.database import Target

PLANS = "TrackingPlans"
#: As many edited rules of a plan are named.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Look:
    """At the edits of one database and at the workspace."""

    target: Target
    options: Options
    remote: Remote
    allowed: Allowed
    mask: masks.Mask
    #: Ids of records of which the journal says more than that all went well.
    noted: set[str] = field(default_factory=set)
    #: Ids of records that rows of other ids turned out to be.
    _adopted: set[str] = field(default_factory=set)
    #: By record, what Segment refused for what it says.
    rejected: dict[str, list[Rejection]] = field(default_factory=dict)
    #: By record, what was sent to no known effect.
    sent: dict[str, Sent] = field(default_factory=dict)
    #: By the keys of rows that a person added and deleted again, the creations that were cut off over them.
    _begun: dict[str, Intent] = field(default_factory=dict)

    def groups(self, thing: Object) -> Iterator[list[Step]]:
        """Steps to be performed before the next ones are looked at: of one record, or of the rules of a plan."""
        layout = layout_of(thing, self.options)
        with self.target.reading() as connection:
            gone = begun_and_gone(self.target, connection, layout)
            wishes = [wish(thing, key, each) for key, each in gone.items()]
            found = fit(self.target, connection, layout)
            found = reloaded(found) if thing.name == RULES else found
            found = sorted([*found, *wishes], key=_group)
            wanted = self._journal.wanted_sources(connection) if thing.name == PLANS else []
            if found:
                self.noted.update(self._journal.noted(connection, thing.name))
                self.rejected.update(self._journal.rejected(connection, thing.name))
                self.sent.update(unanswered(self.target, connection, thing.name))
        self._begun.update(gone)
        sources = {plan: names for _, plan, names in wanted}
        forbidden = self._why_no_deletes(layout, found)
        for _, group in groupby(found, key=_group if thing.name == RULES else lambda edit: edit.id):
            looked = self.remote.anew()
            # A run brought that record as a second row, which was deleted: the first one is its row now.
            standing = [each for each in group if each.kind != "delete" or each.id not in self._adopted]

            def decided(edit: Edit, free: Container[Identity] = ()) -> Step:
                return self._less_rejected(self._step(layout, edit, sources, forbidden, free))

            steps = [decided(each) for each in standing]
            steps = in_turn(steps, decided) if thing.name == RULES else steps
            yield [replace(each, looked=looked) for each in steps]

    def _step(
        self,
        layout: Layout,
        edit: Edit,
        sources: Mapping[str, Sequence[str]],
        forbidden: str | None,
        free: Container[Identity] = (),
    ) -> Step:
        thing = layout.object
        if edit.id in self._begun:
            step = unmake(self, layout, edit, self._begun[edit.id])
            return _forbidden(step, forbidden)
        if edit.kind == "create" and (made := self._made(layout, edit)):
            return made
        edit = as_named(edit, self.sent.get(edit.id, {}), self.remote) if thing.name == RULES else edit
        is_free = bool(free) and claimed(edit) in free and edit.kind == "create"
        record = None if edit.refused or is_free else self.remote.of(thing, edit)
        if edit.kind == "create" and record is not None and self._is_here(layout, record):
            why = f"there is one of this name already, {record['id']}: change that one, or give this one another name"
            return Step(edit.object, edit.id, "refused", edit.known_as, reason=why, edit=edit)
        # What is hidden in the rows is hidden in what they are compared with, and in what is kept of it.
        seen = None if record is None else columns_of(thing, masks.covered(record, layout.covers, self.mask))
        prefer = preferred(self.allowed.policy, edit, record.get("updatedAt") if record else None)
        ours = edit if seen is None else self._less_ours(edit, seen)
        step = replace(decide(thing, ours, seen, self.remote.suffix, prefer), edit=edit)
        step = rule_step(step, edit, self.remote, free, prefer) if thing.name == RULES else step
        step = _with_sources(step, sources) if edit.id in sources else step
        step = self._heeded(step) if step.action == "update" else step
        step = _forbidden(step, forbidden)
        return self._with_rules(step, prefer) if step.action == "delete" and thing.name == PLANS else step

    def _is_here(self, layout: Layout, record: Mapping[str, Any]) -> bool:
        """Whether another row is that record's."""
        if layout.object.name == RULES:
            return False
        base = base_table(self.target, layout)
        with self.target.reading() as connection:
            query = select(base.c[layout.primary_key]).where(base.c[layout.primary_key] == str(record["id"]))
            return connection.execute(query).first() is not None

    def _made(self, layout: Layout, edit: Edit) -> Step | None:
        """What a creation that was cut off made, by the name that was sent: the row is that record's."""
        thing = layout.object
        if edit.id not in self.noted:
            return None
        with self.target.reading() as connection:
            intent = self._journal.intent(connection, edit.object, edit.id)
        if intent is None or thing.name == RULES:
            return None
        new = self.remote.made(thing, intent.sent, intent.known)
        blank = Step(edit.object, edit.id, "adopt", edit.known_as, edit=edit)
        if len(new) > 1:
            why = f"{len(new)} records of this name appeared: keep one of them in Segment"
            return replace(blank, action="conflict", reason=why)
        if not new:
            return None
        self._adopted.add(str(new[0]["id"]))
        seen = columns_of(thing, masks.covered(new[0], layout.covers, self.mask))
        return replace(blank, remote=seen, record=new[0], reason="a push that was cut off has made it")

    def _less_ours(self, edit: Edit, seen: Mapping[str, Any]) -> Edit:
        """What the workspace has may be what it made of a write of ours that was cut off, and no edit of anybody.

        Where it is not, the value that was sent is no base, either: a run took it for one when it was taken back here.
        """
        seen = bare_name(seen, self.remote.suffix)
        sent = self.sent.get(edit.id, {})
        fields = []
        for each in edit.fields:
            writes, now = sent.get(each.name, ()), seen.get(each.name)
            ours = next((after for before, after in writes if holds(now, after) and not alike(now, before)), None)
            was = next((before for before, after in writes if alike(each.base, after)), each.base)
            if ours is None:
                fields.append(replace(each, base=was))
            else:
                fields.append(replace(each, base=now, local=now if same(each.local, ours) else each.local))
        return replace(edit, fields=tuple(fields))

    def _heeded(self, step: Step) -> Step:
        """Less what was sent before, in the same case, and had no effect: once more it would have none either."""
        if self.allowed.again or step.id not in self.noted:
            return step
        with self.target.reading() as connection:
            ignored = self._journal.ignored(connection, step.object, step.id)
        vain = {
            each.name for each in step.changes if each.name in ignored and _pair(each) == _texts(ignored[each.name])
        }
        if not vain:
            return step
        left = tuple(each for each in step.changes if each.name not in vain)
        if left and step.edit:
            rest = tuple(each for each in step.edit.fields if each.name not in vain)
            return replace(step, changes=left, edit=replace(step.edit, fields=rest))
        why = f"Segment took no notice of {', '.join(sorted(vain))} when it was sent: change it again, or take it back"
        return replace(step, action="refused", changes=(), reason=why, requests=0)

    def _less_rejected(self, step: Step) -> Step:
        """What Segment refused is not sent again while neither side changed, unless a person asks for it."""
        rejected = None if self.allowed.again else rejection_of(step, self.rejected.get(step.id, ()))
        if rejected is None:
            return step
        why = f"{rejected.why} It is not sent again as it is: change it, take it back, or give --again."
        return replace(step, action="refused", reason=why, requests=0)

    def _with_rules(self, step: Step, prefer: Side | None) -> Step:
        """A plan's rules go with it, so that an edit of one of them there contradicts its deletion here."""
        edited = self._edited_rules(step.id)
        if not edited:
            return step
        names = ", ".join(str(each.get("key") or each.get("type")) for each in edited[:_SHOWN])
        why = f"deleted here, its rules edited in the workspace ({names}{', ...' if len(edited) > _SHOWN else ''})"
        gone = Change("rules", [dict(each) for each in edited], None)
        if prefer is None:
            return replace(step, action="conflict", reason=why, requests=0)
        if prefer == "remote":
            return replace(step, action="pull", reason=f"{why}: theirs wins", requests=0)
        return replace(step, changes=(*step.changes, gone), reason=f"{why}: ours wins")

    def _edited_rules(self, plan: str) -> list[Mapping[str, Any]]:
        """The plan's rules that are not as they were when they were listed last; none where they never were."""
        layout = layout_of(by_name[RULES], self.options)
        with self.target.reading() as connection:
            listed = Known(bookkeeping(self.target.dialect), self.target.place.scope).listings(connection, RULES)
            last = listed.get(listing_of(plan).name)
            if last is None or last.listed_at is None:
                return []
            known = agreed_rules(self.target, connection, layout, plan)
        there = self.remote.rules(plan) or {}
        # What does not pass a condition of the configuration is not stored, and has no base.
        mine = {name: rule for name, rule in there.items() if name in known or not layout.where}
        return [rule for name, rule in mine.items() if not agrees(rule.get("jsonSchema"), known.get(name, ABSENT))]

    @property
    def _journal(self) -> Journal:
        return Journal(self.target, bookkeeping(self.target.dialect), "")

    def _why_no_deletes(self, layout: Layout, found: Sequence[Edit]) -> str | None:
        wishes = [edit for edit in found if edit.kind == "delete"]
        if not wishes:
            return None
        if not self.allowed.deletes:
            return "deletions are not sent: set push_deletes = true for this connection if they shall be"
        name, table = layout.object.name, base_table(self.target, layout)
        with self.target.reading() as connection:
            total = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        most = max(GUARD_ROWS, total * GUARD_SHARE)
        if name in self.allowed.many_deletes or len(wishes) <= most:
            return None
        # What is gone there too needs nobody's word.
        deletes = sum(self.remote.has(layout.object, edit) for edit in wishes)
        if deletes <= most:
            return None
        return (
            f"{deletes} of {total} records would be deleted, more than the guard lets vanish at once:"
            f" if that is right, give --allow-deletes {name}"
        )


def _group(edit: Edit) -> str:
    """The rules of one plan after the other, since they are listed by plan."""
    return str(edit.known_as.get("tracking_plan_id"))


def _forbidden(step: Step, why: str | None) -> Step:
    return replace(step, action="refused", reason=why, requests=0) if step.action == "delete" and why else step


def _pair(change: Change) -> tuple[str, str]:
    return _texts((change.before, change.after))


def _texts(pair: tuple[Any, Any]) -> tuple[str, str]:
    return text_of(pair[0]), text_of(pair[1])


def _with_sources(step: Step, sources: Mapping[str, Sequence[str]]) -> Step:
    """A restored plan is connected again to the sources that it had."""
    if step.action != "create":
        return step
    told = f"then its sources are connected: {', '.join(sources[step.id])}"
    return replace(step, reason=told, requests=step.requests + 1 + len(sources[step.id]))
