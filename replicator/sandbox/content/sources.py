"""Sources, their labels, schema settings and live plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.series import Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.draws import Draw

_LABELS = (
    ("environment", ("prod", "dev", "staging", "Prod")),
    ("team", ("growth", "payments", "büro", "loyalty")),
    ("region", ("us", "eu", "日本")),
    ("owner", ("o'neill", "data-eng")),
)
#: Settings of a source's schema that name another source.
FORWARDING = ("forwardingViolationsTo", "forwardingBlockedEventsTo")
#: No index has more of them.
_DIGITS = 9
#: Every sixth source reads a warehouse, for reverse ETL.
_WAREHOUSE_EVERY = 6
_WAREHOUSE_METADATA = 5
#: The kinds (places in the catalog) of the sources with names of their own (words.SOURCES).
_KINDS = (0, 0, 1, 2, 3, _WAREHOUSE_METADATA, 0, 7, 0, 8, 0, _WAREHOUSE_METADATA)


@collection
def labels(world: World) -> Series:
    def make(index: int) -> Record:
        turn, place = divmod(index, len(_LABELS))
        key, values = _LABELS[place]
        again, value = divmod(turn, len(values))
        label = {"key": key, "value": values[value] + (f"-{again + 1}" if again else "")}
        return label | ({"description": f"{key} is {label['value']}"} if index % 3 else {})

    return Series(world.count("Labels"), make)


#: All labels of the workspace, under the key "".
LABELS: Fact[list[Record]] = Fact("labels", lambda world, _: labels(world)[:])


def all_labels(world: World, _call: Call) -> Mapping[str, Any]:
    return {"labels": LABELS.of(world, "")}


def source_ids(world: World) -> Ids:
    return Ids.of(world.seed, "source")


@collection
def sources(world: World) -> Series:
    ids = source_ids(world)
    metadata = catalog_sources(world)

    def make(index: int) -> Record:
        draw = world.draw("source", index)
        kind = metadata[_metadata_of(world, index, draw)]
        name = words.name(draw, words.SOURCES, index)
        source = {
            "id": ids[index],
            "slug": words.slug(name, index) or f"source-{index + 1}",
            "name": name,
            "metadata": kind,
            "workspaceId": world.workspace_id,
            "enabled": draw.happens(90),
            "writeKeys": [words.secret(draw) for _ in range(1 + (index % 5 == 1))],
            "settings": _settings(draw, kind["slug"]),
            "labels": _labels_of(world, draw),
        }
        if index % 9 == 6:
            del source["name"]  # optional in the contract, and missing from sources that nobody named
        return source

    return Series(world.count("Sources", "CatalogSources"), make, ids)


def warehouse_sources(world: World) -> Sequence[int]:
    """The sources that read a warehouse: those that reverse-ETL models belong to."""
    count = world.count("Sources", "CatalogSources")
    return range(_WAREHOUSE_EVERY - 1, count, _WAREHOUSE_EVERY) or range(max(0, count - 1), count)


def _metadata_of(world: World, index: int, draw: Draw) -> int:
    kinds = world.count("CatalogSources")
    if index < len(_KINDS):
        return _KINDS[index] % kinds
    if index in warehouse_sources(world):
        return _WAREHOUSE_METADATA % kinds
    chosen = draw.below(kinds)
    return chosen if chosen != _WAREHOUSE_METADATA else 0


def _settings(draw: Draw, slug: str) -> Record:
    if slug in ("snowflake", "bigquery"):
        return {"account": f"acme.{slug}", "database": "ANALYTICS", "username": "SEGMENT", "key": words.masked(draw)}
    if slug in ("zendesk", "stripe", "salesforce"):
        return {"subdomain": "acme-outdoors", "apiToken": words.masked(draw)}
    return {"website_url": "https://acme-outdoors.example/"} if draw.happens(30) else {}


def _labels_of(world: World, draw: Draw) -> list[Record]:
    known = labels(world)
    if not known:
        return []
    chosen = {draw.below(len(known)) for _ in range(draw.below(4))}
    return [known[index] for index in sorted(chosen)]


def source_of_slug(world: World, slug: str) -> str | None:
    """The id of the source that was made with this slug. The number at its end tells which it can be."""
    number = slug.rpartition("-")[2]
    index = int(number) - 1 if number.isascii() and number.isdecimal() and len(number) <= _DIGITS else 0
    known = sources(world)
    return source_ids(world)[index] if 0 <= index < len(known) and known[index]["slug"] == slug else None


#: By slug: the id of the source that has it, if one does.
SLUGS: Fact[str | None] = Fact("source of slug", source_of_slug)


def _schema_settings(world: World, source: str) -> Record:
    index = world.table(sources).born_index(source)
    if index is None:
        return _nothing_blocked()
    draw = world.draw("schema settings", index)
    on = draw.happens
    settings: Record = {
        "track": {
            "allowUnplannedEvents": on(70),
            "allowUnplannedEventProperties": on(70),
            "allowEventOnViolations": on(50),
            "allowPropertiesOnViolations": on(50),
            "commonEventOnViolations": draw.pick(("ALLOW", "BLOCK", "OMIT_PROPERTIES")),
        },
        "identify": {
            "allowUnplannedTraits": on(70),
            "allowTraitsOnViolations": on(50),
            "commonEventOnViolations": draw.pick(("ALLOW", "BLOCK", "OMIT_TRAITS")),
        },
    }
    if index % 3:
        settings["group"] = dict(settings["identify"])
        other = source_ids(world)[(index + 1) % len(sources(world))]
        settings |= dict.fromkeys(FORWARDING, other)
    return settings


def _nothing_blocked() -> Record:
    """The settings of a new source."""
    traits = {"allowUnplannedTraits": True, "allowTraitsOnViolations": True, "commonEventOnViolations": "ALLOW"}
    track = {
        "allowUnplannedEvents": True,
        "allowUnplannedEventProperties": True,
        "allowEventOnViolations": True,
        "allowPropertiesOnViolations": True,
        "commonEventOnViolations": "ALLOW",
    }
    return {"track": track, "identify": traits, "group": traits}


#: By the id of the source.
SCHEMA_SETTINGS: Fact[Record] = Fact("schema settings", _schema_settings)


def schema_settings(world: World, call: Call) -> Mapping[str, Any]:
    world.table(sources).get(call.ids[0])
    settings = SCHEMA_SETTINGS.of(world, call.ids[0])
    gone = {name for name in FORWARDING if name in settings and settings[name] not in world.table(sources)}
    return {"sourceId": call.ids[0], "settings": {k: v for k, v in settings.items() if k not in gone}}


def _live_plugin(world: World, source: str) -> Record | None:
    index = world.table(sources).born_index(source)
    if index is None or index % 4 == 3:
        return None
    draw = world.draw("live plugin", index)
    identifier = live_plugin_id(world, source)
    return {
        "id": identifier,
        "sourceId": source,
        "createdAt": with_millis(BIRTH + draw.below(700 * DAY), draw.below(1000)),
        "createdBy": Ids.of(world.seed, "user")[draw.below(max(1, world.count("Users")))],
        "downloadURL": download_url(identifier),
        "version": 1 + draw.below(12),
        "code": None if index % 4 == 2 else "// live plugin\nanalytics.addLivePlugin(e => ({ ...e, ok: true }));\n",
    }


#: By the id of the source: the latest one. Some sources were never given any.
LIVE_PLUGINS: Fact[Record | None] = Fact("live plugins", _live_plugin)


def live_plugin_id(world: World, source: str) -> str:
    return Ids.of(world.seed, "live plugin")[source_ids(world).index(source) or 0]


def download_url(plugin: str) -> str:
    return f"https://cdn.edgefn.segment.example/{plugin}/plugins.js"


def live_plugin(world: World, call: Call) -> Record:
    world.table(sources).get(call.ids[0])
    found = LIVE_PLUGINS.of(world, call.ids[0])
    if found is None:
        raise not_found("Live plugin")
    return found
