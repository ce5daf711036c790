"""JSON values that a database or a float cannot hold, kept exactly all the same.

`dump` and `load` are inverse for everything that the client decodes, lone surrogates, NUL and numbers of any size
included; the text is plain ASCII, so that every database stores it (reliability.md: D14, D15, D19).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

#: Deeper records are refused: MySQL's JSON ends at 100 levels, Python's own recursion not far above (D21).
MAX_DEPTH = 90
#: A request, or what is kept of a record, wraps it in a few levels more.
_DEEPEST = MAX_DEPTH + 10
_INT64 = 2**63
#: What json.dumps does with a text and with another scalar, without its making ready for anything else.
_text, _scalar = json.encoder.encode_basestring_ascii, json.JSONEncoder(allow_nan=False).encode


class TooDeep(ValueError):
    """A value nested deeper than MAX_DEPTH."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_DEPTH} levels")


def dump(value: Any, depth: int = 0) -> str:
    """Canonical ASCII JSON: sorted keys, no spaces, numbers exact. Raises TooDeep, or ValueError for NaN."""
    if depth > _DEEPEST:
        raise TooDeep
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        inner = [f"{_text(key)}:{dump(value[key], depth + 1)}" for key in sorted(value)]
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([dump(item, depth + 1) for item in value]) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _INT64:
        return _number(Decimal(value))
    return _scalar(value)


def _number(value: Decimal) -> str:
    """Decimal's own text is not bound by Python's limit of 4,300 digits for an int."""
    if not value.is_finite():
        raise ValueError("not a finite number")
    return format(value, "f") if value == value.to_integral_value() and value.adjusted() < 1000 else str(value)


def number(text: str) -> int | float | Decimal:
    """The number that this JSON text names, exactly: an int for 1.0, a float where it loses nothing, else a Decimal."""
    exact = Decimal(text)
    near = float(text)
    if near.is_integer() and abs(near) < 2**53 and exact == int(near) and not (near == 0 and text[0] == "-"):
        return int(near)
    return near if Decimal(repr(near)) == exact else exact


def integer(text: str) -> int | Decimal:
    """As int(), but without its limit on digits."""
    return int(text) if len(text) < 4000 else Decimal(text)


def load(text: str | bytes) -> Any:
    """The value that `dump` wrote. Raises ValueError for what is no JSON, or none that anybody can hold."""
    try:
        return json.loads(text, parse_float=number, parse_int=integer, parse_constant=_no_number)
    except RecursionError:
        raise TooDeep from None
    except ArithmeticError:
        raise ValueError("a number of more digits than can be counted") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def check(value: Any, depth: int = 0) -> None:
    """Raises ValueError, saying what the value is, where no other program could read its JSON; TooDeep, too."""
    if depth > MAX_DEPTH:
        raise TooDeep
    match value:
        case str() if not _storable(value.replace("\0", "")):
            raise ValueError("not Unicode: it holds half a character")
        case dict():
            for key, item in value.items():
                check(key, depth)
                check(item, depth + 1)
        case list():
            for item in value:
                check(item, depth + 1)
        case float() if value - value != 0:
            raise ValueError("no finite number")
        case _:
            pass


def holds_nul(value: Any) -> bool:
    """Whether a NUL, which PostgreSQL cannot store, lies anywhere in the value."""
    return "\\u0000" in dump(value).replace("\\\\", "")


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether every database holds the value as it is: no NUL, lone surrogate, Decimal, NaN, or int beyond 64 bits.

    Raises TooDeep.
    """
    if depth > MAX_DEPTH:
        raise TooDeep
    match value:
        case str():
            return _storable(value)
        case dict():
            return all(_storable(key) and is_plain(item, depth + 1) for key, item in value.items())
        case list():
            return all(is_plain(item, depth + 1) for item in value)
        case bool() | None:
            return True
        case int():
            return -_INT64 <= value < _INT64
        case float():
            return value - value == 0
        case _:
            return False


def _storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(value: Any) -> Any:
    """The nearest value that every database holds; what it loses is kept beside it by the caller."""
    match value:
        case str():
            return value.replace("\0", "\u2400").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        case dict():
            return {readable(key): readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
        case Decimal():
            return _nearest(value)
        case int() if not isinstance(value, bool) and not -_INT64 <= value < _INT64:
            return _nearest(Decimal(value))
        case _:
            return value


def _nearest(value: Decimal) -> float | str:
    near = float(value)
    return near if near - near == 0 else str(value)


def shown(value: Any) -> str:
    """Text of any value for people; exact where it can be."""
    try:
        return dump(value)
    except TooDeep:
        return "(nested too deep to be shown)"
    except ValueError:
        return json.dumps(readable(value), default=repr)[:100_000]
