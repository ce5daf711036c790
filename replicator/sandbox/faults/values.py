"""How a fault's values are read, from the text of a command line as from TOML and JSON.

Each reader takes text or the value itself and gives the value, or raises ValueError with what it must be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

Reader = Callable[[Any], Any]

_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_RETRY_AFTER = re.compile(r"\d{1,9}|date(\+\d{1,9})?|garbage|none")


def whole(smallest: int, largest: int = 2**40) -> Reader:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not smallest <= number <= largest:
            raise ValueError(f"a whole number from {smallest} to {largest}")
        return number

    return read


def number(largest: float) -> Reader:
    def read(value: Any) -> float:
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            found = math.nan
        if not 0 <= found <= largest:
            raise ValueError(f"a number from 0 to {largest:g}")
        return found

    return read


def size(value: Any) -> int:
    """Bytes: a whole number, or one with k, M or G behind it."""
    found = re.fullmatch(r"(\d{1,12})([kmg]?)", str(value).lower())
    if isinstance(value, bool) or not found:
        raise ValueError("a number of bytes, as in 4096, 64k, 10M or 1G")
    return int(found[1]) * _SIZES[found[2]]


def words(*allowed: str) -> Reader:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return str(value)

    return read


def text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a text of printable characters")
    return value


def address(value: Any) -> str:
    """What a header can carry."""
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("an address without spaces")
    return value


def names(value: Any) -> tuple[str, ...]:
    """One or several, in text with `+` between them."""
    found = value.split("+") if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not found or not all(isinstance(name, str) and name for name in found):
        raise ValueError("a name, or several with + between them")
    return tuple(found)


def renaming(value: Any) -> tuple[str, str]:
    old, arrow, new = value.partition(">") if isinstance(value, str) else ("", "", "")
    if not (old and arrow and new):
        raise ValueError("the old name and the new one, as in name>title")
    return old, new


def flag(value: Any) -> bool:
    """A kind that has no value is named, and that is all."""
    if value not in (True, "true"):
        raise ValueError("true, or nothing at all")
    return True


def retry_after(value: Any) -> str:
    found = str(value)
    if isinstance(value, bool) or not _RETRY_AFTER.fullmatch(found):
        raise ValueError("seconds, date, date+SECONDS, garbage or none")
    return found
