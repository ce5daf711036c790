"""Suppressions and regulations.

As the workspace was made, regulation r is of BIRTH + r * step, so that the 90 days that the API shows hold as many
as were asked for; every third belongs to a source, the others to the workspace. Those that were filed since stand among
them by their age. All finish one day after they were made.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_micros
from replicator.sandbox.series import Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import destinations
from .sources import source_ids, sources

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call
    from replicator.sandbox.state import Table

_DEPTH = 90 * DAY
_FINISHED = ("FINISHED", "FINISHED", "FINISHED", "PARTIAL_SUCCESS", "FAILED", "NOT_SUPPORTED", "INVALID")
_TYPES = (
    "SUPPRESS_ONLY", "DELETE_INTERNAL", "SUPPRESS_WITH_DELETE", "DELETE_ONLY", "UNSUPPRESS",
    "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_ARCHIVE_ONLY",
)  # fmt: skip
_STATUSES = ("FAILED", "FINISHED", "INITIALIZED", "INVALID", "NOT_SUPPORTED", "PARTIAL_SUCCESS", "RUNNING")
#: Spreads neighbours over 32 bits: an odd number near 2**32 divided by the golden ratio.
_SCATTER = 2_654_435_761
_SUBJECT = re.compile(r'(?:user_(\d{1,18})_[0-9a-f]{8}|björn "(\d{1,18})" \+)$')


class Suppressions(Series):
    """Pages as ready-made JSON: the sandbox must not be the bottleneck of a measurement."""

    def __init__(self, length: int, seed: int) -> None:
        super().__init__(length, self._record)
        self._seed = seed

    def subject(self, index: int) -> str:
        scattered = (index + self._seed) * _SCATTER & 0xFFFFFFFF
        return f'björn "{index}" +' if index % 50 == 25 else f"user_{index}_{scattered:08x}"

    def __getitem__(self, place: Any) -> Any:
        if not isinstance(place, slice):
            return super().__getitem__(place)
        start, stop, _ = place.indices(len(self))
        scattered = range((start + self._seed) * _SCATTER, (stop + self._seed) * _SCATTER, _SCATTER)
        rows = [
            f'{{"subjectType":"userId","subjectIds":["user_{index}_{spread & 0xFFFFFFFF:08x}"]}}'
            for index, spread in zip(range(start, stop), scattered, strict=True)
        ]
        for awkward in range((25 - start) % 50, len(rows), 50):
            rows[awkward] = msgspec.json.encode(self._record(start + awkward)).decode()
        return msgspec.Raw(f"[{','.join(rows)}]".encode())

    def _record(self, index: int) -> Record:
        return suppression("anonymousId" if index % 100 == 75 else "userId", self.subject(index))

    def index_of(self, identifier: str) -> int:
        """By the name of the suppression; raises the API's 404."""
        found = _SUBJECT.search(identifier)
        index = int(found[1] or found[2]) if found else len(self)
        if index >= len(self) or suppression_id(self._record(index)) != identifier:
            raise not_found("Suppression")
        return index


def suppression(kind: str, subject: str) -> Record:
    return {"subjectType": kind, "subjectIds": [subject]}


def suppression_id(found: Record) -> str:
    """What the suppression is known by, to us alone."""
    return f"{found['subjectType']}:{found['subjectIds'][0]}"


@collection
def suppressions(world: World) -> Suppressions:
    return Suppressions(world.count("Suppressions"), world.seed)


#: The sources that suppress a subject; none for one that the whole workspace suppresses.
SUPPRESSED_AT: Fact[frozenset[str]] = Fact("sources that suppress", lambda _world, _suppression: frozenset())


def suppressed(world: World, _call: Call) -> Table:
    return world.table(suppressions)


@collection
def regulations(world: World) -> Series:
    """All that were ever made; the API finds only those of the last 90 days."""
    ids = Ids.of(world.seed, "regulation", "ksuid")
    return Series(1 << 60, lambda index: _regulation(world, ids[index], index), ids)


@collection
def filed(world: World) -> Series:
    """What somebody has asked for since, none as the workspace was made.

    Kept are besides the list's fields `made` in microseconds, the `outcome`, and the `source` or "".
    """
    return Series(0, lambda _: {}, Ids.of(world.seed, "filed regulation", "ksuid"))


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


def _progress(world: World, made: int, outcome: str) -> Record:
    """What time has made of a regulation of this moment (in microseconds)."""
    age = world.seconds() - made // 1_000_000
    if age < DAY:
        return {"status": "INITIALIZED" if age < DAY // 8 else "RUNNING"}
    return {"status": outcome, "finishedAt": with_micros(made + DAY * 1_000_000)}


def _regulation(world: World, identifier: str, index: int) -> Record:
    kind = _TYPES[index % len(_TYPES)]
    if not _of_source(world, index) and kind == "DELETE_ARCHIVE_ONLY":
        kind = "SUPPRESS_ONLY"  # the workspace's filter does not know it
    known, made = suppressions(world), _made(world, index)
    progress = _progress(world, made, world.draw("regulation status", index).pick(_FINISHED))
    return {
        "id": identifier,
        "subjectType": "USER_ID" if index % 4 else "OBJECT_ID",
        "subjects": [known.subject((index * 3 + i) % max(1, len(known))) for i in range(1 + index % 3)],
        "status": progress.pop("status"),
        "createdAt": with_micros(made),
        "regulationType": kind,
        **progress,
    }


def _brief(world: World, kept: Record) -> Record:
    shown = {key: kept[key] for key in ("id", "subjectType", "subjects", "createdAt", "regulationType")}
    return shown | _progress(world, kept["made"], kept["outcome"])


def _of_source(world: World, index: int) -> int:
    """The number of the source that the regulation belongs to, from 1 on; 0 for the workspace."""
    count = len(sources(world))
    return index // 3 % count + 1 if index % 3 == 0 and count else 0


class _ByAge(Sequence[Any]):
    """Numbers of regulations that were made, and regulations that were filed, newest first."""

    def __init__(self, world: World, born: Sequence[int], kept: Sequence[Record]) -> None:
        self._born = born
        self._kept = kept
        newer = [bisect_left(born, -one["made"], key=lambda index: -_made(world, index)) for one in kept]
        self._places = [count + place for place, count in enumerate(newer)]

    def __len__(self) -> int:
        return len(self._born) + len(self._kept)

    def __getitem__(self, place: Any) -> Any:
        before = bisect_left(self._places, place)
        if before < len(self._places) and self._places[before] == place:
            return self._kept[before]
        return self._born[place - before]


def _listed(world: World, call: Call, born: Sequence[int], source: str) -> Series:
    status = call.query.choice("status", _STATUSES)
    kinds = call.query.choices("regulationTypes", _TYPES)
    kept = world.table(filed).of(source, ())[::-1]
    by_age = _ByAge(world, born, [one for one in kept if _in_reach(one, call.anchor)])
    every = regulations(world)

    def make(place: int) -> Record:
        found = by_age[place]
        return every[found] if isinstance(found, int) else _brief(world, found)

    own = Series(len(by_age), make)
    return own.only([i for i, found in enumerate(own) if _wanted(found, status, kinds)]) if status or kinds else own


def _in_reach(kept: Record, now: int) -> bool:
    return bool(now - _DEPTH < kept["made"] // 1_000_000 <= now)


def _wanted(regulation: Record, status: str | None, kinds: Sequence[str]) -> bool:
    return status in (None, regulation["status"]) and (not kinds or regulation["regulationType"] in kinds)


def of_workspace(world: World, call: Call) -> Series:
    return _listed(world, call, _shown_of(world, call.anchor, 0), "")


def of_source(world: World, call: Call) -> Series:
    found = world.table(sources)
    found.get(call.ids[0])
    number = found.born_index(call.ids[0])
    born = () if number is None else _shown_of(world, call.anchor, number + 1)
    return _listed(world, call, born, call.ids[0])


def regulation(world: World, call: Call) -> Record:
    """Another shape than in the list: what became of it in each source and destination."""
    if call.ids[0] in world.table(filed):
        kept = world.table(filed).get(call.ids[0])
        if not _in_reach(kept, world.seconds()):
            raise not_found("Regulation")
        return _whole(world, _brief(world, kept), kept["source"])
    index = regulations(world).index_of(call.ids[0])
    if index not in _shown(world, world.seconds()):
        raise not_found("Regulation")
    number = _of_source(world, index)
    return _whole(world, regulations(world)[index], source_ids(world)[number - 1] if number else "")


def _whole(world: World, brief: Record, source: str) -> Record:
    found = {
        "id": brief["id"],
        "workspaceId": world.workspace_id,
        "overallStatus": brief["status"],
        "createdAt": brief["createdAt"],
        "streamStatus": [_stream(world, source, brief)] if source else [],
    }
    return found | ({"finishedAt": brief["finishedAt"]} if "finishedAt" in brief else {})


def _stream(world: World, source: str, brief: Record) -> Record:
    statuses = [
        {
            "name": destination["metadata"]["name"],
            "id": destination["id"],
            "status": brief["status"],
            "errString": "rate limited by the destination" if brief["status"] == "FAILED" else "",
            "finishedAt": brief.get("finishedAt", ""),
        }
        for destination in destinations.of_source(world, source)
    ]
    return {"id": source, "destinationStatus": statuses}
