"""Three-way merge of text by lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

#: str.splitlines would also split at form feeds and U+2028, which are no line ends in code.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def merge_lines(base: str, local: str, remote: str) -> str | None:
    """The text with both sides' edits; None where they touch the same or adjacent lines and differ."""
    was, ours, theirs = (_LINE.findall(text) for text in (base, local, remote))
    merged: list[str] = []
    a = b = c = 0
    for was_at, ours_at, theirs_at in _kept(was, ours, theirs):
        chunk = _choose(was[a:was_at], ours[b:ours_at], theirs[c:theirs_at])
        if chunk is None:
            return None
        merged += chunk
        merged += was[was_at : was_at + 1]
        a, b, c = was_at + 1, ours_at + 1, theirs_at + 1
    return "".join(merged)


def _kept(was: list[str], ours: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where each line that all three share lies in them, and at last their ends."""
    in_ours, in_theirs = _places(was, ours), _places(was, theirs)
    for place in sorted(in_ours.keys() & in_theirs.keys()):
        yield place, in_ours[place], in_theirs[place]
    yield len(was), len(ours), len(theirs)


def _places(was: list[str], now: list[str]) -> dict[int, int]:
    blocks = SequenceMatcher(None, was, now, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}


def _choose(was: list[str], ours: list[str], theirs: list[str]) -> list[str] | None:
    if ours in (theirs, was):
        return theirs
    return ours if theirs == was else None
