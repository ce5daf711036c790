"""Segment's filter query language: conditions on an event, as destination filters have them.

A condition is read into a function of the event. A field that the event does not have is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Event = Mapping[str, Any]
Reading = Callable[[Event], Any]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<sign>!=|<=|>=|[=<>!(),])
    | (?P<word>(?:\\.|[^\s"'=<>!(),\\])+)
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None, "all": True}
#: How many nested parts a condition may have.
_DEEPEST = 50


class BadConditionError(Exception):
    """What is no condition; the text says where."""


def condition(text: str) -> Callable[[Event], bool]:
    """Raises BadConditionError."""
    reader = _Reader(_tokens(text))
    found = reader.either()
    if reader.kind != "end":
        message = f"does not go on with {reader.token}"
        raise BadConditionError(message)
    return lambda event: bool(found(event))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place = 0
    while not tokens or tokens[-1][0] != "end":
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            message = f"cannot be read at {text[place:].strip()[:20]}"
            raise BadConditionError(message)
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return tokens


def _less(left: Any, right: Any) -> bool:
    """Of two numbers or two texts; nothing else has an order."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    return bool(left < right) if numbers or (isinstance(left, str) and isinstance(right, str)) else False


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right and isinstance(left, bool) == isinstance(right, bool),
    "!=": lambda left, right: left != right or isinstance(left, bool) != isinstance(right, bool),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: left == right or _less(left, right),
    ">=": lambda left, right: left == right or _less(right, left),
    "in": lambda left, right: isinstance(right, list) and left in right,
}


def _typeof(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return kinds.get(type(value), "null")


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "contains": (2, lambda text, part: isinstance(text, str) and isinstance(part, str) and part in text),
    "match": (2, lambda text, glob: isinstance(text, str) and isinstance(glob, str) and fnmatchcase(text, glob)),
    "lowercase": (1, lambda text: text.lower() if isinstance(text, str) else None),
    "length": (1, lambda value: len(value) if isinstance(value, str | list) else 0),
    "typeof": (1, _typeof),
}


@dataclass(slots=True)
class _Reader:
    tokens: list[tuple[str, str]]
    place: int = 0
    depth: int = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.place][0]

    @property
    def token(self) -> str:
        return self.tokens[self.place][1] or "the end"

    def next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1][1]

    def took(self, token: str) -> bool:
        """Whether this comes next; then it is behind us."""
        found = self.kind in ("sign", "word") and self.token == token
        self.place += found
        return found

    def must(self, token: str) -> None:
        if not self.took(token):
            message = f"has {self.token} where {token} is expected"
            raise BadConditionError(message)

    def either(self) -> Reading:
        parts = [self.both()]
        while self.took("or") or self.took("OR"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda event: any(part(event) for part in parts)

    def both(self) -> Reading:
        parts = [self.compared()]
        while self.took("and") or self.took("AND"):
            parts.append(self.compared())
        return parts[0] if len(parts) == 1 else lambda event: all(part(event) for part in parts)

    def compared(self) -> Reading:
        left = self.single()
        if self.kind == "end" or self.token not in _COMPARED:
            return left
        compare, right = _COMPARED[self.next()], self.single()
        return lambda event: compare(left(event), right(event))

    def single(self) -> Reading:
        self.depth += 1
        if self.depth > _DEEPEST:
            message = "is nested too deeply"
            raise BadConditionError(message)
        found = self._single()
        self.depth -= 1
        return found

    def _single(self) -> Reading:
        if self.took("!"):
            inner = self.single()
            return lambda event: not inner(event)
        if self.took("("):
            inside = self.either()
            self.must(")")
            return inside
        kind = self.kind
        if kind in ("end", "sign"):
            message = f"has {self.token} where a value is expected"
            raise BadConditionError(message)
        token = self.next()
        if kind == "word" and self.took("("):
            return self.call(token)
        return _field(token) if kind == "word" and token not in _CONSTANTS else _constant(kind, token)

    def call(self, name: str) -> Reading:
        takes, function = _FUNCTIONS.get(name, (0, None))
        if function is None:
            message = f"has no function {name}"
            raise BadConditionError(message)
        given = [self.either()]
        while self.took(","):
            given.append(self.either())
        self.must(")")
        if len(given) != takes:
            message = f"gives {name} {len(given)} values instead of {takes}"
            raise BadConditionError(message)
        return lambda event: function(*(part(event) for part in given))


def _constant(kind: str, token: str) -> Reading:
    value: Any
    match kind:
        case "text":
            value = re.sub(r"\\(.)", r"\1", token[1:-1])
        case "number":
            value = float(token) if "." in token else int(token)
        case _:
            value = _CONSTANTS[token]
    return lambda _event: value


def _field(path: str) -> Reading:
    """Names joined by dots; a backslash takes its dot or space into the name."""
    names = [re.sub(r"\\(.)", r"\1", name) for name in re.split(r"(?<!\\)\.", path)]

    def found(event: Event) -> Any:
        value: Any = event
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return found
