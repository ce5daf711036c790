"""Secrets, replaced by a keyed digest: a change still shows, the value does not (reliability.md: I11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Literal

from replicator import exact

#: Unknown fields are kept in `_extra`; one whose name says that it is a secret is masked there too.
SECRET_NAME = re.compile(
    r"secret|password|passwd|token|api_?key|private_?key|write_?key|access_?key|credential", re.IGNORECASE
)
PREFIX = "masked:"

#: What `keyed` makes of a text: masked once more, it stays as it is.
_MASKED = re.compile(rf"{PREFIX}[0-9a-f]{{16}}")

Mask = Callable[[Any], Any]
Mode = Literal["drop", "null", "hash"]


@dataclass(frozen=True, slots=True)
class Cover:
    """What becomes of all that lies at a path: the field of a record, then the keys below it, `*` for any.

    Lists are looked through. `hash` masks as secrets are masked.
    """

    path: tuple[str, ...]
    mode: Mode


def keyed(key: bytes) -> Mask:
    """A mask: strings and numbers become `masked:<16 hex>`, nulls and booleans stay, structures keep their keys."""
    base = blake2b(digest_size=8, key=key[:64])

    def mask(value: Any) -> Any:
        match value:
            case None | bool():
                return value
            case dict():
                return {name: mask(item) for name, item in value.items()}
            case list():
                return [mask(item) for item in value]
            case str():
                if _MASKED.fullmatch(value):
                    return value
                text = value.encode("utf-8", "surrogatepass")
            case int() | float() | Decimal():
                text = exact.dump(value).encode()
            case _:
                text = repr(type(value)).encode()
        digest = base.copy()
        digest.update(text)
        return PREFIX + digest.hexdigest()

    return mask


def says_secret(name: str) -> bool:
    """Whether a field of that name holds a secret, as far as one can tell."""
    return SECRET_NAME.search(name) is not None


def by_name(value: Any, mask: Mask) -> Any:
    """Masks, at any depth, what lies under a name that says secret."""
    match value:
        case dict():
            return {name: mask(item) if says_secret(name) else by_name(item, mask) for name, item in value.items()}
        case list():
            return [by_name(item, mask) for item in value]
        case _:
            return value


def covered(record: Mapping[str, Any], covers: Sequence[Cover], mask: Mask) -> dict[str, Any]:
    """The record with all that lies at those paths dropped, null or masked; the record itself stays."""
    made: Any = record
    for each in covers:
        made = _covered(made, each.path, each.mode, mask)
    return dict(made)


def _covered(value: Any, path: tuple[str, ...], mode: Mode, mask: Mask) -> Any:
    match value:
        case dict():
            made: dict[str, Any] = {}
            for name, item in value.items():
                below = _below(name, path)
                if below is None:
                    made[name] = item
                elif below:
                    made[name] = _covered(item, below, mode, mask)
                elif mode != "drop":
                    made[name] = None if mode == "null" else mask(item)
            return made
        case list():
            return [_covered(item, path, mode, mask) for item in value]
        case _:
            return value


def _below(name: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
    """What is left of the path behind that key, which may have dots in it; None where it does not lead there."""
    for length in range(1, len(path) + 1):
        if path[:length] == ("*",) or ".".join(path[:length]) == name:
            return path[length:]
    return None
