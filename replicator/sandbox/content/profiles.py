"""What a space has learned of its events, traits and entities; its filters and its profiles warehouses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import children, walk
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.series import Nested, Record, Series
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .catalog import catalog_warehouses
from .spaces import space_id, spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.sandbox.calls import Call

_ENTITIES = ("Accounts", "Households", "Stores", "Pets 🐕")
_TRAITS = ("email", "first_name", "plan", "lifetime_value", "Ort", "e-mail verified", "high_spenders", "count_0")
_PROFILE_TABLES = ("user_traits", "user_identifiers", "profile_merges", "id_graph_updates", "events")
_EVENT_TYPES = ("TRACK", "TRACK", "PAGE", "IDENTIFY", "TRACK", "SCREEN", "GROUP", "ALIAS")
_SAMPLES = ("ana@acme-outdoors.example", "42", "true", "Größe L", "", "2026-01-31", '{"a": 1}', "日本")


def _samples(world: World, what: str, call: Call, *, most: int = 5) -> list[str]:
    draw = world.draw("samples", sum(ord(letter) * (place + 1) for place, letter in enumerate(what)))
    return [draw.pick(_SAMPLES) for _ in range(call.query.number("samplesCount", most, 1, 100))]


def _sampled(world: World, call: Call, rows: Series, name: str) -> Series:
    if not call.query.flag("includeSampleValues"):
        return rows
    return Series(len(rows), lambda i: rows[i] | {"samples": _samples(world, rows[i][name], call)})


def _ordered(call: Call, rows: Series, name: str) -> Series:
    """Searched and sorted as asked; in the order of the index otherwise."""
    text = (call.query.text("search") or "").lower()
    by = call.query.choice("sortBy", (name, "lastSeenAt"))
    down = call.query.choice("sortDir", ("asc", "desc")) == "desc"
    if not text and by is None and not down:
        return rows
    chosen = [i for i, row in enumerate(rows) if text in row[name].lower()]
    chosen.sort(key=lambda i: str(rows[i][by or name]), reverse=down)
    return rows.only(chosen)


def _seen(world: World, what: str, index: int) -> str:
    return with_millis(BIRTH + 600 * DAY + world.draw(what, index).below(120 * DAY))


@collection
def traits(world: World) -> Nested:
    each = world.counts["TraitsPerSpace"]

    def make(index: int) -> Record:
        turn, place = divmod(index % each, len(_TRAITS))
        kinds = {"high_spenders": "AUDIENCE", "count_0": "COMPUTED", "Ort": "SQL"}
        return {
            "trait": _TRAITS[place] + (f"_{turn + 1}" if turn else ""),
            "type": kinds.get(_TRAITS[place], "CUSTOM"),
            "lastSeenAt": _seen(world, "trait", index),
        }

    return Nested(len(spaces(world)), each, make)


def traits_of(world: World, call: Call) -> Series:
    """Accounts have every other trait, users have all of them."""
    own = traits(world).of(spaces(world).index_of(call.ids[0]))
    if call.query.choice("collection", ("accounts", "users")) == "accounts":
        own = own.only(range(0, len(own), 2))
    return _sampled(world, call, _ordered(call, own, "trait"), "trait")


def trait_samples(world: World, call: Call) -> Mapping[str, Any]:
    own = traits(world).of(spaces(world).index_of(call.ids[0]))
    call.query.choice("collection", ("accounts", "users"))
    _place(own, "trait", call.ids[1])
    return {"sampleValues": _samples(world, call.ids[1], call)}


def _place(rows: Series, field: str, value: str) -> int:
    for place, row in enumerate(rows):
        if row[field] == value:
            return place
    raise not_found(value)


@collection
def events(world: World) -> Nested:
    each = world.counts["EventsPerSpace"]

    def make(index: int) -> Record:
        place = index % each
        return {
            "name": words.event(place),
            "type": _EVENT_TYPES[place % len(_EVENT_TYPES)],
            "lastSeenAt": _seen(world, "event", index),
        }

    return Nested(len(spaces(world)), each, make)


def events_of(world: World, call: Call) -> Series:
    return _ordered(call, events(world).of(spaces(world).index_of(call.ids[0])), "name")


def _properties(world: World, call: Call) -> Series:
    own = events(world).of(spaces(world).index_of(call.ids[0]))
    place = _place(own, "name", call.ids[1])

    def make(index: int) -> Record:
        return {
            "name": words.property_of(index + place % 3)[0],
            "type": "CONTEXT" if index % 4 == 2 else "PROPERTY",
            "eventName": call.ids[1],
            "lastSeenAt": _seen(world, f"property {call.ids[1]}", index),
        }

    return Series(world.counts["PropertiesPerEvent"], make)


def properties_of_event(world: World, call: Call) -> Series:
    return _sampled(world, call, _ordered(call, _properties(world, call), "name"), "name")


def event_property_samples(world: World, call: Call) -> Mapping[str, Any]:
    kind = call.query.required_choice("propertyType", ("CONTEXT", "PROPERTY"))
    rows = _properties(world, call)
    if rows[_place(rows, "name", call.ids[2])]["type"] != kind:
        raise not_found(call.ids[2])
    return {"sampleValues": _samples(world, "/".join(call.ids[1:]), call)}


@collection
def entity_paths(world: World) -> Nested:
    ids = Ids.of(world.seed, "entity path")
    each = world.counts["EntitiesPerSpace"]

    def make(index: int) -> Record:
        turn, place = divmod(index % each, len(_ENTITIES))
        name = _ENTITIES[place] + (f" {turn + 1}" if turn else "")
        slug = words.slug(name, 0) or f"entity-{index}"
        return {
            "id": ids[index],
            "entityName": name,
            "pathName": f"Profile → {name}",
            "entitySlug": slug,
            "relationshipSlugs": [f"owned-{slug}"],
            "childRelationshipSlugs": [] if place else ["owned-orders"],
            "parentRelationshipSlugPath": f"profile.owned-{slug}",
        }

    return Nested(len(spaces(world)), each, make, ids)


def entity_paths_of(world: World, call: Call) -> Series:
    own = entity_paths(world).of(spaces(world).index_of(call.ids[0]))
    text = (call.query.text("search") or "").lower()
    return own.only([i for i, path in enumerate(own) if text in path["pathName"].lower()]) if text else own


def _entity_properties(world: World, call: Call) -> Series:
    own = entity_paths(world).of(spaces(world).index_of(call.ids[0]))
    _place(own, "entitySlug", call.ids[1])

    def make(index: int) -> Record:
        name, kind = words.property_of(index)
        return {"name": "ID", "primaryKey": True, "dataType": "string"} if index == 0 else {
            "name": name.upper(), "primaryKey": False, "dataType": kind,
        }  # fmt: skip

    return Series(world.counts["PropertiesPerEntity"], make)


def properties_of_entity(world: World, call: Call) -> Series:
    return _sampled(world, call, _entity_properties(world, call), "name")


def entity_property_samples(world: World, call: Call) -> Mapping[str, Any]:
    _place(_entity_properties(world, call), "name", call.ids[2])
    return {"sampleValues": _samples(world, "/".join(call.ids[1:]), call)}


@collection
def space_filters(world: World) -> Nested:
    ids = Ids.of(world.seed, "space filter")
    each = world.counts["SpaceFiltersPerSpace"]

    def make(index: int) -> Record:
        draw = world.draw("space filter", index)
        created = BIRTH + draw.below(500 * DAY)
        found = {
            "id": ids[index],
            "workspaceId": world.workspace_id,
            "integrationId": space_id(world, index // each),
            "enabled": draw.happens(80),
            "name": f"Drop {words.event(index % each)}",
            "if": 'type = "track"',
            "drop": draw.happens(80),
            "createdAt": with_millis(created),
            "updatedAt": with_millis(created + draw.below(90 * DAY)),
        }
        return found | ({"description": "Said nothing of use."} if draw.happens(50) else {})

    return Nested(len(spaces(world)), each, make, ids)


def space_filters_of(world: World, call: Call) -> Sequence[Record]:
    """The parameter `integrationId` is the id of a space."""
    return children(world, spaces, call.query.required("integrationId"), space_filters)


@collection
def profiles_warehouses(world: World) -> Nested:
    ids = Ids.of(world.seed, "profiles warehouse")
    each = world.counts["ProfilesWarehousesPerSpace"]
    metadata = catalog_warehouses(world)

    def make(index: int) -> Record:
        draw = world.draw("profiles warehouse", index)
        return {
            "id": ids[index],
            "spaceId": space_id(world, index // each),
            "metadata": metadata[index % len(metadata)],
            "workspaceId": world.workspace_id,
            "enabled": draw.happens(80),
            "settings": {"name": f"Profiles {index + 1} ", "token": words.masked(draw)},
            **({"schemaName": f"profiles_{index + 1}"} if index % 2 == 0 else {}),
        }

    return Nested(len(spaces(world)) if len(metadata) else 0, each, make, ids)


#: By collection: what somebody chose for it, and for properties of it.
Choices = Mapping[str, Record]
CHOICES: Fact[Choices] = Fact("profile syncs chosen", lambda _world, _warehouse: {})
EVENT_TABLES: Fact[bool] = Fact("event tables enabled", lambda _world, _warehouse: True)


def profile_syncs(world: World, warehouse: str, choices: Choices) -> Series:
    """The collections that this warehouse could sync, with what was chosen."""
    known = world.table(profiles_warehouses).born_index(warehouse) is not None

    def make(index: int) -> Record:
        turn, place = divmod(index, len(_PROFILE_TABLES))
        draw = world.draw(f"profile sync {warehouse}", index)
        found = {
            "collection": _PROFILE_TABLES[place] + (f"_{turn + 1}" if turn else ""),
            "warehouseId": warehouse,
            # A new warehouse syncs all there is.
            "enabled": draw.happens(80) or not known,
            "properties": {"user_id": {"enabled": True, "type": "string"}},
        }
        return _chosen(found, choices.get(str(found["collection"]), {}))

    return Series(world.counts["CollectionsPerProfilesWarehouse"], make)


def _chosen(found: Record, choice: Record) -> Record:
    properties = {
        name: property_ | {"enabled": choice.get("properties", {}).get(name, property_["enabled"])}
        for name, property_ in found["properties"].items()
    }
    return found | {"enabled": choice.get("enabled", found["enabled"]), "properties": properties}


def profile_selective_syncs(world: World, call: Call) -> Series:
    warehouse = walk(world, call.ids, (spaces, profiles_warehouses))
    return profile_syncs(world, warehouse, CHOICES.of(world, warehouse))


def event_tables(world: World, call: Call) -> Record:
    """What stands beside those."""
    return {"enableEventTables": EVENT_TABLES.of(world, call.ids[1])}
