"""What a plan consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.edits import Edit

#: `adopt`: both sides are equal already, so that only the base has to follow. `pull`: our edit gives way to what the
#: workspace has. `refused`: it cannot or may not be sent.
Action = Literal["create", "update", "delete", "pull", "adopt", "conflict", "refused"]
#: What becomes of a conflict: a person decides, one side always wins, or the later edit where both sides tell its time.
Policy = Literal["error", "segment_wins", "target_wins", "newest"]
#: `moved`: one of the sides is no longer what the plan was made for. `lost`: nobody knows whether it had an effect.
Outcome = Literal["done", "moved", "lost", "refused", "conflict"]
WRITES: frozenset[Action] = frozenset({"create", "update", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be sent."""

    push: bool = False
    deletes: bool = False
    deploy: bool = False
    #: What becomes of conflicts.
    policy: Policy = "error"
    #: What Segment refused, or took no notice of, is sent once more.
    again: bool = False
    #: Objects of which more records may be deleted than the guard lets vanish.
    many_deletes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a write sends: its value in the workspace, and the new one."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """What is to happen to one edited record. `pin` is the digest of all three sides for which this was decided."""

    object: str
    id: str
    action: Action
    known_as: Mapping[str, Any]
    changes: tuple[Change, ...] = ()
    #: Our values that give way to the workspace's by the policy; the journal keeps them.
    overruled: tuple[Change, ...] = ()
    reason: str | None = None
    pin: str = ""
    #: The requests that it takes, less those that it shares with other steps.
    requests: int = 0
    #: When the look at the workspace began, by its clock.
    looked: datetime | None = field(default=None, repr=False, compare=False)
    edit: Edit | None = field(default=None, repr=False, compare=False)
    #: The workspace's record, None where there is none.
    remote: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    #: The same as it came, where it was not found by what the edit says.
    record: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a step; `error` is one sentence."""

    step: Step
    outcome: Outcome
    error: str | None = None
    request_id: str | None = None
