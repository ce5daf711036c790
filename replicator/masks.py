"""Secrets, replaced by a keyed digest: a change still shows, the value does not (reliability.md: I11)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from replicator import exact

#: Unknown fields are kept in `_extra`; one whose name says that it is a secret is masked there too.
SECRET_NAME = re.compile(
    r"secret|password|passwd|token|api_?key|private_?key|write_?key|access_?key|credential", re.IGNORECASE
)
PREFIX = "masked:"

Mask = Callable[[Any], Any]


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
