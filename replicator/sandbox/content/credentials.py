"""Credentials, and the warehouses and sources that use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Paged
from replicator.sandbox.ids import Ids
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.paging import page
from replicator.sandbox.series import Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .sources import sources, warehouse_sources
from .warehouses import warehouses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.state import Children, Level

#: The setting that names the credential of a warehouse or a source.
SETTING = "credentialId"


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


#: Under the name of the kind, by the id of the consumer: the credential that its settings name since somebody set it.
CHOSEN: Fact[Mapping[str, str | None]] = Fact("chosen credentials", lambda _world, _kind: {})


def consuming_warehouses(world: World, credential: str) -> Children:
    return _consumers(world, warehouses, credential, range(len(warehouses(world))))


def consuming_sources(world: World, credential: str) -> Children:
    return _consumers(world, sources, credential, warehouse_sources(world))


def _consumers(world: World, level: Level, credential: str, numbers: Sequence[int]) -> Children:
    """Of those that the workspace was made with, each has one credential, in turn."""
    index, every = world.table(credentials).born_index(credential), len(credentials(world))
    born = range(0) if index is None else numbers[index::every]
    chosen = CHOSEN.of(world, level.__name__)
    others = {world.table(level).born_index(consumer) for consumer in chosen}
    kept = [number for number in born if number not in others] if others else born
    return world.table(level).those(kept, [consumer for consumer, named in chosen.items() if named == credential])


_CONSUMING_WAREHOUSES = Paged(
    "warehouses", lambda world, call: consuming_warehouses(world, call.ids[0]), object="warehousesPagination"
)
_CONSUMING_SOURCES = Paged(
    "sources", lambda world, call: consuming_sources(world, call.ids[0]), object="sourcesPagination", end="null"
)


def credential_consumers(world: World, call: Call) -> Mapping[str, Any]:
    """Two lists in one answer, each with its own cursor."""
    world.table(credentials).get(call.ids[0])
    return page(world, call, _CONSUMING_WAREHOUSES) | page(world, call, _CONSUMING_SOURCES)
