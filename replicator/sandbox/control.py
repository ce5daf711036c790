"""The control endpoint: a second port on which a test sets faults and reads what was asked, as JSON.

Others add what they can do as `control.routes["/clock"] = handler`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from .faults import data_of, faults_of
from .faults.log import as_data
from .faults.values import whole
from .messages import Request, Response

if TYPE_CHECKING:
    from .faults import Entry, Faulty
    from .faults.armed import Armed


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    query: dict[str, str]
    #: Decoded; None if there was none.
    body: Any


class Refused(Exception):
    """An answer of another status than 200 or, for ValueError, 400."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


Handler = Callable[[Asked], Any]


@dataclass(slots=True)
class Control:
    faulty: Faulty
    host: str = "127.0.0.1"
    port: int = 0
    #: Each is called with what was asked and gives what becomes the JSON of the answer.
    routes: dict[str, Handler] = field(default_factory=dict)
    #: Known once it is served.
    url: str = ""

    def __post_init__(self) -> None:
        self.routes = {"/": self._index, "/faults": self._faults, "/seed": self._seed, "/log": self._log} | self.routes

    def __call__(self, request: Request) -> Response:
        path, _, query = request.target.partition("?")
        try:
            handler = self._handler(path)
            return _json(200, handler(Asked(request.method, _query(query), _body(request))))
        except Refused as refused:
            return _json(refused.status, {"error": str(refused)})
        except ValueError as error:
            return _json(400, {"error": str(error)})

    def _handler(self, path: str) -> Handler:
        if path not in self.routes:
            raise Refused(404, f"there is no {path}; there are {', '.join(self.routes)}")
        return self.routes[path]

    def _index(self, asked: Asked) -> Any:
        only(asked, "GET")
        return {"routes": list(self.routes)}

    def _faults(self, asked: Asked) -> Any:
        only(asked, "GET", "POST", "PUT", "DELETE", known=("number",) if asked.method == "DELETE" else ())
        faults = self.faulty.faults
        match asked.method:
            case "POST":
                numbers = faults.add(*faults_of(asked.body))
                return {"faults": [_armed(armed) for armed in faults.armed if armed.number in numbers]}
            case "PUT":
                faults.replace(*faults_of(asked.body))
            case "DELETE" if "number" in asked.query:
                number = _number(asked.query, "number", 0)
                if not faults.remove(number):
                    raise Refused(404, f"there is no fault of number {number}")
            case "DELETE":
                faults.replace()
            case _:
                pass
        return {"seed": faults.seed, "faults": [_armed(armed) for armed in faults.armed]}

    def _seed(self, asked: Asked) -> Any:
        only(asked, "GET", "PUT")
        if asked.method == "PUT":
            seed = asked.body.get("seed") if isinstance(asked.body, dict) else asked.body
            if isinstance(seed, bool) or not isinstance(seed, int):
                raise ValueError("the seed must be a whole number")
            self.faulty.faults.reseed(seed)
        return {"seed": self.faulty.faults.seed}

    def _log(self, asked: Asked) -> Any:
        only(asked, "GET", "DELETE", known=(*_FILTERS, "since", "limit") if asked.method == "GET" else ())
        if asked.method == "DELETE":
            self.faulty.log.clear()
        since, limit = _number(asked.query, "since", 0), _number(asked.query, "limit", 2**31)
        filters = [(_FILTERS[name], value) for name, value in asked.query.items() if name in _FILTERS]

        def wanted(entry: Entry) -> bool:
            return entry.number > since and all(fits(entry, value) for fits, value in filters)

        entries = self.faulty.log.read(wanted, limit=limit)
        return {
            "last": self.faulty.log.last,
            "dropped": self.faulty.log.dropped,
            "entries": [as_data(entry) for entry in entries],
        }


_FILTERS: dict[str, Callable[[Entry, str], bool]] = {
    "method": lambda entry, value: entry.method == value,
    "operation": lambda entry, value: fnmatchcase(entry.operation, value),
    "path": lambda entry, value: fnmatchcase(entry.target.partition("?")[0], value),
    "status": lambda entry, value: str(entry.status) == value,
    "outcome": lambda entry, value: entry.outcome == value,
    "effect": lambda entry, value: entry.effect == (value == "true"),
    "fault": lambda entry, value: value in entry.faults,
    "token": lambda entry, value: entry.token == value,
    "body": lambda entry, value: value in entry.body,
    "has_body": lambda entry, value: bool(entry.body) == (value == "true"),
}


def only(asked: Asked, *methods: str, known: tuple[str, ...] = ()) -> None:
    """Raises Refused for another method, ValueError for a parameter that is not known."""
    if asked.method not in methods:
        raise Refused(405, f"this takes {', '.join(methods)}, not {asked.method}")
    for name in asked.query:
        if name not in known:
            raise ValueError(f"there is no parameter {name!r} here; there are {', '.join(known) or 'none'}")


def _armed(armed: Armed) -> dict[str, Any]:
    return {"number": armed.number, "calls": armed.calls, "struck": armed.struck, "fault": data_of(armed.fault)}


def _number(query: dict[str, str], name: str, default: int) -> int:
    try:
        return int(whole(0)(query[name])) if name in query else default
    except ValueError as error:
        raise ValueError(f"{name} is {query[name]!r}, but must be {error}") from None


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _body(request: Request) -> Any:
    if not request.body:
        return None
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise ValueError("the body must be JSON") from None


def _json(status: int, value: Any) -> Response:
    return Response(status, (("Content-Type", "application/json"),), msgspec.json.encode(value))
