"""What a space has seen: entities, events and traits, their properties, and samples of values.

All of it is alpha and read at 25 requests a minute. Listings that can be sorted are asked for by name: sorted by
lastSeenAt, a page boundary moves while people use the product (and traits then repeat above 2500).
"""

from __future__ import annotations

from replicator.catalog.model import (
    Column,
    Listing,
    Object,
    Paging,
    Parent,
    Shape,
    boolean,
    integer,
    json,
    text,
    timestamp,
)
from replicator.catalog.shared import BY_SPACE, PROFILES_ALPHA, given

_RATE = 25
_SAMPLES = json("samples", personal=True)
_NO_SAMPLES = "samples stay empty: they are people's data, and asking for them is left to the sample values' objects."


def _sample_values(name: str, operation: str, path: str, parent: Parent) -> Object:
    """Bare strings without an id, so what a row is lies in where it stands."""
    asked: tuple[Column, ...] = tuple(given(parameter) for parameter in parent.params)
    return Object(
        name=name,
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation=operation,
            path=path,
            items=("sampleValues",),
            shape=Shape.STRINGS,
            paging=Paging.NONE,
            scalar="value",
            position="position",
            rate=_RATE,
        ),
        columns=(*asked, integer("position", given=True), text("value", personal=True)),
        key=(*(column.name for column in asked), "position"),
        parents=(parent,),
        stability="alpha",
    )


OBJECTS = (
    Object(
        name="EntityPaths",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listEntityPaths", path="/spaces/{spaceId}/entity-paths", items=("entityPaths",), rate=_RATE
        ),
        columns=(
            given("spaceId"),
            text("id"),
            text("entityName"),
            text("pathName"),
            text("entitySlug"),
            json("relationshipSlugs"),
            json("childRelationshipSlugs"),
            text("parentRelationshipSlugPath"),
        ),
        key=("space_id", "id"),
        parents=(BY_SPACE,),
        stability="alpha",
    ),
    Object(
        name="EntityProperties",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listPropertiesFromEntity",
            path="/spaces/{spaceId}/entities/{entitySlug}/properties",
            items=("entityProperties",),
            rate=_RATE,
        ),
        columns=(
            given("spaceId"),
            given("entitySlug"),
            text("name"),
            boolean("primaryKey"),
            text("dataType"),
            _SAMPLES,
        ),
        key=("space_id", "entity_slug", "name"),
        # Several paths lead to one entity: they share a partition.
        parents=(Parent("EntityPaths", {"spaceId": "space_id", "entitySlug": "entity_slug"}),),
        stability="alpha",
        note=_NO_SAMPLES,
    ),
    _sample_values(
        "EntityPropertySampleValues",
        "listSampleValuesFromEntityProperty",
        "/spaces/{spaceId}/entities/{entitySlug}/properties/{propertyName}/sample-values",
        Parent("EntityProperties", {"spaceId": "space_id", "entitySlug": "entity_slug", "propertyName": "name"}),
    ),
    Object(
        name="SpaceEvents",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listEvents",
            path="/spaces/{spaceId}/events",
            items=("events",),
            query={"sortBy": "name", "sortDir": "asc"},
            rate=_RATE,
        ),
        columns=(given("spaceId"), text("name"), text("type"), timestamp("lastSeenAt")),
        key=("space_id", "name", "type"),
        parents=(BY_SPACE,),
        stability="alpha",
    ),
    Object(
        name="EventProperties",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listPropertiesFromEvent",
            path="/spaces/{spaceId}/events/{eventName}/properties",
            items=("eventProperties",),
            query={"sortBy": "name", "sortDir": "asc"},
            rate=_RATE,
        ),
        columns=(
            given("spaceId"),
            text("eventName"),
            text("name"),
            text("type"),
            timestamp("lastSeenAt"),
            _SAMPLES,
        ),
        key=("space_id", "event_name", "name", "type"),
        parents=(Parent("SpaceEvents", {"spaceId": "space_id", "eventName": "name"}),),
        stability="alpha",
        note=_NO_SAMPLES,
    ),
    _sample_values(
        "EventPropertySampleValues",
        "listSampleValuesFromEventProperty",
        "/spaces/{spaceId}/events/{eventName}/properties/{propertyName}/sample-values",
        Parent(
            "EventProperties",
            {"spaceId": "space_id", "eventName": "event_name", "propertyName": "name", "propertyType": "type"},
        ),
    ),
    Object(
        name="Traits",
        groups=PROFILES_ALPHA,
        listing=Listing(
            operation="listTraits",
            path="/spaces/{spaceId}/traits",
            items=("traits",),
            query={"sortBy": "trait", "sortDir": "asc"},
            rate=_RATE,
        ),
        columns=(given("spaceId"), text("trait"), text("type"), timestamp("lastSeenAt"), _SAMPLES),
        key=("space_id", "trait", "type"),
        parents=(BY_SPACE,),
        repeats=True,
        stability="alpha",
        note="Of the collection that the API takes by default (users or accounts: unstated). " + _NO_SAMPLES,
    ),
    _sample_values(
        "TraitSampleValues",
        "listSampleValuesFromTrait",
        "/spaces/{spaceId}/traits/{traitKey}/sample-values",
        Parent("Traits", {"spaceId": "space_id", "traitKey": "trait"}),
    ),
)
