"""What differs between two values, line by line: code as it stands, everything else as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Kind = Literal["same", "gone", "new", "skip", "note"]
#: What stays around a change, and how much of a diff is shown.
_AROUND, LONGEST = 3, 2000
#: Of so many lines, frequent ones are looked at less closely, lest it take minutes.
_LONG = 5000


@dataclass(frozen=True, slots=True)
class Line:
    """`gone` is in the first value alone, `new` in the second; `skip` stands for equal lines that are left out."""

    kind: Kind
    text: str


def lines_of(value: Any) -> list[str]:
    """The value as people read it; none for no value."""
    if value is None:
        return []
    if isinstance(value, str):
        return value.split("\n")
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str).split("\n")


def differing(before: Any, after: Any, *, around: int = _AROUND) -> list[Line]:
    """Their unified diff, at most LONGEST lines of it; empty for equal ones."""
    first, second = lines_of(before), lines_of(after)
    if first == second:
        # 1 and "1" look alike.
        return [Line("note", "Only the kind of the value differs.")] if before != after else []
    found = list(_lines(first, second, around))
    if len(found) > LONGEST:
        return [*found[:LONGEST], Line("note", f"{len(found) - LONGEST:,} more lines are not shown.")]
    return found


def _lines(first: list[str], second: list[str], around: int) -> Iterator[Line]:
    matcher = SequenceMatcher(None, first, second, autojunk=len(second) > _LONG)
    at = 0
    for group in matcher.get_grouped_opcodes(around):
        if skipped := group[0][1] - at:
            yield Line("skip", f"{skipped:,} equal lines")
        for tag, begin, end, other, until in group:
            if tag == "equal":
                yield from (Line("same", text) for text in first[begin:end])
            else:
                yield from (Line("gone", text) for text in first[begin:end])
                yield from (Line("new", text) for text in second[other:until])
        at = group[-1][2]
    if skipped := len(first) - at:
        yield Line("skip", f"{skipped:,} equal lines")


def short(value: Any, most: int = 80) -> str | None:
    """The value on one line, where it fits there."""
    if isinstance(value, str) and "\n" not in value:
        text = value
    elif isinstance(value, str):
        return None
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else None
