"""A life that is written down: event after event, each when its time has come and those before it are done."""

from __future__ import annotations

import re
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from replicator.sandbox.clock import duration, moment_of
from replicator.sandbox.routes import ROUTES
from replicator.sandbox.routing import Routes

from .deeds import Deed, Due

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replicator.sandbox.world import World

_BY_OPERATION = {route.operation: route for route in ROUTES}
_routes = Routes(ROUTES)
_PARAMETER = re.compile(r"\{(\w+)\}")
#: `{plan.trackingPlan.id}`: of the answer that was kept as `plan`.
_REFERENCE = re.compile(r"\{([A-Za-z_]\w*)((?:\.\w+)+)\}")


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a script. With neither `at` nor `after` it follows the event before it at once."""

    #: An operation of the contract ("createLabel", with `ids`), or a method and a path ("POST /labels").
    do: str
    #: A moment, or a span since the sandbox was started ("+1h").
    at: str | None = None
    #: So many requests.
    after: int | None = None
    #: The parameters of the path, by their names.
    ids: dict[str, str] = msgspec.field(default_factory=dict)
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    body: Any = None
    by: str = ""
    version: str = ""
    #: The slug of one of several workspaces.
    workspace: str = ""
    #: The name under which later events refer to the answer.
    keep: str = msgspec.field(default="", name="as")


class Script:
    """Raises a ValueError that says which event cannot be read, and why."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._names = {event.keep for event in events if event.keep}
        self._steps = [_checked(number, event) for number, event in enumerate(events, 1)]
        self._done = 0
        self._kept: dict[str, Any] = {}
        self._start: datetime | None = None
        self._last: datetime | None = None

    def begin(self, moment: datetime) -> None:
        self._start = moment

    def next(self, world_of: Mapping[str, World], asked: int, now: datetime) -> Due | None:
        if self._done == len(self._steps):
            return None
        event, (method, path) = self._events[self._done], self._steps[self._done]
        moment = self._moment(event, now)
        if moment > now or (event.after is not None and event.after > asked):
            return None
        self._last = moment
        if event.workspace and event.workspace not in world_of:
            return Due(moment, Deed(method, path), problem=f"there is no workspace {event.workspace!r}")
        try:
            filled = Deed(
                method,
                self._path(event, path),
                self._filled(event.body),
                self._filled(event.query),
                str(self._filled(event.by)),
                event.version,
            )
        except LookupError as error:
            return Due(moment, Deed(method, path), event.workspace, str(error.args[0]))
        return Due(moment, filled, event.workspace)

    def did(self, data: Any) -> None:
        event = self._events[self._done]
        if event.keep and data is not None:
            self._kept[event.keep] = data
        self._done += 1

    def _moment(self, event: Event, now: datetime) -> datetime:
        """When it happens: never before the one it follows, and now if it waits for no moment."""
        if event.at is not None:
            return max(_moment(event.at, self._start or now), self._last or _moment(event.at, self._start or now))
        return now if event.after is not None else self._last or now

    def _path(self, event: Event, path: str) -> str:
        if " " in event.do:
            return _REFERENCE.sub(lambda found: quote(str(self._meant(found)), safe=""), path)
        return _PARAMETER.sub(lambda found: quote(str(self._filled(event.ids[found[1]])), safe=""), path)

    def _filled(self, value: Any) -> Any:
        """With what its references stand for. One that fills a text alone stands for any value."""
        if isinstance(value, dict):
            return {key: self._filled(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._filled(part) for part in value]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        return self._meant(whole) if whole else _REFERENCE.sub(lambda found: str(self._meant(found)), value)

    def _meant(self, found: re.Match[str]) -> Any:
        """Braces around what no event is kept as are no reference: code is full of them."""
        if found[1] not in self._names:
            return found[0]
        if found[1] not in self._kept:
            raise LookupError(f"nothing is kept as {found[1]!r} yet")
        value = self._kept[found[1]]
        for part in found[2][1:].split("."):
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (LookupError, TypeError, ValueError):
                raise LookupError(f"there is no {found[0]}: no {part!r} in it") from None
        return value


def _moment(text: str, start: datetime) -> datetime:
    return start + duration(text) if text[:1] in "+-" else moment_of(text)


def _checked(number: int, event: Event) -> tuple[str, str]:
    """Its method and its path."""
    try:
        if event.at is not None:
            _moment(event.at, moment_of("2000-01-01"))
        return _asked(event)
    except ValueError as error:
        message = f"event {number}: {error}"
        raise ValueError(message) from None


def _asked(event: Event) -> tuple[str, str]:
    method, _, path = event.do.partition(" ")
    if path:
        if _routes.match(method, path) is None:
            raise ValueError(f"the API has no {event.do!r}")
        return method, path
    route = _BY_OPERATION.get(event.do)
    if route is None:
        near = get_close_matches(event.do, _BY_OPERATION, n=1)
        raise ValueError(f"there is no operation {event.do!r}" + (f"; the nearest is {near[0]}" if near else ""))
    if missing := set(_PARAMETER.findall(route.path)) - event.ids.keys():
        raise ValueError(f"{event.do} needs ids for {', '.join(sorted(missing))}")
    return route.method, route.path
