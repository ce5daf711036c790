"""What the body or the query of each write must be, by operation: the request schemas of openapi.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import destinations, functions, iam, privacy, profiles, protocols, reverse_etl, sources, spaces, warehouses

if TYPE_CHECKING:
    from replicator.sandbox.shapes import Fields, Shape

#: Of the operations that take a body: the shape of their most stable version.
BODIES: dict[str, Shape] = {
    **destinations.BODIES,
    **functions.BODIES,
    **iam.BODIES,
    **privacy.BODIES,
    **profiles.BODIES,
    **protocols.BODIES,
    **reverse_etl.BODIES,
    **sources.BODIES,
    **spaces.BODIES,
    **warehouses.BODIES,
}

#: Of the operations and versions that differ from the most stable one.
VARIANTS: dict[tuple[str, str], Shape] = {**protocols.VARIANTS, **sources.VARIANTS, **spaces.VARIANTS}

#: Of the operations that take what they remove in the query.
QUERIES: dict[str, Fields] = {**iam.QUERIES, **protocols.QUERIES}


def body_of(operation: str, version: str) -> Shape | None:
    """None if the operation takes no body."""
    return VARIANTS.get((operation, version), BODIES.get(operation))
