"""From a path to its route: a tree by path segment, fixed segments before parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .calls import Answer


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


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    route: Route | None = None


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
            node.route = route

    def match(self, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """The route and the decoded values of its parameters (an event's name may hold a slash)."""
        segments = _segments(path)
        return None if "" in segments else _descend(self._root, segments, ())


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _descend(node: _Node, segments: Sequence[str], ids: tuple[str, ...]) -> tuple[Route, tuple[str, ...]] | None:
    if not segments:
        return (node.route, ids) if node.route else None
    first, rest = segments[0], segments[1:]
    fixed = node.fixed.get(first)
    found = _descend(fixed, rest, ids) if fixed else None
    if found is None and node.parameter is not None:
        return _descend(node.parameter, rest, (*ids, unquote(first)))
    return found
