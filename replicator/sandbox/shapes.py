"""The shapes of what a write may send, as data, and `check`, which refuses what does not fit with a 422.

The problems are worded as the API's validator words them ('"id" is required'; rules "must contain less than or equal to
200 items", resources.md, "Updates"). One problem is told at a time: the first, in the order of the shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .messages import Refusal, invalid


@dataclass(frozen=True, slots=True)
class Text:
    #: The values that there are; any text if empty.
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True, slots=True)
class Flag:
    pass


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value, null among them."""


@dataclass(frozen=True, slots=True)
class Many:
    item: Shape
    #: How many items there may be.
    most: float = math.inf


@dataclass(frozen=True, slots=True)
class Mapped:
    """An object whose keys are the user's own."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Fields:
    """An object whose keys the API knows. It takes others too, and ignores them."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    @property
    def all(self) -> Mapping[str, Shape]:
        return {**self.required, **self.optional}


@dataclass(frozen=True, slots=True)
class Either:
    """Objects of several kinds, that nothing but their fields tells apart."""

    kinds: tuple[Fields, ...]


@dataclass(frozen=True, slots=True)
class Nullable:
    shape: Shape


Shape = Text | Number | Flag | Anything | Many | Mapped | Fields | Either | Nullable
#: Fields that several shapes have.
Parts = Mapping[str, Shape]

TEXT = Text()
NUMBER = Number()
FLAG = Flag()
ANYTHING = Anything()
TEXTS = Many(TEXT)
#: Settings, whose keys depend on what is set.
FREE = Mapped(ANYTHING)


def check(shape: Shape, value: Any, *, strict: bool = False) -> Any:
    """The value without the fields that its shape does not know; if `strict`, such a field is refused too."""
    return _read(shape, value, "", strict)


def _read(shape: Shape, value: Any, path: str, strict: bool) -> Any:  # noqa: FBT001 - `check` names it
    match shape:
        case Anything():
            return value
        case Nullable(inner):
            return None if value is None else _read(inner, value, path, strict)
        case Many(item):
            return [_read(item, part, _join(path, at), strict) for at, part in enumerate(_list(shape, value, path))]
        case Mapped(inner):
            return {key: _read(inner, part, _join(path, key), strict) for key, part in _object(value, path).items()}
        case Fields():
            return _read_fields(shape, _object(value, path), path, strict)
        case Either():
            return _read_either(shape, _object(value, path), path, strict)
        case Text() | Number() | Flag():
            if problem := _problem(shape, value):
                raise _refused(path, problem)
            return value


def _problem(shape: Text | Number | Flag, value: Any) -> str | None:
    """What is wrong with a value that holds no others. JSON's booleans are no numbers, though Python's are."""
    match shape:
        case Flag():
            return None if isinstance(value, bool) else "must be a boolean"
        case Text(choices):
            if choices and value not in choices:
                return f"must be one of [{', '.join(choices)}]"
            return None if isinstance(value, str) else "must be a string"
        case Number(least, most):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return "must be a number"
            if value < least:
                return f"must be greater than or equal to {least}"
            return f"must be less than or equal to {most}" if value > most else None


def _list(shape: Many, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _refused(path, "must be an array")
    if len(value) > shape.most:
        raise _refused(path, f"must contain less than or equal to {shape.most} items")
    return value


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(path, "must be of type object")
    return value


def _read_fields(shape: Fields, value: dict[str, Any], path: str, strict: bool) -> dict[str, Any]:  # noqa: FBT001
    known = shape.all
    for name in (*shape.required, *(value if strict else ())):
        if name not in value:
            raise _refused(_join(path, name), "is required")
        if name not in known:
            raise _refused(_join(path, name), "is not allowed")
    return {name: _read(part, value[name], _join(path, name), strict) for name, part in known.items() if name in value}


def _read_either(shape: Either, value: dict[str, Any], path: str, strict: bool) -> dict[str, Any]:  # noqa: FBT001
    """Tried from the most alike on; if none fits, the problem is that of the most alike."""
    alike = sorted(shape.kinds, key=lambda kind: -len(kind.all.keys() & value.keys()))
    for kind in alike:
        try:
            return _read_fields(kind, value, path, strict)
        except Refusal:
            continue
    if alike[0].all.keys().isdisjoint(value):
        raise _refused(path, "does not match any of the allowed types")
    return _read_fields(alike[0], value, path, strict)


def _join(path: str, key: str | int) -> str:
    return f"{path}.{key}" if path else str(key)


def _refused(path: str, problem: str) -> Refusal:
    return invalid(path or "body", problem)
