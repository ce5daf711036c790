"""A life by chance, the same for the same seed, the same requests and the same clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from replicator.sandbox.content.iam import users
from replicator.sandbox.content.sources import LABELS, sources
from replicator.sandbox.roles import feature_of
from replicator.sandbox.routes import ROUTES

from .deeds import Deed, Due
from .kinds import KINDS, Kind, permitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_FEATURES = {route.path: feature_of(route) for route in ROUTES if route.method == "POST"}
#: How many of those deleted can still come back.
_MISSED = 50
_TRIES = 50


@dataclass(frozen=True, slots=True)
class _Missed:
    """Of a deleted record, what it can be made from again."""

    path: str
    body: Record


class Chance:
    """So many deeds for each request, or for each hour of the sandbox's clock, in its first workspace."""

    def __init__(self, seed: int = 1, *, per_request: float = 0.0, per_hour: float = 0.0) -> None:
        if not (per_request > 0) ^ (per_hour > 0):
            raise ValueError("a life by chance has a rate per request or a rate per hour")
        self._random = Random(f"life {seed}")
        self._per_request = per_request
        self._per_hour = per_hour
        self._asked = -1
        self._left = 0
        self._due: datetime | None = None
        self._named = 0
        self._missed: deque[_Missed] = deque(maxlen=_MISSED)

    def begin(self, moment: datetime) -> None:
        if self._per_hour:
            self._due = moment + self._pause()

    def next(self, world_of: Mapping[str, World], asked: int, now: datetime) -> Due | None:
        moment = self._moment(asked, now)
        if moment is None:
            return None
        world = next(iter(world_of.values()))
        for _ in range(_TRIES):
            deed = self._random.choices(_WAYS, _WEIGHTS)[0](self, world)
            if deed is not None:
                return Due(moment, deed)
        return None

    def did(self, _data: Any) -> None:
        """Nobody waits for an answer here."""

    def _moment(self, asked: int, now: datetime) -> datetime | None:
        """When the next deed happens, if it is due."""
        if self._due is not None:
            if self._due > now:
                return None
            moment, self._due = self._due, self._due + self._pause()
            return moment
        if asked != self._asked:
            self._asked = asked
            whole, rest = divmod(self._per_request, 1)
            self._left = int(whole) + (self._random.random() < rest)
        if not self._left:
            return None
        self._left -= 1
        return now

    def _pause(self) -> timedelta:
        return timedelta(hours=self._random.expovariate(self._per_hour))

    def _kind(self, world: World) -> tuple[Kind, Record] | None:
        """A kind that the workspace has, and one record of it."""
        kind = self._random.choice(KINDS)
        feature = _FEATURES.get(kind.path)
        count = len(world.table(kind.level))
        if not count or (feature and feature not in world.features):
            return None
        at = self._random.randrange(count)
        return kind, world.table(kind.level)[at : at + 1][0]

    def _somebody(self, world: World) -> str:
        count = len(world.table(users))
        at = self._random.randrange(count) if count else 0
        return str(world.table(users)[at : at + 1][0]["id"]) if count else ""

    def _name(self) -> str:
        self._named += 1
        return f"life-{self._named}"

    def _create(self, world: World) -> Deed | None:
        if (found := self._kind(world)) is None:
            return None
        kind, record = found
        return Deed("POST", kind.path, kind.made(world, record, self._name()), by=self._somebody(world))

    def _rename(self, world: World) -> Deed | None:
        if (found := self._kind(world)) is None:
            return None
        kind, record = found
        return Deed("PATCH", f"{kind.path}/{record['id']}", kind.renamed(self._name()), by=self._somebody(world))

    def _change(self, world: World) -> Deed | None:
        if (found := self._kind(world)) is None:
            return None
        kind, record = found
        method, rest, body = kind.changed(world, record, self._random)
        return Deed(method, f"{kind.path}/{record['id']}{rest}", body, by=self._somebody(world))

    def _delete(self, world: World) -> Deed | None:
        """At least half of what there was at first stays."""
        if (found := self._kind(world)) is None:
            return None
        kind, record = found
        table = world.table(kind.level)
        if 2 * len(table) <= len(table.born):
            return None
        name = kind.name(record)
        if name:
            self._missed.append(_Missed(kind.path, kind.made(world, record, name)))
        return Deed("DELETE", f"{kind.path}/{record['id']}", by=self._somebody(world))

    def _recreate(self, world: World) -> Deed | None:
        """With the name that it had, and another id."""
        if not self._missed:
            return None
        missed = self._missed.popleft()
        source = missed.body.get("sourceId")
        if source is not None and source not in world.table(sources):
            return None
        return Deed("POST", missed.path, missed.body, by=self._somebody(world))

    def _permit(self, world: World) -> Deed | None:
        person = self._somebody(world)
        body = permitted(world, self._random)
        return Deed("PUT", f"/users/{person}/permissions", body, by=self._somebody(world)) if person else None

    def _invite(self, world: World) -> Deed:
        invites = {"invites": [{"email": f"{self._name()}@acme-outdoors.example"}]}
        return Deed("POST", "/invites", invites, by=self._somebody(world))

    def _dismiss(self, world: World) -> Deed | None:
        table = world.table(users)
        if 2 * len(table) <= len(table.born):
            return None
        return Deed("DELETE", "/users", query={"userIds.0": self._somebody(world)}, by=self._somebody(world))

    def _label(self, world: World) -> Deed:
        """A new one, or one less."""
        known = LABELS.of(world, "")
        if known and self._random.random() < len(known) / 40:
            label = self._random.choice(known)
            return Deed("DELETE", f"/labels/{label['key']}/{label['value']}", by=self._somebody(world))
        return Deed("POST", "/labels", {"label": {"key": self._name(), "value": "x"}}, by=self._somebody(world))


_CHANCES: tuple[tuple[Callable[[Chance, World], Deed | None], int], ...] = (
    (Chance._create, 5),  # noqa: SLF001 - the ways of this class, as data
    (Chance._change, 10),  # noqa: SLF001
    (Chance._rename, 5),  # noqa: SLF001
    (Chance._delete, 7),  # noqa: SLF001
    (Chance._recreate, 2),  # noqa: SLF001
    (Chance._permit, 3),  # noqa: SLF001
    (Chance._invite, 1),  # noqa: SLF001
    (Chance._dismiss, 1),  # noqa: SLF001
    (Chance._label, 2),  # noqa: SLF001
)
_WAYS = [way for way, _ in _CHANCES]
_WEIGHTS = [weight for _, weight in _CHANCES]
