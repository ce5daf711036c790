"""Warehouses, the sources connected to them, their syncs; and the credentials that they share.

The first four sources are connected to every warehouse, each other source to one warehouse or to none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Paged
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis, without_millis
from replicator.sandbox.paging import page
from replicator.sandbox.series import Record, Series
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_warehouses
from .sources import source_ids, sources, warehouse_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call

_SHARED = 4
_NAMES = ("Snowflake Prod", "snowflake prod", "Redshift Dev ", "Données BigQuery 🏔️")
_COLLECTIONS = ("tracks", "identifies", "pages", "order_completed", "signed_up", "Signed_Up", "groups", "aliases")


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


def _connected(world: World, source: int, warehouse: int) -> bool:
    return source < _SHARED or source % (len(warehouses(world)) + 1) == warehouse


def _sources_of(world: World, warehouse: int) -> Sequence[int]:
    count = len(sources(world))
    turn = len(warehouses(world)) + 1
    others = range(warehouse, count, turn)
    return [*range(min(_SHARED, count)), *(source for source in others if source >= _SHARED)]


def sources_of_warehouse(world: World, call: Call) -> Series:
    return sources(world).only(_sources_of(world, warehouses(world).index_of(call.ids[0])))


def warehouses_of_source(world: World, call: Call) -> Series:
    source = sources(world).index_of(call.ids[0])
    every = warehouses(world)
    return every.only([w for w in range(len(every)) if _connected(world, source, w)])


def connection_state(world: World, call: Call) -> Mapping[str, Any]:
    index = warehouses(world).index_of(call.ids[0])
    return {"connectionState": "FAILED" if index % 5 == 3 else "CONNECTED"}


def advanced_schedule(world: World, call: Call) -> Mapping[str, Any]:
    index = warehouses(world).index_of(call.ids[0])
    if index % 3 == 1:
        return {"enabled": False}
    times = [{"hourOfDay": hour, "enabled": hour % (index + 2) == 0} for hour in range(24)]
    return {"enabled": True, "schedule": {"times": times, "timezone": "America/Vancouver"}}


def _connection(world: World, call: Call) -> tuple[int, int]:
    warehouse = warehouses(world).index_of(call.ids[0])
    source = sources(world).index_of(call.ids[1])
    if not _connected(world, source, warehouse):
        raise not_found("Connection")
    return warehouse, source


def selective_syncs(world: World, call: Call) -> Series:
    warehouse, source = _connection(world, call)

    def make(index: int) -> Record:
        draw = world.draw(f"selective sync {warehouse} {source}", index)
        seen = BIRTH + draw.below(700 * DAY)
        columns = [words.property_of((index + i) % 30) for i in range(2 + draw.below(3))]
        turn, place = divmod(index, len(_COLLECTIONS))
        return {
            "sourceId": call.ids[1],
            "collection": _COLLECTIONS[place] + (f"_{turn + 1}" if turn else ""),
            "warehouseId": call.ids[0],
            "enabled": draw.happens(80),
            "properties": {
                name: {
                    "enabled": draw.happens(85),
                    "type": kind,
                    "lastSeenAt": with_millis(seen + 30 * DAY),
                    "createdAt": with_millis(seen),
                }
                for name, kind in columns
            },
        }

    return Series(world.counts["CollectionsPerConnection"], make)


def syncs_of_connection(world: World, call: Call) -> Series:
    warehouse, source = _connection(world, call)
    each = world.counts["SyncsPerConnection"]
    return Series(each, lambda index: _sync(world, warehouse, source, index))


def syncs_of_warehouse(world: World, call: Call) -> Series:
    """The syncs of all its sources: the same reports as those that each connection lists."""
    warehouse = warehouses(world).index_of(call.ids[0])
    connected = _sources_of(world, warehouse)
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


@collection
def credentials(world: World) -> Series:
    ids = Ids.of(world.seed, "credential")

    def make(index: int) -> Record:
        draw = world.draw("credential", index)
        created = BIRTH + draw.below(500 * DAY)
        return {
            "id": ids[index],
            "workspaceId": world.workspace_id,
            "name": f"{draw.pick(words.STAGES)} Snowflake {index + 1}",
            "settings": {
                "type": "Snowflake",
                "username": "prod_user",
                "account": "xy12345.us-east-1",
                "warehouse": "COMPUTE_WH",
                "database": "ANALYTICS_DB",
                "authentication": {"type": "keypair", "privateKey": words.masked(draw)},
            },
            "createdAt": with_millis(created, draw.below(1000)),
            "updatedAt": with_millis(created + draw.below(100 * DAY), draw.below(1000)),
        }

    return Series(world.count("Credentials"), make, ids)


_CONSUMING_WAREHOUSES = Paged(
    "warehouses",
    lambda world, call: warehouses(world).only(_share(world, call, range(len(warehouses(world))))),
    object="warehousesPagination",
)
_CONSUMING_SOURCES = Paged(
    "sources",
    lambda world, call: sources(world).only(_share(world, call, warehouse_sources(world))),
    object="sourcesPagination",
    end="null",
)


def _share(world: World, call: Call, consumers: Sequence[int]) -> Sequence[int]:
    """Each consumer has one credential, in turn."""
    every = credentials(world)
    return consumers[every.index_of(call.ids[0]) :: len(every)]


def credential_consumers(world: World, call: Call) -> Mapping[str, Any]:
    """Two lists in one answer, each with its own cursor."""
    return page(world, call, _CONSUMING_WAREHOUSES) | page(world, call, _CONSUMING_SOURCES)
