r"""Rows as the delimited text that both COPY and LOAD DATA read, and back: tabs, backslash escapes, \N for NULL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from replicator.catalog.model import Type

if TYPE_CHECKING:
    from replicator.rows import Row

_NULL = "\\N"
#: So many rows stay in the processor's cache meanwhile.
_AT_ONCE = 200
#: The backslash first: the others bring their own.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"t": "\t", "n": "\n", "r": "\r"}
_READ: dict[Type, Callable[[str], Any]] = {Type.INTEGER: int, Type.BOOLEAN: int, Type.NUMBER: float}


def delimited(rows: Sequence[Row]) -> bytes:
    """The lines of the rows. Hot path: column by column, because most columns are text with nothing to escape."""
    return b"".join([_lines(rows[at : at + _AT_ONCE]) for at in range(0, len(rows), _AT_ONCE)])


def _lines(rows: Sequence[Row]) -> bytes:
    columns = [_texts(values) for values in zip(*rows, strict=True)]
    return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()


def _texts(values: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, values))
    texts = values if kinds == {str} else [value for value in values if type(value) is str]
    whole = "".join(texts)
    if any(special in whole for special, _ in _ESCAPES):
        return [_escaped(value) if type(value) is str else _other(value) for value in values]
    return values if kinds == {str} else [value if type(value) is str else _other(value) for value in values]


def _other(value: Any) -> str:
    return _NULL if value is None else repr(value)


def _escaped(value: str) -> str:
    for special, escape in _ESCAPES:
        value = value.replace(special, escape)
    return value


def undelimited(lines: bytes, kinds: Sequence[Type]) -> list[Row]:
    """The rows of those lines; `kinds` has the type of each of their values."""
    read = [_READ.get(kind, _meant) for kind in kinds]
    return [
        tuple([None if text == _NULL else of(text) for of, text in zip(read, line.split("\t"), strict=True)])
        for line in lines.decode().split("\n")[:-1]
    ]


def _meant(text: str) -> str:
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), text) if "\\" in text else text
