"""Every kind of fault: what its value is, which options it takes, and what it does. docs/faults.md tells them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import answers, delivery, listings, refusals, values

if TYPE_CHECKING:
    from replicator.sandbox.messages import Delivery, Request, Response

    from .model import Fault
    from .values import Reader

CERTIFICATES = ("expired", "wrong-host", "self-signed")


@dataclass(frozen=True, slots=True)
class Instead:
    """Another answer in place of the sandbox's, which is not even asked unless `effect` is done."""

    answer: Callable[[Fault, Request, datetime], Response]


@dataclass(frozen=True, slots=True)
class Change:
    """A good answer, changed; None where there is nothing to change."""

    change: Callable[[Fault, Response, dict[str, Any]], Response | None]


@dataclass(frozen=True, slots=True)
class Page:
    """A good page, changed with the help of its neighbours."""

    change: Callable[[Fault, Request, Response, Callable[[Request], Response]], Response | None]


@dataclass(frozen=True, slots=True)
class Wire:
    """Whatever the answer is, it goes over the wire in this way."""

    change: Callable[[Fault, Delivery], Delivery]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another workspace answers."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The connection gets another certificate, before there is any request."""


Act = Instead | Change | Page | Wire | Elsewhere | Handshake


@dataclass(frozen=True, slots=True)
class Kind:
    act: Act
    value: Reader = values.flag
    #: The value where the kind is merely named; None if it has to be given.
    default: Any = None
    options: Mapping[str, Reader] = field(default_factory=dict)
    #: The value is how many requests go well before.
    value_is_after: bool = False
    #: Which requests there is something to do for; the others are not counted.
    asks: Callable[[Request], bool] = lambda _: True


_EFFECT = {"effect": values.words("none", "done")}
_PLACE = {"field": values.text, "record": values.whole(0)}
_CODE = {"code": values.whole(300, 599)}

KINDS: Mapping[str, Kind] = {
    # Another answer.
    "status": Kind(
        Instead(refusals.status),
        values.whole(200, 599),
        options={
            **_EFFECT,
            "retry_after": values.retry_after,
            "body": values.words("json", "html", "empty"),
        },
    ),
    "redirect": Kind(Instead(refusals.redirect), values.address, options=_EFFECT | _CODE),
    "html200": Kind(Instead(refusals.html), default=True, options=_EFFECT),
    "data_null": Kind(Instead(refusals.null_data), default=True, options=_EFFECT),
    "empty_object": Kind(Instead(refusals.empty_object), default=True, options=_EFFECT),
    "forbid": Kind(Instead(refusals.forbidden), default=True, options=_CODE),
    "revoke_after": Kind(Instead(refusals.unauthorized), values.whole(0), value_is_after=True),
    "cursor_expire": Kind(
        Instead(refusals.expired_cursor),
        default=True,
        options=_CODE,
        asks=lambda request: bool(listings.cursor_of(request)),
    ),
    "workspace_switch": Kind(Elsewhere(), default=True),
    # Bytes that are no JSON, or none that everybody can hold.
    "bad_json": Kind(Change(answers.broken_json), default=True),
    "bom": Kind(Change(answers.byte_order_mark), default=True),
    "nan": Kind(Change(answers.not_a_number), values.words("nan", "infinity", "-infinity"), "nan", _PLACE),
    "dup_keys": Kind(Change(answers.duplicate_keys), default=True, options=_PLACE),
    "lone_surrogate": Kind(Change(answers.lone_surrogate), default=True, options=_PLACE),
    "nul": Kind(Change(answers.nul), default=True, options=_PLACE),
    "huge_integer": Kind(Change(answers.huge_integer), values.whole(1, 10**7), 5_000, _PLACE),
    "deep_nesting": Kind(Change(answers.deep_nesting), values.whole(1, 10**7), 100_000, _PLACE),
    "gzip_bomb": Kind(Change(answers.gzip_bomb), values.size, 2**28),
    "content_type": Kind(Change(answers.content_type), values.text),
    # Lists and their pages.
    "missing_list": Kind(Change(answers.missing_list), default=True),
    "wrong_total": Kind(Change(answers.wrong_total), values.whole(-(2**31)), 1),
    "empty_page": Kind(Page(listings.empty_page), default=True),
    "dup_page": Kind(Page(listings.duplicate_page), default=True),
    "drop_page": Kind(Page(listings.drop_page), default=True),
    "insert": Kind(Page(listings.insert), values.whole(1, 1000), 1),
    "delete": Kind(Page(listings.delete), values.whole(1, 1000), 1),
    "cursor_loop": Kind(Page(listings.cursor_loop), values.words("self", "start"), "self"),
    # Fields.
    "blank_field": Kind(Change(answers.blank_field), values.names),
    "add_field": Kind(Change(answers.add_field), values.names),
    "remove_field": Kind(Change(answers.remove_field), values.names),
    "rename_field": Kind(Change(answers.rename_field), values.renaming),
    "retype_field": Kind(Change(answers.retype_field), values.names),
    "schema": Kind(Change(answers.later_schema), values.whole(0), 1),
    # The wire.
    "delay": Kind(Wire(delivery.delay), values.number(3600), options={"effect": values.words("done", "late")}),
    "drip": Kind(Wire(delivery.drip), values.whole(1)),
    "truncate_at": Kind(
        Wire(delivery.truncate),
        values.size,
        options={
            "framing": values.words("length", "chunked", "close"),
            "ending": values.words("close", "reset"),
        },
    ),
    "reset": Kind(Wire(delivery.reset), values.words("before", "after"), "before"),
    "lose_response": Kind(Wire(delivery.lose_response), default=True, options={"hang": values.number(3600)}),
    "body_bytes": Kind(Wire(delivery.large_body), values.size, 2**30),
    "tls": Kind(Handshake(), values.words(*CERTIFICATES)),
}


def keeps_from(fault: Fault) -> bool:
    """Whether the sandbox is not asked at all, so that a write has no effect."""
    match KINDS[fault.kind].act:
        case Instead():
            return bool(fault.options.get("effect", "none") == "none")
        case Wire():
            return fault.kind == "reset" and bool(fault.value == "before")
        case _:
            return False


def waits_before(fault: Fault) -> float:
    """Seconds before the sandbox is asked."""
    late = fault.kind == "delay" and fault.options.get("effect") == "late"
    return float(fault.value) if late else 0.0
