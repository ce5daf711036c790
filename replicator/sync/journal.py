"""The rows about what was sent, and about what a person has to decide."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, insert, or_, select, update

from replicator import exact
from replicator.merge.values import alike
from replicator.target.base import SAID
from replicator.target.lease import holder
from replicator.target.unanswered import is_open

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from replicator.edits import Edit
    from replicator.sync.model import Step
    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target


#: What is said of a write whose push was killed before it knew the answer; an edit that is left is looked at anew.
KILLED = "its push was killed before it knew Segment's answer"

#: What is said of a write whose answer was lost, once the record was looked at and settled.
SEEN = "its answer was lost; what came of it was seen later"


@dataclass(frozen=True, slots=True)
class Intent:
    """A creation that was begun and of which nobody knows whether it had its effect."""

    id: str
    known: frozenset[str]
    #: What was sent, by column.
    sent: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A write that Segment refused for what it says; `why` are its words."""

    action: str
    before: str
    after: str
    why: str

    def is_of(self, edit: Edit) -> bool:
        """Whether the edit still says the same."""
        if edit.kind == "delete" or self.action == "delete":
            return edit.kind == self.action
        sent = {name: value for name, value in exact.load(self.after).items() if name not in SAID}
        return sent.keys() == {each.name for each in edit.fields} and all(
            alike(each.local, sent[each.name]) for each in edit.fields
        )


@dataclass(frozen=True, slots=True)
class Journal:
    """Of one run, in one place of the database."""

    target: Target
    books: Bookkeeping
    run_id: str

    @property
    def scope(self) -> str:
        return self.target.place.scope

    def intend(self, connection: Connection, step: Step, action: str = "", known: Iterable[str] = ()) -> str:
        """Before the write is sent; gives the row's id. `known` are the ids that were there before a creation."""
        before, after = _sides(step)
        row = {
            "id": uuid.uuid4().hex,
            "scope": self.scope,
            "run_id": self.run_id,
            "object": step.object,
            "record_id": step.id,
            "action": action or step.action,
            "status": "sent",
            "holder": holder(),
            "began_at": self.target.dialect.now(connection),
            "before": before,
            "after": after,
            "known_ids": exact.shown(sorted(known)) if step.action == "create" else None,
        }
        connection.execute(insert(self.books.push_journal).values(**row))
        return str(row["id"])

    def overrule(self, connection: Connection, step: Step) -> None:
        """Keeps our values that give way to the workspace's by the policy: nobody's edit is lost."""
        if not step.overruled:
            return
        identifier = self.intend(connection, replace(step, changes=step.overruled), "pull")
        self.end(connection, [identifier], "done", step.reason)

    def end(
        self, connection: Connection, identifiers: Iterable[str], status: str, error: str | None = None, **more: Any
    ) -> None:
        """`done`, `refused` or `rejected` (it had no effect), `ignored` or `lost` (nobody knows)."""
        table, now = self.books.push_journal, self.target.dialect.now(connection)
        values = {"status": status, "error": error, "ended_at": now, **more}
        for identifier in identifiers:
            connection.execute(update(table).where(table.c.id == identifier).values(**values))

    def close_dead(self, connection: Connection) -> None:
        """Ends the rows of writes over which a push was killed. For who holds the lock: no other push goes on.

        Deployments and connections to sources may wait for a later push, and are no such writes.
        """
        table, now = self.books.push_journal, self.target.dialect.now(connection)
        left = (table.c.scope == self.scope, table.c.status == "sent", table.c.run_id != self.run_id)
        writes = table.c.action.in_(("create", "update", "delete"))
        connection.execute(update(table).where(*left, writes).values(status="lost", error=KILLED, ended_at=now))

    def remark(self, connection: Connection, name: str, record_id: str, why: str) -> None:
        """What is to be known of a write of this run that is done."""
        table = self.books.push_journal
        mine = (table.c.run_id == self.run_id, table.c.object == name, table.c.record_id == record_id)
        done = (table.c.action.in_(("update", "delete")), table.c.status == "done")
        connection.execute(update(table).where(*mine, *done).values(error=why))

    def intent(self, connection: Connection, name: str, record_id: str) -> Intent | None:
        """The creation of that record that is open since an earlier run was cut off, or its answer lost."""
        return self.intents(connection, name).get(record_id)

    def intents(self, connection: Connection, name: str) -> dict[str, Intent]:
        """Those of the object, by record; of several of one record, the first."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.object == name, table.c.action == "create", is_open(table))
        query = select(table.c.id, table.c.record_id, table.c.known_ids, table.c.after).where(*mine)
        found: dict[str, Intent] = {}
        for row in connection.execute(query.order_by(table.c.began_at.desc())):
            sent = {name: value for name, value in exact.load(row.after).items() if name not in SAID}
            found[row.record_id] = Intent(row.id, frozenset(exact.load(row.known_ids or "[]")), sent)
        return found

    def noted(self, connection: Connection, name: str) -> frozenset[str]:
        """The records of the object of which `intent` or `ignored` may have something to say; most have nothing."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.object == name)
        said = table.c.status.in_(("sent", "lost", "ignored"))
        return frozenset(connection.execute(select(table.c.record_id).where(*mine, said).distinct()).scalars())

    def ignored(self, connection: Connection, name: str, record_id: str) -> dict[str, tuple[Any, Any]]:
        """By column, the value that Segment took no notice of when it was sent last, and the one that it kept."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.object == name, table.c.record_id == record_id)
        query = select(table.c.before, table.c.after).where(*mine, table.c.status == "ignored")
        found: dict[str, tuple[Any, Any]] = {}
        for row in connection.execute(query.order_by(table.c.began_at)):
            before = exact.load(row.before)
            found |= {name: (before.get(name), value) for name, value in exact.load(row.after).items()}
        return found

    def rejected(self, connection: Connection, name: str) -> dict[str, list[Rejection]]:
        """By record, the writes that Segment refused for what they say: as they are, they would be refused again.

        So would what it took no notice of as a whole; of an update it may be a part, which `ignored` tells.
        """
        table = self.books.push_journal
        whole = and_(table.c.status == "ignored", table.c.action != "update")
        mine = (table.c.scope == self.scope, table.c.object == name, or_(table.c.status == "rejected", whole))
        found: dict[str, list[Rejection]] = {}
        for row in connection.execute(select(table).where(*mine).order_by(table.c.began_at.desc())):
            rejection = Rejection(row.action, row.before, row.after, row.error or "")
            found.setdefault(row.record_id, []).append(rejection)
        return found

    def open_writes(self, connection: Connection, name: str, record_id: str) -> list[str]:
        """The rows of writes of that record of which nobody knows whether they had their effect."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.object == name, table.c.record_id == record_id)
        return list(connection.execute(select(table.c.id).where(*mine, is_open(table))).scalars())

    def settle(self, connection: Connection, name: str, record_id: str) -> None:
        """Row and base are what both sides have now: what came of earlier writes is of no consequence any more."""
        self.end(connection, self.open_writes(connection, name, record_id), "done", SEEN)

    def undeployed(self, connection: Connection) -> list[tuple[str, str]]:
        """Row and function id of each deployment that is wanted and not done."""
        table = self.books.push_journal
        wanted = (table.c.scope == self.scope, table.c.action == "deploy", table.c.status.in_(("sent", "lost")))
        return [(row.id, row.record_id) for row in connection.execute(select(table).where(*wanted))]

    def want_sources(self, connection: Connection, plan: str, sources: Sequence[str]) -> None:
        """Of a tracking plan that is to be made: the sources that it is to be connected to then."""
        row = {"id": uuid.uuid4().hex, "scope": self.scope, "run_id": self.run_id, "object": "TrackingPlans"}
        row |= {"record_id": plan, "action": "connect", "status": "sent", "holder": holder()}
        row |= {"began_at": self.target.dialect.now(connection), "before": "null", "after": exact.shown(list(sources))}
        connection.execute(insert(self.books.push_journal).values(**row))

    def wanted_sources(self, connection: Connection) -> list[tuple[str, str, list[str]]]:
        """Row, plan and sources of each connection that is wanted and not done."""
        table = self.books.push_journal
        wanted = (table.c.scope == self.scope, table.c.action == "connect", table.c.status.in_(("sent", "lost")))
        rows = connection.execute(select(table).where(*wanted).order_by(table.c.began_at))
        return [(row.id, row.record_id, exact.load(row.after)) for row in rows]

    def name_plan(self, connection: Connection, was: str, now: str) -> None:
        """The plan that was to be made has its id."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.action == "connect", table.c.record_id == was)
        connection.execute(update(table).where(*mine).values(record_id=now))

    def deleted(self, connection: Connection, name: str, record_id: str) -> tuple[datetime, dict[str, Any]] | None:
        """When a record was deleted through here, and its columns as they were then."""
        table = self.books.push_journal
        mine = (table.c.scope == self.scope, table.c.object == name, table.c.record_id == record_id)
        query = select(table.c.began_at, table.c.before).where(
            *mine, table.c.action == "delete", table.c.status == "done"
        )
        row = connection.execute(query.order_by(table.c.began_at.desc()).limit(1)).first()
        return (row.began_at, exact.load(row.before)) if row and row.before else None

    def conflicts(self, connection: Connection, name: str | None = None) -> list[dict[str, Any]]:
        """What a person has to decide, newest first."""
        table = self.books.conflicts
        mine = [table.c.scope == self.scope, *([table.c.object == name] if name else [])]
        rows = connection.execute(select(table).where(*mine).order_by(table.c.seen_at.desc(), table.c.id)).mappings()
        return [dict(row) for row in rows]

    def keep_conflicts(self, connection: Connection, name: str, steps: Iterable[Step]) -> None:
        """Those of the object that stand now: one that was seen before keeps its id and its time."""
        table = self.books.conflicts
        rows = {row["id"]: row for row in (self._conflict(each) for each in steps)}
        before = {row["id"]: row for row in self.conflicts(connection, name)}
        for gone in before.keys() - rows.keys():
            connection.execute(delete(table).where(table.c.id == gone))
        for key, row in rows.items():
            if key not in before:
                seen = {"run_id": self.run_id, "seen_at": self.target.dialect.now(connection)}
                connection.execute(insert(table).values(**row, **seen))
            elif any(before[key][column] != value for column, value in row.items()):
                connection.execute(update(table).where(table.c.id == key).values(**row))

    def _conflict(self, step: Step) -> dict[str, Any]:
        fields = step.edit.fields if step.edit else ()
        name = repr((self.scope, step.object, step.id)).encode()
        return {
            "id": sha256(name).hexdigest()[:12],
            "scope": self.scope,
            "object": step.object,
            "record_id": step.id,
            "reason": step.reason or "",
            "base": exact.shown({each.name: each.base for each in fields}),
            "local": exact.shown({each.name: each.local for each in fields}),
            "remote": exact.shown(_shown(step.remote)),
        }


def rejection_of(step: Step, known: Iterable[Rejection]) -> Rejection | None:
    """The one that says the same as the step, about a record that is as it was then."""
    return next(
        (each for each in known if (each.action, each.before, each.after) == (step.action, *_sides(step))), None
    )


def _sides(step: Step) -> tuple[str, str]:
    """What was there, and what is sent in its place."""
    before = {each.name: each.before for each in step.changes}
    if step.action == "delete":
        # The record goes as a whole, and with a plan the rules of it that were edited there.
        before = {**(_shown(step.remote) or {}), **before}
    return exact.shown(before), exact.shown({each.name: each.after for each in step.changes} | _said(step))


def _said(step: Step) -> dict[str, Any]:
    """Who edited it and when, where they said so."""
    told = {"_edited_at": step.edit.edited_at, "_edited_by": step.edit.edited_by} if step.edit else {}
    return {name: value for name, value in told.items() if value is not None}


def _shown(remote: Mapping[str, Any] | None) -> Any:
    return None if remote is None else dict(remote)
