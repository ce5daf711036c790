"""What warehouses sync of their sources, and how it went.

Only what was connected when the workspace was made has synced. A source that was added since has sent nothing, so there
is no collection of it to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis, without_millis
from replicator.sandbox.series import Record, Series
from replicator.sandbox.state import Fact

from . import words
from .sources import source_ids, sources
from .warehouses import CONNECTIONS, is_connected, warehouses

if TYPE_CHECKING:
    from replicator.sandbox.calls import Call
    from replicator.sandbox.world import World

_COLLECTIONS = ("tracks", "identifies", "pages", "order_completed", "signed_up", "Signed_Up", "groups", "aliases")

#: What was chosen for a connection: by collection and property whether it is synced. The property is empty for what
#: holds for a whole collection, the collection too for what holds for the source.
Overrides = Mapping[tuple[str, str], bool]

#: By the ids of the warehouse and the source.
OVERRIDES: Fact[Overrides] = Fact("selective syncs", lambda _world, _connection: {})


def connection(warehouse: str, source: str) -> str:
    """The key of a connection's facts."""
    return f"{warehouse} {source}"


def _numbers(world: World, warehouse: str, source: str) -> tuple[int, int] | None:
    """What the connection was made with: the number of the warehouse and that of the source."""
    place = world.table(warehouses).born_index(warehouse)
    number = world.table(sources).born_index(source)
    if place is None or number is None or number not in CONNECTIONS.of(world, warehouse).born:
        return None
    return place, number


def _connected(world: World, call: Call) -> tuple[str, str]:
    """The warehouse and the source that the path names; raises the API's 404."""
    warehouse, source = call.ids
    world.table(warehouses).get(warehouse)
    world.table(sources).get(source)
    if not is_connected(world, warehouse, source):
        raise not_found("Connection")
    return warehouse, source


def selective_syncs(world: World, call: Call) -> Series:
    warehouse, source = _connected(world, call)
    return syncs_to_choose(world, warehouse, source, OVERRIDES.of(world, connection(warehouse, source)))


def syncs_to_choose(world: World, warehouse: str, source: str, overrides: Overrides) -> Series:
    """The collections of this source that this warehouse could sync, with what was chosen."""
    known = world.table(sources).born_index(source) is not None
    return Series(
        world.counts["CollectionsPerConnection"] if known else 0,
        lambda index: _overridden(_selective_sync(world, warehouse, source, index), overrides),
    )


def _selective_sync(world: World, warehouse: str, source: str, index: int) -> Record:
    numbers = _numbers(world, warehouse, source)
    place, number = numbers or (warehouse, source)
    draw = world.draw(f"selective sync {place} {number}", index)
    seen = BIRTH + draw.below(700 * DAY)
    columns = [words.property_of((index + i) % 30) for i in range(2 + draw.below(3))]
    return {
        "sourceId": source,
        "collection": _collection(index),
        "warehouseId": warehouse,
        # Whoever connects a source syncs all of it.
        "enabled": draw.happens(80) or numbers is None,
        "properties": {
            name: {
                "enabled": draw.happens(85) or numbers is None,
                "type": kind,
                "lastSeenAt": with_millis(seen + 30 * DAY),
                "createdAt": with_millis(seen),
            }
            for name, kind in columns
        },
    }


def _overridden(sync: Record, overrides: Overrides) -> Record:
    if not overrides:
        return sync
    collection = sync["collection"]
    properties = {
        name: about | {"enabled": overrides.get((collection, name), about["enabled"])}
        for name, about in sync["properties"].items()
    }
    enabled = overrides.get((collection, ""), overrides.get(("", ""), sync["enabled"]))
    return sync | {"enabled": enabled, "properties": properties}


def _collection(index: int) -> str:
    turn, place = divmod(index, len(_COLLECTIONS))
    return _COLLECTIONS[place] + (f"_{turn + 1}" if turn else "")


def find_collection(rows: Series, name: str) -> Record | None:
    """The row of the collection with this name."""
    return next((rows[index] for index in range(len(rows)) if _collection(index) == name), None)


def syncs_of_connection(world: World, call: Call) -> Series:
    numbers = _numbers(world, *_connected(world, call))
    if numbers is None:
        return Series(0, lambda _index: {})
    return Series(world.counts["SyncsPerConnection"], lambda index: _sync(world, *numbers, index))


def syncs_of_warehouse(world: World, call: Call) -> Series:
    """The syncs of all its sources: the same reports as those that each connection lists."""
    world.table(warehouses).get(call.ids[0])
    warehouse = world.table(warehouses).born_index(call.ids[0])
    if warehouse is None:
        return Series(0, lambda _index: {})
    connected = world.table(sources).left(CONNECTIONS.of(world, call.ids[0]).numbers)
    each = world.counts["SyncsPerConnection"]
    total = len(connected) * each
    return Series(total, lambda index: _sync(world, warehouse, connected[index // each], index % each))


def _sync(world: World, warehouse: int, source: int, place: int) -> Record:
    draw = world.draw(f"sync {warehouse} {source}", place)
    start = BIRTH + 720 * DAY - place * 6 * 3600 + draw.below(600) + 30 * (source % 20)
    duration = 20 + draw.below(900)
    status = "FAILED" if place % 5 == 3 else draw.pick(("SUCCESS", "SUCCESS", "PARTIAL_SUCCESS"))
    notice = {"level": "WARN", "message": "column “Größe” was truncated", "createdAt": without_millis(start + 5)}
    return {
        "sourceId": source_ids(world)[source],
        "start": without_millis(start),
        "end": None if status == "FAILED" else without_millis(start + duration),
        "status": status,
        "duration": duration,
        "humanDuration": f"{duration // 60}m{duration % 60}s",
        "count": draw.below(50_000),
        "notices": [notice] if status != "SUCCESS" else [],
    }
