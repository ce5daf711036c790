"""What of a value a page may show: no secret, though the configuration store it plain or somebody just wrote it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from replicator import masks

if TYPE_CHECKING:
    from replicator.catalog.model import Object

HIDDEN = "••••"
_MASKED = re.compile(rf"{masks.PREFIX}[0-9a-f]{{16}}")


def shown(thing: Object, name: str, value: Any) -> Any:
    """The value of that column, or of `_extra`; masked ones stay, since they give nothing away."""
    secret = any(each.name == name and each.secret for each in thing.columns)
    return hidden(value) if secret else masks.by_name(value, hidden)


def hidden(value: Any) -> Any:
    """As long as a mask keeps its structure, so does this."""
    match value:
        case None | bool():
            return value
        case dict():
            return {name: hidden(each) for name, each in value.items()}
        case list() | tuple():
            return [hidden(each) for each in value]
        case str() if _MASKED.fullmatch(value):
            return value
        case _:
            return HIDDEN
