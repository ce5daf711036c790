"""Reads that lag behind writes: readers have a World of their own, which gets each change when it is due."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .world import World

if TYPE_CHECKING:
    from .state import Change


class Delayed:
    def __init__(self, written: World) -> None:
        self._written = written
        self._delay = written.behaviour.read_delay
        self._due: deque[tuple[float, Change]] = deque()
        self._read = written if self._delay <= 0 else _twin(written)
        if self._read is not written:
            written.state.changed = self._keep

    def _keep(self, change: Change) -> None:
        self._due.append((self._written.now().timestamp() + self._delay, change))

    def world(self) -> World:
        """What a reader sees now."""
        while self._due and self._due[0][0] <= self._written.now().timestamp():
            self._read.state.repeat(self._due.popleft()[1])
        return self._read


def _twin(world: World) -> World:
    twin = World(
        seed=world.seed,
        counts=world.counts,
        now=lambda: world.now(),  # noqa: PLW0108 - it may be another one for a while
        behaviour=world.behaviour,
        features=world.features,
    )
    # The workspace as it was made is the same for both, so it is built once.
    twin.collections, twin.workspace = world.collections, world.workspace
    return twin
