"""One field of an edit as a page shows it: short values side by side, longer ones as a diff, no secret. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from replicator.web import veil
from replicator.web.diffs import Line, differing, short

if TYPE_CHECKING:
    from replicator.catalog.model import Object


@dataclass(frozen=True, slots=True)
class Compared:
    """`lines` where the values are too long for one line; `secret` where nothing of what differs may be shown."""

    name: str
    before: str | None
    after: str | None
    lines: list[Line] = field(default_factory=list)
    secret: bool = False


def compared(thing: Object, name: str, before: Any, after: Any) -> Compared:
    """What differs between the two values of that column; None: there is none."""
    first, second = (veil.shown(thing, name, value) for value in (before, after))
    if first == second and before != after:
        return Compared(name, None, None, secret=True)
    one, other = short(first), short(second)
    if one is not None and other is not None:
        return Compared(name, None if before is None else one, None if after is None else other)
    return Compared(name, None, None, differing(first, second))
