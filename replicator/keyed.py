"""The key of a record that the API gives no id: what of it is one together, as one text that any database indexes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from replicator import exact

_compact = msgspec.json.Encoder().encode


class Unkeyed(ValueError):
    """A record without a usable key."""


def digest_of(parts: Sequence[Any]) -> str:
    """SHA-256 of the key's values: a NUMBER column holds `1` and `1.0` as one double, an absent part is null.

    Raises Unkeyed where no part is there.
    """
    if parts.count(None) == len(parts):
        raise Unkeyed("it has no part of its key")
    try:
        text = _compact(parts)
    except (ValueError, TypeError, OverflowError):
        text = exact.dump(parts).encode()
    return sha256(text).hexdigest()
