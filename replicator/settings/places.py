"""A place in which settings are said, and what the places say together: the first one counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replicator.settings.keys import Key

#: These name one thing in two ways: whichever is said at the higher place counts.
_RIVALS = (("region", "base_url"), ("mask_key", "mask_key_file"), ("target", "target_file"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where settings were said: what a key is called there, and the values."""

    call: Callable[[str], str]
    said: dict[str, Any]
    #: What relative paths are taken from.
    folder: Path = Path()


def settle_rivals(places: Sequence[Place]) -> Iterator[str]:
    """Forgets the lower of two rivals; yields what is wrong where one place says both."""
    for one, other in _RIVALS:
        for at, place in enumerate(places):
            if one in place.said and other in place.said:
                yield f"{place.call(one)} and {place.call(other)} exclude one another: give one of them"
            if one in place.said or other in place.said:
                for lower in places[at + 1 :]:
                    lower.said.pop(one, None)
                    lower.said.pop(other, None)
                break


def where_said(keys: Iterable[str], places: Sequence[Place]) -> dict[str, str]:
    """What each key is called where its value is from, whether it can be read or not."""
    said = {key: [place for place in places if key in place.said] for key in keys}
    return {key: first[0].call(key) for key, first in said.items() if first}


def value_of(name: str, key: Key, places: Sequence[Place]) -> tuple[Any, str]:
    """The value, None where there is none; and what is wrong with it."""
    for place in places:
        if name not in place.said:
            continue
        try:
            value = key.read(place.said[name])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            shown = "" if key.secret else f" is {place.said[name]!r:.80}, but"
            return None, f"{place.call(name)}{shown} must be {key.expects}"
        return place.folder / value if isinstance(value, Path) else value, ""
    return None, ""
