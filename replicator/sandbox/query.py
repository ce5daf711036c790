"""The query string, whichever of the SDKs wrote it.

Objects come dotted (`pagination.count=3`), bracketed (`pagination[count]=3`) or as JSON (`pagination={"count":3}`);
arrays indexed (`groupBy.0=a`), with empty brackets (`groupBy[]=a`) or repeated (resources.md, "Pagination" and
"Other query parameters"). All become dotted names here. Arrays of objects come as both: `rules.0.key=a`,
`rules.0[key]=a`, `rules[0][key]=a`, or with the objects as JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .messages import invalid
from .shapes import Fields, Many, Number, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .shapes import Shape

#: `search` is an object of the audiences and a plain text of the space schema.
_OBJECTS = frozenset({"pagination", "warehousesPagination", "sourcesPagination", "filter", "search", "sort"})
_PAGING = re.compile(r"(^|[pP]agination\.)(count|cursor)$")
_ITEM = re.compile(r"([0-9]{1,9})(?:\.(.+))?")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class Query:
    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True) if text else ():
            for dotted, plain in _flatten(_dotted(name), value):
                self._values.setdefault(dotted, []).append(plain)

    def text(self, name: str) -> str | None:
        return self._values[name][-1] if name in self._values else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid(name, "is required")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise invalid(name, f"must be one of [{', '.join(choices)}]")
        return value

    def required_choice(self, name: str, choices: Sequence[str]) -> str:
        self.required(name)
        return self.choice(name, choices) or ""

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false")) == "true"

    def number(self, name: str, default: int, smallest: int, largest: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdecimal() and smallest <= int(value[:9]) <= largest):
            raise invalid(name, f"must be a number between {smallest} and {largest}")
        return int(value)

    def many(self, name: str) -> list[str]:
        indexed = [v for k, vs in self._values.items() if _is_item(k, name) for v in vs]
        return self._values.get(name, []) + indexed

    def items(self, name: str) -> list[Any]:
        """An array of objects, whose values are text unless they came as JSON; those without an index come first."""
        whole = [part for value in self._values.get(name, []) for part in _parts(name, value)]
        indexed: dict[int, Any] = {}
        for key, values in self._values.items():
            found = _ITEM.fullmatch(key, len(name) + 1) if key.startswith(f"{name}.") else None
            if found is None:
                continue
            index, part = int(found[1]), found[2]
            if part is None:
                indexed[index] = _parsed(f"{name}.{index}", values[-1])
            elif isinstance(item := indexed.setdefault(index, {}), dict):
                item[part] = values[-1]
        return whole + [indexed[index] for index in sorted(indexed)]

    def read(self, shape: Fields) -> dict[str, Any]:
        """What a write takes from the query, checked as a body is: raises the API's 422."""
        given = {name: value for name, part in shape.all.items() if (value := self._given(name, part))}
        read: dict[str, Any] = check(shape, given)
        return read

    def _given(self, name: str, shape: Shape) -> Any:
        match shape:
            case Many(Fields() as item):
                return [_typed(item, value) for value in self.items(name)]
            case Many():
                return [value for value in self.many(name) if value]
            case _:
                return self.text(name)

    def choices(self, name: str, choices: Sequence[str]) -> list[str]:
        values = self.many(name)
        if not set(values) <= set(choices):
            raise invalid(name, f"must be one of [{', '.join(choices)}]")
        return values

    def filters(self) -> list[tuple[str, list[str]]]:
        """All that chooses the records of a list, so that a cursor can be tied to it: what does not page it."""
        return sorted((name, values) for name, values in self._values.items() if not _PAGING.search(name))


def _dotted(name: str) -> str:
    return name.replace("[", ".").replace("]", "").rstrip(".") if "[" in name else name


def _is_item(key: str, name: str) -> bool:
    return key.startswith(name + ".") and key[len(name) + 1 :].isdecimal()


def _flatten(name: str, value: str) -> Iterator[tuple[str, str]]:
    if name not in _OBJECTS or (name == "search" and not value.startswith("{")):
        yield name, value
        return
    try:
        parsed = json.loads(value)
    except ValueError:
        raise invalid(name, "must be an object") from None
    if not isinstance(parsed, dict):
        raise invalid(name, "must be an object")
    for key, item in parsed.items():
        for part in item if isinstance(item, list) else [item]:
            if part is not None:
                yield f"{name}.{key}", _plain(part)


def _parts(name: str, value: str) -> list[Any]:
    """The objects in one value: a JSON array of them, one of them, or none if the value is empty."""
    parsed = _parsed(name, value) if value else []
    return parsed if isinstance(parsed, list) else [parsed]


def _parsed(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise invalid(name, "must be of type object") from None


def _typed(shape: Fields, value: Any) -> Any:
    """The fields that are numbers by their shape, and text only because a query knows nothing else."""
    if not isinstance(value, dict):
        return value
    return {key: _number(part) if isinstance(shape.all.get(key), Number) else part for key, part in value.items()}


def _number(value: Any) -> Any:
    if not (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
