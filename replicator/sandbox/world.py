"""The workspace: its seed, its sizes, its clock, and its collections of records."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from .behaviour import Behaviour
from .draws import Draw
from .ids import Ids
from .moments import with_millis
from .roles import FEATURES
from .state import Level, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from .calls import Call
    from .series import Record
    from .state import Table

T = TypeVar("T")


class World:
    """The collections are the workspace as it was made; `state` is what was written since."""

    def __init__(
        self,
        *,
        seed: int,
        counts: Mapping[str, int],
        now: Callable[[], datetime],
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
        slug: str = "acme-outdoors",
        name: str = "Acme Outdoors",
        features: frozenset[str] = FEATURES,
    ) -> None:
        self.seed = seed
        self.counts = counts
        self.now = now
        self.behaviour = behaviour
        self.collections: dict[str, Any] = {}
        self.workspace: Record = {
            "id": Ids.of(seed, "workspace")[0],
            "slug": slug,
            "name": name,
        }
        self.features = features
        self.state = State(self)

    @property
    def workspace_id(self) -> str:
        return str(self.workspace["id"])

    def count(self, name: str, *needed: str) -> int:
        """How many there are: none where there is none of what they need."""
        return self.counts[name] if all(self.counts[other] for other in needed) else 0

    def table(self, level: Level) -> Table:
        """This collection as it is now."""
        return self.state.table(level)

    def happened(self, call: Call, event: str, kind: str, identifier: str, name: str, *, named: bool = True) -> None:
        """Leave an event in the audit trail; `named` tells whether the contract names it on this operation."""
        if not named and not self.behaviour.audit_unnamed:
            return
        number = 900_000_000 + len(self.state.events)
        about = {"resourceId": identifier, "resourceType": kind, "resourceName": name}
        happened = {"id": f"events/{number}", "timestamp": self.stamp(), "type": event, "actor": call.actor}
        by = {"actorEmail": call.email} if call.email else {}
        self.state.happened(happened | by | about)

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """What is done in this block happened then."""
        now, self.now = self.now, lambda: moment
        try:
            yield
        finally:
            self.now = now

    def stamp(self) -> str:
        """Now, as `createdAt` and `updatedAt` show it."""
        now = self.now()
        return with_millis(int(now.timestamp()), now.microsecond // 1000)

    def seconds(self) -> int:
        return int(self.now().timestamp())

    def draw(self, kind: str, index: int) -> Draw:
        return Draw(self.seed, kind, index)


def collection(build: Callable[[World], T]) -> Callable[[World], T]:
    """Build it once for each world, under the name of the function that builds it."""
    name = build.__name__

    @wraps(build)
    def of(world: World) -> T:
        # Two threads may both build it: the results are equal, and one of them stays.
        found: T | None = world.collections.get(name)
        return world.collections.setdefault(name, build(world)) if found is None else found

    return of
