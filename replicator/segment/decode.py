"""A page's bytes as JSON values, exactly, and whether a database can hold them as they are.

msgspec decodes the whole page at once. Where it refuses (a lone surrogate, NaN, broken UTF-8, nesting without end), the
records are cut out and decoded one by one with the standard library: what cannot be a JSON value becomes Broken, alone
(reliability.md: H9, D14, D15, D19).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from replicator import exact

from . import splitter

if TYPE_CHECKING:
    from .splitter import Span

_BOM = b"\xef\xbb\xbf"
_DIGITS = bytes.maketrans(b"0123456789", b"0000000000")
#: 2^63 has 19 digits.
_LONG_NUMBER = b"0" * 19
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"[]", b"{}")
#: No record of the contract nests deeper; what seems to is looked at closely.
_USUAL_DEPTH = 48
#: So many decimal digits survive a float and back.
_SURE_DIGITS = 15


class Unreadable(Exception):
    """The body is no JSON: it was cut or broken on the way."""


class OffContract(Exception):
    """The body is JSON, but not what the contract says."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One record that is no JSON value we can hold."""

    raw: bytes
    reason: str


class Data(NamedTuple):
    """`data` of an answer. `plain` promises that every database holds its values as they are."""

    data: dict[str, Any]
    plain: bool


def decode(body: bytes, lists: Collection[str]) -> Data:
    """The answer's `data`.

    If it is not decodable as a whole, the members in `lists` are decoded element by element and the others member by
    member, and Broken stands in the place of what is not decodable.
    """
    body = body.removeprefix(_BOM)
    found = _at_once(body)
    if found is None:
        try:
            return Data(_piecemeal(body, lists), plain=False)
        except splitter.Cut as cut:
            raise Unreadable(f"its JSON is broken ({cut})") from None
    answer, plain = found
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise OffContract("it has no data")
    _refuse_errors(answer.get("errors"))
    return Data(data, plain)


class _Numbers:
    """Floats of one page; `exact` remembers whether one of them needed a Decimal."""

    needed_decimal = False

    def __call__(self, text: str) -> int | float | Decimal:
        if len(text) <= _SURE_DIGITS and "e" not in text and "E" not in text:
            near = float(text)
            kept = not near.is_integer() or (near == 0 and text[0] == "-")
            return near if kept else int(near)
        value = exact.number(text)
        self.needed_decimal |= isinstance(value, Decimal)
        return value


def _at_once(body: bytes) -> tuple[Any, bool] | None:
    if _seems_deep(body):
        return None
    numbers = _Numbers()
    try:
        answer = msgspec.json.Decoder(float_hook=numbers).decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return None
    # msgspec refuses lone surrogates, so NUL is the only character left that a database refuses.
    # The lone backslash is found, or not found, ten times as fast.
    has_nul = b"\\" in body and b"\\u0000" in body
    plain = not (numbers.needed_decimal or has_nul or _LONG_NUMBER in body.translate(_DIGITS))
    return answer, plain


def _seems_deep(body: bytes) -> bool:
    """Cheap and never wrong but for brackets inside of strings: strip the innermost pairs until none is left."""
    brackets = body.translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(_USUAL_DEPTH):
        shorter = brackets.replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return len(brackets) > _USUAL_DEPTH


def _piecemeal(body: bytes, lists: Collection[str]) -> dict[str, Any]:
    top = splitter.whole(body)
    if body[top.start : top.start + 1] != b"{":
        raise Unreadable("it is no JSON")
    found = dict(splitter.members(body, top))
    data, errors = found.get("data"), found.get("errors")
    if data is None or body[data.start : data.start + 1] != b"{":
        raise OffContract("it has no data")
    _refuse_errors(_one(body, errors) if errors else None)
    return {key: _member(body, span, key in lists) for key, span in splitter.members(body, data)}


def _refuse_errors(errors: Any) -> None:
    """The contract says that there is one or the other; nobody knows what such data lacks."""
    if errors:
        raise OffContract("it holds errors beside its data")


def _member(body: bytes, span: Span, is_list: bool) -> Any:  # noqa: FBT001 - private
    if is_list and body[span.start : span.start + 1] == b"[":
        return [_one(body, element) for element in splitter.elements(body, span)]
    return _one(body, span)


def _one(body: bytes, span: Span) -> Any:
    raw = body[span.start : span.end]
    if span.depth > exact.MAX_DEPTH:
        return Broken(raw, f"it nests {span.depth} levels deep, more than {exact.MAX_DEPTH}")
    try:
        return json.loads(
            raw.decode(), parse_float=exact.number, parse_int=exact.integer, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        return Broken(raw, "it is not UTF-8")
    except ArithmeticError:
        return Broken(raw, "it holds a number with an absurd exponent")
    except ValueError as error:
        return Broken(raw, f"it is no JSON ({str(error).partition(':')[0]})")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
