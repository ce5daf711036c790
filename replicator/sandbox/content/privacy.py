"""Suppressions and regulations.

Regulation r was made at BIRTH + r * step, so that the 90 days that the API shows hold as many as were asked for;
every third belongs to a source, the others to the workspace. They finish one day after they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_micros
from replicator.sandbox.series import Record, Series
from replicator.sandbox.world import World, collection

from . import destinations
from .sources import source_ids, sources

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call

_DEPTH = 90 * DAY
_FINISHED = ("FINISHED", "FINISHED", "FINISHED", "PARTIAL_SUCCESS", "FAILED", "NOT_SUPPORTED", "INVALID")
_TYPES = (
    "SUPPRESS_ONLY", "DELETE_INTERNAL", "SUPPRESS_WITH_DELETE", "DELETE_ONLY", "UNSUPPRESS",
    "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_ARCHIVE_ONLY",
)  # fmt: skip
_STATUSES = ("FAILED", "FINISHED", "INITIALIZED", "INVALID", "NOT_SUPPORTED", "PARTIAL_SUCCESS", "RUNNING")
#: Spreads neighbours over 32 bits: an odd number near 2**32 divided by the golden ratio.
_SCATTER = 2_654_435_761


class Suppressions:
    """Pages as ready-made JSON: the sandbox must not be the bottleneck of a measurement."""

    def __init__(self, length: int, seed: int) -> None:
        self._length = length
        self._seed = seed

    def __len__(self) -> int:
        return self._length

    def subject(self, index: int) -> str:
        scattered = (index + self._seed) * _SCATTER & 0xFFFFFFFF
        return f'björn "{index}" +' if index % 50 == 25 else f"user_{index}_{scattered:08x}"

    def __getitem__(self, window: slice) -> msgspec.Raw:
        start, stop, _ = window.indices(self._length)
        scattered = range((start + self._seed) * _SCATTER, (stop + self._seed) * _SCATTER, _SCATTER)
        rows = [
            f'{{"subjectType":"userId","subjectIds":["user_{index}_{spread & 0xFFFFFFFF:08x}"]}}'
            for index, spread in zip(range(start, stop), scattered, strict=True)
        ]
        for place in range((25 - start) % 50, len(rows), 50):
            rows[place] = self._awkward(start + place)
        return msgspec.Raw(f"[{','.join(rows)}]".encode())

    def _awkward(self, index: int) -> str:
        kind = "userId" if index % 100 == 25 else "anonymousId"
        return msgspec.json.encode({"subjectType": kind, "subjectIds": [self.subject(index)]}).decode()


def suppressions(world: World, _call: Call | None = None) -> Suppressions:
    return Suppressions(world.count("Suppressions"), world.seed)


@collection
def regulations(world: World) -> Series:
    """All that were ever made; the API finds only those of the last 90 days."""
    ids = Ids.of(world.seed, "regulation", "ksuid")
    return Series(1 << 60, lambda index: _regulation(world, ids[index], index), ids)


def _made(world: World, index: int) -> int:
    """Microseconds since 1970: regulations are the one object that has them (examples.json)."""
    return BIRTH * 1_000_000 + index * _DEPTH * 1_000_000 // max(1, world.counts["Regulations"]) + index % 1000


def _shown(world: World, now: int) -> range:
    """Those of the last 90 days."""
    each = world.counts["Regulations"]
    after_newest = (now - BIRTH) * each // _DEPTH + 1 if each and now >= BIRTH else 0
    return range(max(0, after_newest - each), after_newest)


class _NoThirds(Sequence[int]):
    """The numbers of a range that three does not divide, newest first."""

    def __init__(self, shown: range) -> None:
        self._places = range(*(number - (number + 2) // 3 for number in (shown.start, shown.stop)))[::-1]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        chosen = self._places[place]
        return chosen // 2 * 3 + 1 + chosen % 2


def _shown_of(world: World, now: int, source: int) -> Sequence[int]:
    """Those of one source, by its number from 1 on, or with 0 those of the workspace; newest first."""
    shown = _shown(world, now)
    turn = 3 * len(sources(world))
    if source:
        return range(shown.start + (3 * (source - 1) - shown.start) % turn, shown.stop, turn)[::-1]
    return _NoThirds(shown) if turn else shown[::-1]


def _status(world: World, index: int, now: int) -> str:
    age = now - _made(world, index) // 1_000_000
    if age < DAY:
        return "INITIALIZED" if age < DAY // 8 else "RUNNING"
    return world.draw("regulation status", index).pick(_FINISHED)


def _regulation(world: World, identifier: str, index: int) -> Record:
    now = world.seconds()
    status = _status(world, index, now)
    kind = _TYPES[index % len(_TYPES)]
    if not _of_source(world, index) and kind == "DELETE_ARCHIVE_ONLY":
        kind = "SUPPRESS_ONLY"  # the workspace's filter does not know it
    known = suppressions(world)
    regulation = {
        "id": identifier,
        "subjectType": "USER_ID" if index % 4 else "OBJECT_ID",
        "subjects": [known.subject((index * 3 + i) % max(1, len(known))) for i in range(1 + index % 3)],
        "status": status,
        "createdAt": with_micros(_made(world, index)),
        "regulationType": kind,
    }
    done = status not in ("INITIALIZED", "RUNNING")
    return regulation | ({"finishedAt": with_micros(_made(world, index) + DAY * 1_000_000)} if done else {})


def _of_source(world: World, index: int) -> int:
    """The number of the source that the regulation belongs to, from 1 on; 0 for the workspace."""
    count = len(sources(world))
    return index // 3 % count + 1 if index % 3 == 0 and count else 0


def _listed(world: World, call: Call, source: int) -> Series:
    status = call.query.choice("status", _STATUSES)
    kinds = call.query.choices("regulationTypes", _TYPES)
    every = regulations(world)
    own = every.only(_shown_of(world, call.anchor, source))
    return own.only([i for i, found in enumerate(own) if _wanted(found, status, kinds)]) if status or kinds else own


def _wanted(regulation: Record, status: str | None, kinds: Sequence[str]) -> bool:
    return status in (None, regulation["status"]) and (not kinds or regulation["regulationType"] in kinds)


def of_workspace(world: World, call: Call) -> Series:
    return _listed(world, call, 0)


def of_source(world: World, call: Call) -> Series:
    return _listed(world, call, sources(world).index_of(call.ids[0]) + 1)


def regulation(world: World, call: Call) -> Record:
    """Another shape than in the list: what became of it in each source and destination."""
    index = regulations(world).index_of(call.ids[0])
    if index not in _shown(world, world.seconds()):
        raise not_found("Regulation")
    brief = regulations(world)[index]
    source = _of_source(world, index)
    found = {
        "id": brief["id"],
        "workspaceId": world.workspace_id,
        "overallStatus": brief["status"],
        "createdAt": brief["createdAt"],
        "streamStatus": [_stream(world, source - 1, brief)] if source else [],
    }
    return found | ({"finishedAt": brief["finishedAt"]} if "finishedAt" in brief else {})


def _stream(world: World, source: int, brief: Record) -> Record:
    statuses = [
        {
            "name": destination["metadata"]["name"],
            "id": destination["id"],
            "status": brief["status"],
            "errString": "rate limited by the destination" if brief["status"] == "FAILED" else "",
            "finishedAt": brief.get("finishedAt", ""),
        }
        for destination in destinations.of_source(world, source_ids(world)[source])
    ]
    return {"id": source_ids(world)[source], "destinationStatus": statuses}
