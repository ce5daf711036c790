"""How the server behaves where the contract leaves it open ("unverified" in resources.md): switches, safest first."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What is answered instead of what may not be seen: a status, or an empty list (404 for what is no list).
Unseen = Literal[401, 403, 404, "empty"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    #: A change of a rule moves its tracking plan's `updatedAt`. Unverified: a client must not rely on it.
    rules_touch_plan: bool = False
    #: PUT replaces the rules of a plan that has more than 200 of them. It was seen to be refused with 400.
    replace_many_rules: bool = False
    #: Removing a rule that the plan does not have is refused with 404. Unverified.
    refuse_unknown_rules: bool = False
    #: A deployment takes the id of an instance of a source function (`sfn_`) alone, not that of the function (`sfnc_`).
    #: Stated by examples only; no read tells the ids of instances, so here they are those of the functions.
    deploy_instances_only: bool = False
    #: Writes that the contract names no audit event for leave one all the same, as the app's own trail shows.
    audit_unnamed: bool = False
    #: Seconds until the audit trail shows an event. Unverified.
    audit_delay: float = 0.0
    #: Seconds until a read shows what was written. None is stated; 0 is what most clients are written for.
    read_delay: float = 0.0
    #: Fields that a request's schema does not know are refused with 422 instead of ignored.
    strict: bool = False
    #: Bytes of a request's body above which it is answered by 413.
    largest_body: int = 5_000_000
    #: To a token without the permission. 401 is documented to cover that, and no 403 is.
    missing_permission: Unseen = 401
    #: To a workspace that has not bought the feature. Unverified; 403 cannot be taken for a revoked token.
    missing_feature: Unseen = 403
    #: To a token whose roles are for other records than this one. Unverified.
    hidden_record: Unseen = 404
    #: To a token of the other region: its workspace is unknown here, or seems to hold nothing.
    other_region: Literal[401, "empty"] = 401


def behaviour_of(pairs: Iterable[str]) -> Behaviour:
    """From texts such as `audit_unnamed=true`; raises a ValueError that says which cannot be read."""
    kinds = get_type_hints(Behaviour)
    chosen = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in kinds:
            near = get_close_matches(name, kinds, n=1)
            raise ValueError(f"there is no switch {name!r}" + (f"; the nearest is {near[0]}" if near else ""))
        chosen[name] = _value(value)
        try:
            msgspec.convert({name: chosen[name]}, Behaviour)
        except msgspec.ValidationError:
            raise ValueError(f"{name} cannot be {value!r}, but must be {_expected(kinds[name])}") from None
    return msgspec.convert(chosen, Behaviour)


def _expected(kind: Any) -> str:
    """In words: true or false, a number, or one of those that there are."""
    if words := [str(each) for each in get_args(kind)]:
        return f"{', '.join(words[:-1])} or {words[-1]}"
    return {bool: "true or false", float: "a number", int: "a whole number"}[kind]


def _value(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
