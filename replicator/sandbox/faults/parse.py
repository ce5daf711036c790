"""Faults as they are written: on a command line, in a TOML or JSON file, in a request to the control endpoint.

    [METHOD] [ROUTE:]KIND[=VALUE][,OPTION=VALUE...]        listSources:status=503,nth=2,retry_after=5
    {"route": "listSources", "status": 503, "nth": 2, "retry_after": 5}

Bad input is a ValueError of one sentence.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import values
from .kinds import KINDS, Handshake
from .model import Fault, When
from .operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Reader

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "*")
WHEN: Mapping[str, Reader] = {
    "nth": values.whole(1),
    "every": values.whole(1),
    "after": values.whole(0),
    "times": values.whole(1),
    "probability": values.number(1),
}
WHERE: Mapping[str, Reader] = {"route": values.text, "method": values.words(*_METHODS)}


def fault_of_text(text: str) -> Fault:
    first, *options = text.strip().split(",")
    where, colon, kind = _before_value(first)
    method, _, route = where.rpartition(" ") if colon else ("", "", "")
    if colon and not method and route in _METHODS[:-1]:
        method, route = route, "*"
    written = _pairs([kind, *options], text)
    return fault_of_data(
        written | ({"route": route.strip()} if colon else {}) | ({"method": method.strip()} if method else {})
    )


def _before_value(first: str) -> tuple[str, str, str]:
    """The route before the first colon; a colon behind an equals sign belongs to the value."""
    name, equals, value = first.partition("=")
    where, colon, kind = name.rpartition(":")
    return where, colon, kind + equals + value


def _pairs(parts: Iterable[str], text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.strip().partition("=")
        if not name or name in found:
            raise ValueError(f"the fault {text!r} has {'an empty part' if not name else f'{name} twice'}")
        found[name] = value if equals else True
    return found


def fault_of_data(data: Any) -> Fault:
    if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
        raise ValueError("a fault is an object, or a text such as listSources:status=503,nth=2")
    kinds = [name for name in data if name in KINDS]
    if len(kinds) != 1:
        raise ValueError(_which_kind(data, kinds))
    kind = KINDS[kinds[0]]
    value = data[kinds[0]]
    if value is True and kind.default is None:
        raise ValueError(f"{kinds[0]} needs a value")
    value = kind.default if value is True else _read(kind.value, kinds[0], value)
    known: dict[str, Reader] = {**WHERE, **WHEN, **kind.options}
    rest = {name: _option(kinds[0], known, name, data[name]) for name in data if name != kinds[0]}
    _check_route(rest, handshake=isinstance(kind.act, Handshake))
    when = {name: rest.pop(name) for name in WHEN if name in rest}
    if kind.value_is_after:
        when["after"] = value
    route, method = rest.pop("route", "*"), rest.pop("method", "*")
    return Fault(kinds[0], value, route, method, When(**when), rest)


def _which_kind(data: Mapping[str, Any], kinds: list[str]) -> str:
    if kinds:
        return f"a fault is of one kind, not of {len(kinds)}: {', '.join(kinds)}"
    others = [name for name in data if name not in WHERE and name not in WHEN]
    for name in others:
        if close := get_close_matches(name, KINDS, 1):
            return f"there is no fault {name!r}; the nearest is {close[0]}"
    there = f"there is no fault {others[0]!r}" if others else "the fault has no kind"
    return f"{there}; the kinds are {', '.join(KINDS)}"


def _option(kind: str, known: Mapping[str, Reader], name: str, value: Any) -> Any:
    if name not in known:
        close = get_close_matches(name, known, 1)
        hint = f"the nearest is {close[0]}" if close else f"it takes {', '.join(known)}"
        raise ValueError(f"{kind} has no option {name!r}; {hint}")
    return _read(known[name], name, value)


def _read(reader: Reader, name: str, value: Any) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}, but must be {error}") from None


def _check_route(rest: Mapping[str, Any], *, handshake: bool) -> None:
    route = rest.get("route", "*")
    if handshake and (route != "*" or rest.get("method", "*") != "*"):
        raise ValueError("tls takes no route and no method: a connection is made before there is any request")
    if route.startswith("/") or any(fnmatchcase(operation, route) for operation in OPERATIONS):
        return
    close = get_close_matches(route, OPERATIONS, 1)
    hint = f"the nearest is {close[0]}" if close else "a path begins with a slash"
    raise ValueError(f"no operation is named {route!r}; {hint}")


def faults_of(data: Any) -> list[Fault]:
    """One fault or several, each as text or as data."""
    if isinstance(data, Mapping) and isinstance(data.get("fault"), list | str):
        unknown = next((name for name in data if name != "fault"), None)
        if unknown is not None:
            raise ValueError(f"beside the list of faults stands {unknown!r}, which means nothing")
        data = data["fault"]
    several = data if isinstance(data, list) else [data]
    return [fault_of_text(one) if isinstance(one, str) else fault_of_data(one) for one in several]


def faults_of_file(path: Path) -> list[Fault]:
    """A TOML file with tables `[[fault]]`, or a JSON file (by its name) with a list; OSError if there is none."""
    content = path.read_bytes()
    try:
        text = content.decode()
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return faults_of(data) if data != {} else []
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def data_of(fault: Fault) -> dict[str, Any]:
    """What fault_of_data reads, less what is usual."""
    usual = When()
    when = {name: getattr(fault.when, name) for name in WHEN}
    said = {name: value for name, value in when.items() if value != getattr(usual, name)}
    if KINDS[fault.kind].value_is_after:
        said.pop("after", None)
    value = ">".join(fault.value) if fault.kind == "rename_field" else fault.value
    return {"route": fault.route, "method": fault.method, fault.kind: value, **said, **fault.options}
