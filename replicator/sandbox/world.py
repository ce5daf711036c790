"""The workspace: its seed, its sizes, its clock, and its collections of records."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from .draws import Draw
from .ids import Ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from .series import Record

T = TypeVar("T")


class World:
    """Every collection is reached through `collections`, so a write can put an edited one in its place."""

    def __init__(self, *, seed: int, counts: Mapping[str, int], now: Callable[[], datetime]) -> None:
        self.seed = seed
        self.counts = counts
        self.now = now
        self.collections: dict[str, Any] = {}
        self.workspace: Record = {
            "id": Ids.of(seed, "workspace")[0],
            "slug": "acme-outdoors",
            "name": "Acme Outdoors",
        }

    @property
    def workspace_id(self) -> str:
        return str(self.workspace["id"])

    def count(self, name: str, *needed: str) -> int:
        """How many there are: none where there is none of what they need."""
        return self.counts[name] if all(self.counts[other] for other in needed) else 0

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
