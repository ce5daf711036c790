r"""Rows as the delimited text that both COPY and LOAD DATA read: tabs, backslash escapes, \N for NULL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replicator.rows import Row

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def delimited(rows: Sequence[Row]) -> bytes:
    """The lines of the rows. Hot path: only a line that holds something to escape is escaped value by value."""
    lines = [
        "\t".join(["\\N" if value is None else value if type(value) is str else repr(value) for value in row])
        for row in rows
    ]
    text = "\n".join(lines)
    if not _is_sound(text, rows):
        text = "\n".join(
            [line if _is_sound(line, (row,)) else _escaped(row) for line, row in zip(lines, rows, strict=True)]
        )
    return (text + "\n").encode() if rows else b""


def _is_sound(text: str, rows: Sequence[Row]) -> bool:
    """Whether the tabs, line ends and backslashes are all ours."""
    width = len(rows[0]) if rows else 0
    return (
        text.count("\\") == sum([row.count(None) for row in rows])
        and text.count("\t") == len(rows) * (width - 1)
        and text.count("\n") == len(rows) - 1
        and "\r" not in text
    )


def _escaped(row: Row) -> str:
    return "\t".join([_field(value) for value in row])


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if type(value) is str else repr(value)
