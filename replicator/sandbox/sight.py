"""What a caller sees of an answer: all of it, some records, some fields, nothing, or a refusal.

Which of these the API gives where is mostly unverified, so the ways of refusing are switches (behaviour.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from .access import unauthorized
from .calls import Paged, Write
from .content.destinations import destinations
from .content.reverse_etl import models
from .messages import Refusal, not_found
from .roles import Area, area_of, feature_of

if TYPE_CHECKING:
    from .access import Token
    from .behaviour import Unseen
    from .calls import Answer, Call
    from .routing import Route
    from .series import Record, Rows
    from .world import World

#: The records of single resources: the list's key, what it is a list of, and the field that names the resource.
_LISTED: Mapping[str, tuple[Area, str]] = {
    "sources": ("source", "id"),
    "destinations": ("source", "sourceId"),
    "models": ("source", "sourceId"),
    "warehouses": ("warehouse", "id"),
    "functions": ("function", "id"),
    "spaces": ("space", "id"),
}
#: How a path or a query names a single resource.
_NAMED: Mapping[str, Area] = {
    "sourceId": "source",
    "warehouseId": "warehouse",
    "functionId": "function",
    "spaceId": "space",
    "integrationId": "space",
}
#: Records in a path that belong to a source.
_OF_SOURCE = {"destinationId": destinations, "modelId": models}
_PAGE = 1000
_DENIED = "You are not authorized to perform this action"


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to see for one request: `show` makes the answer of it."""

    token: Token
    nothing: bool = False

    def narrowed(self, answer: Answer) -> Answer:
        """The answer without the records that the token may not see."""
        if not isinstance(answer, Paged):
            return answer
        if self.nothing:
            return replace(answer, rows=lambda _world, _call: [], extra=None)
        if self.token.owns():
            return answer
        area, field = _LISTED.get(answer.key, ("everyone", ""))
        seen = self.token.reach(area)
        # Without any permission for them they are not records of their own, but part of what the path names.
        if not seen:
            return answer
        return replace(answer, rows=_only(answer.rows, lambda record: record.get(field) in seen))

    def veiled(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without what only a source's admin may read: `writeKeys` are empty (resources.md, "Reads that bite")."""
        admin = self.token.reach("source", change=True)
        if admin is None:
            return data

        def blanked(source: Record) -> Record:
            return source if source["id"] in admin else source | {"writeKeys": []}

        shown = dict(data)
        if isinstance(data.get("source"), dict):
            shown["source"] = blanked(data["source"])
        if isinstance(data.get("sources"), list):
            shown["sources"] = [blanked(source) for source in data["sources"]]
        return shown


def sight(token: Token, world: World, route: Route, call: Call, *, elsewhere: bool = False) -> Sight:
    """What this caller sees; raises the refusal of what it may not see at all. `elsewhere`: in another region."""
    behaviour = world.behaviour
    if elsewhere and area_of(route) != "everyone":
        return _unseen(token, route, "empty", _DENIED)
    feature = feature_of(route)
    if feature and feature not in world.features:
        message = f"Your workspace does not have access to the {feature} feature"
        return _unseen(token, route, behaviour.missing_feature, message)
    if not token.may(route):
        return _unseen(token, route, behaviour.missing_permission, _DENIED)
    limited = token.reach(area_of(route), change=route.method != "GET")
    if limited is None or token.owns():
        return Sight(token)
    named = _resources(world, route, call)
    if not all(_within(token, area, identifier, route) for area, identifier in named):
        return _unseen(token, route, behaviour.hidden_record, "Resource not found")
    # What is neither of a single resource nor a list to choose from needs a role for all of them.
    if limited and not named and not (isinstance(route.answer, Paged) and route.answer.key in _LISTED):
        return _unseen(token, route, behaviour.missing_permission, _DENIED)
    return Sight(token)


def _within(token: Token, area: Area, identifier: str, route: Route) -> bool:
    """Whether it may see that resource; one of another area than the path's is only named, unless it is limited too."""
    own = area == area_of(route)
    seen = token.reach(area, change=own and route.method != "GET")
    return seen is None or identifier in seen or (not own and not seen)


def _resources(world: World, route: Route, call: Call) -> list[tuple[Area, str]]:
    """The single resources that the request names; raises the API's 404 for a record that is not there."""
    parameters = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    given = list(zip(parameters, call.ids, strict=True))
    given += [(name, text) for name in _NAMED if (text := call.query.text(name))]
    found = [(_NAMED[name], value) for name, value in given if name in _NAMED]
    owned = [(_OF_SOURCE[name], value) for name, value in given if name in _OF_SOURCE]
    return found + [("source", world.table(level).get(value)["sourceId"]) for level, value in owned]


def _unseen(token: Token, route: Route, way: Unseen, message: str) -> Sight:
    """Nothing to see, in the way that the behaviour says; what has no list to be empty is not found."""
    if way == "empty" and isinstance(route.answer, Paged):
        return Sight(token, nothing=True)
    if way == 401:
        raise unauthorized(message)
    # A write has no list to be empty.
    if way == 403 or (way == "empty" and isinstance(route.answer, Write)):
        raise Refusal(403, "forbidden", message)
    raise not_found()


def _only(rows: Callable[[World, Call], Rows], keep: Callable[[Record], bool]) -> Callable[[World, Call], Rows]:
    """A page of many records at a time, and of them only those to keep."""

    def chosen(world: World, call: Call) -> Rows:
        every = rows(world, call)
        pages = (every[start : start + _PAGE] for start in range(0, len(every), _PAGE))
        # None of these lists makes its JSON itself.
        return [record for page in pages for record in cast("Sequence[Record]", page) if keep(record)]

    return chosen
