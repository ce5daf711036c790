"""What a worker of a fleet brings to a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replicator.fleet.limits import SharedLimits
    from replicator.fleet.store import Store
    from replicator.options import Options
    from replicator.segment.token import Token


@dataclass(slots=True)
class Hand:
    """The fleet, and what earlier runs of the same turn left to do."""

    fleet: Store
    secret: bytes
    #: The objects that they are done with.
    done: frozenset[str] = frozenset()
    _shared: list[SharedLimits] = field(default_factory=list)

    def limits(self, token: Token) -> SharedLimits:
        """Those of all processes that use this token."""
        from replicator.fleet.limits import SharedLimits

        made = SharedLimits(self.fleet, token, secret=self.secret)
        self._shared.append(made)
        return made

    @property
    def longest_wait(self) -> float:
        """What the rate limit asked for at most."""
        return max((each.longest for each in self._shared), default=0.0)

    def narrowed(self, chosen: Options) -> Options:
        """The same, less what is done."""
        from replicator.options import Unit

        left = tuple(each for each in chosen.objects if each.name not in self.done)
        return replace(chosen, objects=left or chosen.objects, unit=Unit(self.fleet.gone))
