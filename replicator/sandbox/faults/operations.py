"""Which operation a request is for, for faults and for the log of requests."""

from __future__ import annotations

from functools import lru_cache

from replicator.sandbox.routes import ROUTES
from replicator.sandbox.routing import Routes

_routes = Routes(ROUTES)
OPERATIONS = frozenset(route.operation for route in ROUTES)


@lru_cache(maxsize=4096)
def operation_of(method: str, path: str) -> str:
    """Empty where there is no such operation."""
    found = _routes.match(method, path)
    return found[0].operation if found else ""
