"""Rows as the delimited text that both COPY and LOAD DATA read: tabs, backslash escapes, \\N for NULL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replicator.rows import Row

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def delimited(rows: Iterable[Row]) -> bytes:
    """The lines of the rows. Hot path: a line is escaped value by value only when it holds something to escape."""
    lines: list[str] = []
    add = lines.append
    for row in rows:
        line = "\t".join(["\\N" if value is None else value if type(value) is str else repr(value) for value in row])
        if (
            line.count("\\") != row.count(None)
            or line.count("\t") != len(row) - 1
            or "\n" in line
            or "\r" in line
        ):
            line = "\t".join([_escaped(value) for value in row])
        add(line)
    lines.append("")
    return "\n".join(lines).encode()


def _escaped(value: Any) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if type(value) is str else repr(value)
