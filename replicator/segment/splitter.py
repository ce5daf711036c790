"""Where the values of a JSON text begin and end, without decoding them and without recursion.

For pages that the decoder refuses: the records are cut out as bytes, so that each can be tried on its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

# Possessive (*+): no backtracking, so a hostile text costs no more than its length.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# The lone quote comes last: it matches only where a string does not end.
_STRUCTURE = re.compile(_STRING + rb'|[\[\]{}"]', re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(rb'[^\s,\[\]{}":]++')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_OPENS = {b"{": b"}", b"[": b"]"}


class Cut(ValueError):
    """The text ends too early, or its brackets do not match: there is nothing to split."""


class Span(NamedTuple):
    start: int
    end: int
    #: How deep the value nests: 0 for a scalar.
    depth: int


def value(raw: bytes, at: int) -> Span:
    """The value that begins here; only its brackets and strings are looked at."""
    first = raw[at : at + 1]
    if first in _OPENS:
        return _nested(raw, at)
    found = (_TEXT if first == b'"' else _SCALAR).match(raw, at)
    if not found:
        raise Cut(f"no value at byte {at}")
    return Span(at, found.end(), 0)


def _nested(raw: bytes, at: int) -> Span:
    closers: list[bytes] = []
    depth = 0
    for token in _STRUCTURE.finditer(raw, at):
        mark = token.group()
        if mark in _OPENS:
            closers.append(_OPENS[mark])
            depth = max(depth, len(closers))
        elif mark in (b"}", b"]"):
            if closers.pop() != mark:
                raise Cut(f"a bracket of the wrong kind at byte {token.start()}")
            if not closers:
                return Span(at, token.end(), depth)
        elif mark == b'"':
            raise Cut("a string does not end")
    raise Cut("a bracket is not closed")


def members(raw: bytes, span: Span) -> Iterator[tuple[str, Span]]:
    """The members of an object, in their order."""
    at = _open(raw, span, b"{")
    while raw[at : at + 1] != b"}":
        key = value(raw, at)
        colon = _skip(raw, key.end)
        if raw[at : at + 1] != b'"' or raw[colon : colon + 1] != b":":
            raise Cut(f"no key at byte {at}")
        found = value(raw, _skip(raw, colon + 1))
        yield _key(raw[key.start : key.end]), found
        at = _next(raw, found.end, b"}")


def elements(raw: bytes, span: Span) -> Iterator[Span]:
    """The elements of an array, in their order."""
    at = _open(raw, span, b"[")
    while raw[at : at + 1] != b"]":
        found = value(raw, at)
        yield found
        at = _next(raw, found.end, b"]")


def whole(raw: bytes) -> Span:
    """The one value of the text, with nothing but space around it."""
    found = value(raw, _skip(raw, 0))
    if _skip(raw, found.end) != len(raw):
        raise Cut("something follows the value")
    return found


def _open(raw: bytes, span: Span, bracket: bytes) -> int:
    if raw[span.start : span.start + 1] != bracket:
        raise Cut(f"not {bracket.decode()} at byte {span.start}")
    return _skip(raw, span.start + 1)


def _next(raw: bytes, at: int, closer: bytes) -> int:
    """Where the next value begins, or the closing bracket; a comma must not come before the latter."""
    at = _skip(raw, at)
    mark = raw[at : at + 1]
    if mark == closer:
        return at
    after = _skip(raw, at + 1)
    if mark != b"," or raw[after : after + 1] == closer:
        raise Cut(f"no comma at byte {at}")
    return after


def _skip(raw: bytes, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _key(raw: bytes) -> str:
    """Our keys are plain ASCII; whatever else a key is must only not be mistaken for one of them."""
    try:
        return str(json.loads(raw.decode("utf-8", "surrogateescape")))
    except ValueError:
        return raw.decode("latin-1")
