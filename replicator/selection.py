"""Which columns people may leave out or mask, and what is wrong with what they asked for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING

from replicator.catalog import OBJECTS, find
from replicator.catalog.model import Type
from replicator.errors import ConfigError

if TYPE_CHECKING:
    from replicator.catalog.model import Object

#: A mask is a text, and so is what these hold.
MASKABLE = frozenset({Type.TEXT, Type.JSON})


def needed(thing: Object) -> frozenset[str]:
    """The columns that rows are found by, asked for by, or dated by: they stay as they are."""
    own = {*thing.key, thing.tracked_by, *(column.name for column in thing.columns if column.given)}
    gets = thing.detail.params.values() if thing.detail else ()
    children = [parent for each in OBJECTS for parent in each.parents if parent.object == thing.name]
    asked = chain.from_iterable((*parent.params.values(), *parent.where) for parent in children)
    # What happened, and to what: events bring a reread forward, and say who changed a record.
    events = ("type", "resource_id", "resource_type") if thing.name == "AuditEvents" else ()
    return frozenset((*own, *gets, *asked, *events)) - {""}


def problems(leave_out: Collection[str], masked: Collection[str], plain: Collection[str] = ()) -> Iterator[str]:
    """What is wrong with these "Object.column" names, one sentence each. UsageError: there is no such object."""
    named: dict[str, str] = {}
    for setting, names in (("leave_out", leave_out), ("masked", masked), ("plain_secrets", plain)):
        for name in sorted(names):
            if why := _problem(setting, name):
                yield f"{setting}: {why}"
            elif (other := named.setdefault(canonical(name), setting)) != setting:
                yield f"{setting}: {canonical(name)} is in {other} too; give it in one of them"


def _problem(setting: str, name: str) -> str:
    word, _, column = name.partition(".")
    thing = find(word)
    known = {each.name: each for each in thing.columns}
    if setting == "plain_secrets":
        secret = [each.name for each in known.values() if each.secret]
        return "" if column in secret else f"{thing.name} has no secret column {column}; {_those('secret', secret)}"
    if column not in known:
        near = get_close_matches(column, known, n=1, cutoff=0.0)
        return f"{thing.name} has no column {column}; the nearest is {near[0]}"
    if column in needed(thing):
        return f"{thing.name}.{column} must stay as it is, because rows are found or asked for by it"
    if setting == "masked" and known[column].type not in MASKABLE:
        maskable = sorted(
            each.name for each in known.values() if each.type in MASKABLE and each.name not in needed(thing)
        )
        kind = known[column].type.value
        return (
            f"{thing.name}.{column} holds a {kind}, and a mask is a text: leave it out; {_those('maskable', maskable)}"
        )
    return ""


def _those(kind: str, names: list[str]) -> str:
    return f"its {kind} columns: {', '.join(names) or 'none'}"


def canonical(name: str) -> str:
    """users.email -> Users.email."""
    thing, _, column = name.partition(".")
    return f"{find(thing).name}.{column}"


def checked(leave_out: Collection[str], masked: Collection[str], plain: Collection[str]) -> list[frozenset[str]]:
    """The three, their objects spelled as in the catalog. Raises ConfigError, which names every problem."""
    if found := list(problems(leave_out, masked, plain)):
        raise ConfigError(f"{found[0]}." if len(found) == 1 else "\n  - ".join(["Columns are named wrongly:", *found]))
    return [frozenset(map(canonical, names)) for names in (leave_out, masked, plain)]
