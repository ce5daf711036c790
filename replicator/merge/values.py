"""When two values are the same for Segment, whatever they look like."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from replicator import exact, masks
from replicator.merge.model import ABSENT

#: What Segment shows in a secret's stead.
_DOTS = "•"
#: From here on a float may be written for an integer.
_EXACT = 2**53


def text_of(value: Any) -> str:
    """Canonical text: the order of keys and the way to write a number (1, 1.0, 1e0) make no difference."""
    return "" if value is ABSENT else exact.dump(_plain(value))


def same(one: Any, other: Any) -> bool:
    """Whether two values, either of which may be ABSENT, have one canonical text, made where nothing else tells."""
    if one is other:
        return True
    if type(one) is type(other):
        match one:
            case str() | int() | None:
                return bool(one == other)
            case dict():
                return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
            case list():
                return len(one) == len(other) and all(map(same, one, other))
            case _:
                pass
    return text_of(one) == text_of(other)


def present(field: Any) -> Any:
    """A field that is null or an empty text is the same as one that is absent."""
    return ABSENT if field is None or field == "" else field


def alike(one: Any, other: Any) -> bool:
    """Whether two fields say the same."""
    return same(present(one), present(other))


def agrees(sent: Any, stored: Any) -> bool:
    """Whether what Segment has is what is stored of it: a database rounds some numbers, and holds no NUL."""
    return same(sent, stored) or same(exact.readable(sent), stored)


def holds(whole: Any, part: Any) -> bool:
    """Whether each property of the part is in the whole, to which the server may have added some of its own."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    return same(whole, part)


def masked(value: Any) -> bool:
    """Whether this stands for a secret that is not here: Segment's dots, or our own digest."""
    return isinstance(value, str) and (value.startswith(masks.PREFIX) or (value != "" and not value.strip(_DOTS)))


def holds_mask(value: Any) -> bool:
    """Whether a mask lies anywhere in the value."""
    match value:
        case dict():
            return any(map(holds_mask, value.values()))
        case list():
            return any(map(holds_mask, value))
        case _:
            return masked(value)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() | Decimal():
            return exact.number(str(value))
        case int() if abs(value) >= _EXACT:
            return exact.number(str(Decimal(value)))
        case _:
            return value
