"""From a path to its route: a tree by path segment, fixed segments before parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .calls import Answer


# The versions that an operation has, most stable first.
V1 = ("v1",)
BETA = ("v1beta",)
ALPHA = ("v1alpha",)
STABLE = ("v1", "v1beta", "v1alpha")
FROM_BETA = ("v1beta", "v1alpha")
WITHOUT_BETA = ("v1", "v1alpha")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation of the contract: openapi.json names each of these fields."""

    path: str
    operation: str
    versions: tuple[str, ...]
    answer: Answer
    #: Requests a minute, where the operation states its own limit.
    limit: int | None = None
    #: What the workspace must have bought.
    feature: str | None = None
    method: str = "GET"


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    #: By method.
    routes: dict[str, Route] = field(default_factory=dict)


class Routes:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in _segments(route.path):
                if segment.startswith("{"):
                    node.parameter = node = node.parameter or _Node()
                else:
                    node = node.fixed.setdefault(segment, _Node())
            node.routes[route.method] = route

    def match(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """The route and the decoded values of its parameters (an event's name may hold a slash)."""
        segments = _segments(path)
        return None if "" in segments else _descend(self._root, method, segments, ())


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _descend(
    node: _Node, method: str, segments: Sequence[str], ids: tuple[str, ...]
) -> tuple[Route, tuple[str, ...]] | None:
    if not segments:
        return (node.routes[method], ids) if method in node.routes else None
    first, rest = segments[0], segments[1:]
    fixed = node.fixed.get(first)
    found = _descend(fixed, method, rest, ids) if fixed else None
    if found is None and node.parameter is not None:
        return _descend(node.parameter, method, rest, (*ids, unquote(first)))
    return found
