"""Warehouses and the sources connected to them.

The first four sources are connected to every warehouse, each other source to one warehouse or to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from replicator.sandbox.ids import Ids
from replicator.sandbox.series import Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_warehouses
from .sources import sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.state import Children, Chosen

_SHARED = 4
_NAMES = ("Snowflake Prod", "snowflake prod", "Redshift Dev ", "Données BigQuery 🏔️")


@collection
def warehouses(world: World) -> Series:
    ids = Ids.of(world.seed, "warehouse")
    metadata = catalog_warehouses(world)

    def make(index: int) -> Record:
        draw = world.draw("warehouse", index)
        kind = metadata[index % len(metadata)]
        return {
            "id": ids[index],
            "metadata": kind,
            "workspaceId": world.workspace_id,
            "enabled": index % 5 != 3,
            # The password is not there at all, other secrets are masked.
            "settings": {
                "name": words.name(draw, _NAMES, index),
                "hostname": f"{kind['slug']}-{index + 1}.acme-outdoors.example",
                "port": 5439,
                "username": "segment",
                "database": "analytics",
                "serviceAccountKey": words.masked(draw),
            },
        }

    return Series(world.count("Warehouses", "CatalogWarehouses"), make, ids)


class _Turn(Sequence[int]):
    """The numbers of the sources of one warehouse: the first few, then its own in each turn."""

    def __init__(self, count: int, turn: int, place: int) -> None:
        turns = -(-(_SHARED - place) // turn)
        self._shared = range(min(_SHARED, count))
        self._own = range(place + max(0, turns) * turn, count, turn)

    def __len__(self) -> int:
        return len(self._shared) + len(self._own)

    def __getitem__(self, place: Any) -> Any:
        return self._shared[place] if place < len(self._shared) else self._own[place - len(self._shared)]

    def __contains__(self, number: object) -> bool:
        return number in self._shared or number in self._own


@dataclass(frozen=True, slots=True)
class Connections:
    """The sources of a warehouse: those made with these numbers less some, and some more by their ids."""

    born: Sequence[int]
    less: frozenset[int] = frozenset()
    more: tuple[str, ...] = ()

    @property
    def numbers(self) -> Sequence[int]:
        return [number for number in self.born if number not in self.less] if self.less else self.born

    def has(self, source: str, number: int | None) -> bool:
        return source in self.more or (number is not None and number in self.born and number not in self.less)


def _connections(world: World, warehouse: str) -> Connections:
    place = world.table(warehouses).born_index(warehouse)
    count, turn = len(sources(world)), len(warehouses(world)) + 1
    return Connections(range(0) if place is None else _Turn(count, turn, place))


#: By the id of the warehouse.
CONNECTIONS: Fact[Connections] = Fact("connections", _connections)


def is_connected(world: World, warehouse: str, source: str) -> bool:
    return CONNECTIONS.of(world, warehouse).has(source, world.table(sources).born_index(source))


def connect(world: World, warehouse: str, source: str) -> None:
    if is_connected(world, warehouse, source):
        return
    known = CONNECTIONS.of(world, warehouse)
    number = world.table(sources).born_index(source)
    again = number is not None and number in known.less
    changed = replace(known, less=known.less - {number}) if again else replace(known, more=(*known.more, source))
    CONNECTIONS.put(world, warehouse, changed)


def disconnect(world: World, warehouse: str, source: str) -> None:
    known = CONNECTIONS.of(world, warehouse)
    number = world.table(sources).born_index(source)
    less = known.less | ({number} if number is not None and number in known.born else set())
    more = tuple(identifier for identifier in known.more if identifier != source)
    CONNECTIONS.put(world, warehouse, replace(known, less=less, more=more))


def sources_of_warehouse(world: World, call: Call) -> Children:
    world.table(warehouses).get(call.ids[0])
    own = CONNECTIONS.of(world, call.ids[0])
    return world.table(sources).those(own.numbers, own.more)


def warehouses_of_source(world: World, call: Call) -> Chosen:
    source = world.table(sources).get(call.ids[0])["id"]
    number = world.table(sources).born_index(source)
    every = world.table(warehouses)
    return every.only([w["id"] for w in every if CONNECTIONS.of(world, w["id"]).has(source, number)])


def state_of(metadata: Record, settings: Mapping[str, Any]) -> str:
    """Whether a warehouse of this kind can be reached with these settings: whether all that it requires is there."""
    required = (option["name"] for option in metadata["options"] if option["required"])
    return "CONNECTED" if all(settings.get(name) not in (None, "") for name in required) else "FAILED"


#: By the id of the warehouse: whether a password was set, which its settings do not show.
PASSWORDS: Fact[bool] = Fact("passwords", lambda _world, _warehouse: True)


def connection_state(world: World, call: Call) -> Mapping[str, Any]:
    """A warehouse that is not enabled cannot be reached."""
    warehouse = world.table(warehouses).get(call.ids[0])
    password = {"password": "set"} if PASSWORDS.of(world, call.ids[0]) else {}
    state = state_of(warehouse["metadata"], warehouse["settings"] | password)
    return {"connectionState": state if warehouse["enabled"] else "FAILED"}


def _advanced_schedule(world: World, warehouse: str) -> Record:
    index = world.table(warehouses).born_index(warehouse)
    if index is None or index % 3 == 1:
        return {"enabled": False}
    times = [{"hourOfDay": hour, "enabled": hour % (index + 2) == 0} for hour in range(24)]
    return {"enabled": True, "schedule": {"times": times, "timezone": "America/Vancouver"}}


#: By the id of the warehouse.
SCHEDULES: Fact[Record] = Fact("advanced sync schedules", _advanced_schedule)


def advanced_schedule(world: World, call: Call) -> Mapping[str, Any]:
    world.table(warehouses).get(call.ids[0])
    return SCHEDULES.of(world, call.ids[0])
