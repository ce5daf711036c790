"""Writes: each is in the journal before it is sent, and sent again only when a look says that it had no effect (I8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from replicator.errors import SegmentError
from replicator.segment.client import Lost
from replicator.sync.meanwhile import Moment
from replicator.sync.model import Done, Step
from replicator.target.lease import BEAT

if TYPE_CHECKING:
    from replicator.catalog.model import Object
    from replicator.edits import Edit
    from replicator.rows import Row
    from replicator.segment.client import Answer, Ask
    from replicator.sync.journal import Journal
    from replicator.sync.remote import Remote
    from replicator.sync.settle import Settling

#: An update or a removal says how things shall be, so that it may be sent again; not for ever.
TRIES = 3
#: As many rows of what was read back are published at once.
_ROWS_AT_ONCE = 500
#: The API's word that what a write says is wrong, whoever sends it and however often.
BAD = frozenset({400, 413, 422})
#: What a look after a lost answer shows: the write had its effect, it had none, or somebody else was there meanwhile.
State = Literal["done", "open", "moved"]
#: What is told of a write whose answer was lost, and after which the record is neither as it was nor as it shall be.
_MEANWHILE = "somebody edited it in Segment when its answer was lost; the next push looks at it again"


@dataclass
class Sending:
    """For one writable object."""

    thing: Object
    remote: Remote
    settling: Settling
    journal: Journal
    deploy: bool = False
    #: Of plans: what settles their rules, where these have a table.
    rules: Settling | None = None
    #: The writes that may have overwritten what somebody else edited meanwhile.
    moments: list[Moment] = field(default_factory=list)
    #: When the lease was last seen to be ours.
    checked: float = 0.0
    #: Rows that are still to be published.
    rows: list[Row] = field(default_factory=list)

    def publish(self, *, all_: bool = True) -> None:
        """What was read back becomes row and base; a few rows may wait for more."""
        if all_ or len(self.rows) >= _ROWS_AT_ONCE:
            self.settling.publish(self.rows)
            self.rows.clear()

    def intend(self, steps: Sequence[Step], known: Iterable[str] = ()) -> list[str]:
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            self.checked = time.monotonic()
            return [self.journal.intend(connection, each, known=known) for each in steps]

    def end(self, journal_ids: Iterable[str], status: str, error: str | None = None, **more: Any) -> None:
        with self.settling.target.begin() as connection:
            self.journal.end(connection, journal_ids, status, error, **more)

    def write(self, steps: Iterable[Step], ask: Ask) -> Answer | Lost:
        """One request for those steps. Raises RunLocked, and sends nothing, where another push took over meanwhile."""
        if time.monotonic() - self.checked > BEAT:
            # The process was stopped in between, or the database was slow: another one may have looked, and sent it.
            with self.settling.target.reading() as connection:
                self.settling.lease.check(connection)
        answer = self.remote.client.write(ask)
        written = self.remote.client.time()
        over = (each for each in steps if each.action in {"update", "delete"} and each.looked)
        self.moments += [Moment(each, each.looked or written, written) for each in over]
        return answer

    def once(self, step: Step, journal_ids: Sequence[str], ask: Ask) -> Answer | Lost | Done:
        try:
            return self.write([step], ask)
        except SegmentError as error:
            self.refuse(journal_ids, error)
            if error.stops_everything:
                raise
            return Done(step, "refused", str(error), error.request_id)

    def refuse(self, journal_ids: Iterable[str], error: SegmentError) -> None:
        """It had no effect; where what it says is the reason, it is not sent again as it is."""
        status = "rejected" if error.status in BAD else "refused"
        self.end(journal_ids, status, str(error), request_id=error.request_id)

    def until(self, step: Step, journal_ids: Sequence[str], ask: Ask, look: Callable[[], State]) -> str | Done | None:
        """Sends what says how things shall be, until they are: the id of the request, or why it cannot be."""
        why = ""
        for _ in range(TRIES):
            answer = self.once(step, journal_ids, ask)
            if isinstance(answer, Done):
                gone = ask.method == "DELETE" and look() == "done"
                return answer.request_id if gone else answer
            if not isinstance(answer, Lost):
                return answer.request_id
            state = look()
            if state != "open":
                return None if state == "done" else self.moved(step, journal_ids)
            why = answer.why
        return self.lost(step, journal_ids, why)

    def lost(self, step: Step, journal_ids: Sequence[str], why: str) -> Done:
        self.end(journal_ids, "lost", why)
        return Done(step, "lost", f"{why}; nobody knows whether it had an effect: run it again")

    def moved(self, step: Step, journal_ids: Sequence[str]) -> Done:
        self.end(journal_ids, "lost", _MEANWHILE)
        return Done(step, "moved", _MEANWHILE)


def waiting(steps: Sequence[Step]) -> tuple[list[Done], list[Step]]:
    """Conflicts and refusals are kept and told, nothing else; the others are to be performed."""
    told: list[Done] = []
    todo: list[Step] = []
    for step in steps:
        match step.action:
            case "conflict":
                told.append(Done(step, "conflict", step.reason))
            case "refused":
                told.append(Done(step, "refused", step.reason))
            case _:
                todo.append(step)
    return told, todo


def edit_of(step: Step) -> Edit:
    if step.edit is None:
        raise AssertionError("a step of a plan file is found again before it is performed")
    return step.edit
