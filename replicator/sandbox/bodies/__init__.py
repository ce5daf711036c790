"""What the body or the query of each write must be, by operation: the request schemas of openapi.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import protocols

if TYPE_CHECKING:
    from replicator.sandbox.shapes import Fields, Shape

_DOMAINS = (protocols,)

#: Of the operations that take a body: the shape of their most stable version.
BODIES: dict[str, Shape] = {name: shape for domain in _DOMAINS for name, shape in domain.BODIES.items()}
QUERIES: dict[str, Fields] = {name: shape for domain in _DOMAINS for name, shape in domain.QUERIES.items()}
