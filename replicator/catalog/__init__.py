"""Every Segment object that can be read, and how to find one by any spelling of its name.

An object is described in one of this package's files, by domain, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from types import MappingProxyType

from replicator.catalog import (
    audiences,
    connections,
    delivery,
    functions,
    iam,
    integrations,
    privacy,
    profiles,
    protocols,
    reverse_etl,
    space_schema,
    usage,
    warehouses,
)
from replicator.catalog.costs import Cost, cost
from replicator.catalog.model import GROUPS, Object
from replicator.errors import UsageError

__all__ = ["GROUPS", "LEFT_OUT", "OBJECTS", "Cost", "Object", "by_name", "cost", "find", "select", "with_parents"]

_DECLARED: tuple[Object, ...] = (
    *iam.OBJECTS,
    *connections.OBJECTS,
    *warehouses.OBJECTS,
    *protocols.OBJECTS,
    *functions.OBJECTS,
    *privacy.OBJECTS,
    *integrations.OBJECTS,
    *usage.OBJECTS,
    *delivery.OBJECTS,
    *reverse_etl.OBJECTS,
    *profiles.OBJECTS,
    *audiences.OBJECTS,
    *space_schema.OBJECTS,
)

#: What the API can read and the product cannot replicate.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "AudiencePreviews": "nothing lists them, so their ids are known only to who created them",
        "Echo": "it answers what it was asked, to test a connection",
    }
)

by_name: Mapping[str, Object] = MappingProxyType({declared.name: declared for declared in _DECLARED})


def with_parents(objects: Iterable[Object]) -> tuple[Object, ...]:
    """Those objects and all that their listings need to know the rows of, parents first, each once."""
    ordered: dict[str, Object] = {}

    def visit(wanted: Object) -> None:
        if wanted.name not in ordered:
            for parent in wanted.parents:
                visit(by_name[parent.object])
            ordered[wanted.name] = wanted

    for wanted in objects:
        visit(wanted)
    return tuple(ordered.values())


#: Every object, parents before children.
OBJECTS: tuple[Object, ...] = with_parents(_DECLARED)


def _plain(word: str) -> str:
    """TrackingPlans, tracking_plans and TRACKINGPLANS are one name."""
    return word.replace("_", "").lower()


_BY_PLAIN_NAME = {_plain(declared.name): declared for declared in OBJECTS}
#: How alike a word and a name are, of 1, for the name to be proposed.
_ALIKE = 0.5
_LEFT_OUT_PLAIN = {_plain(name): name for name in LEFT_OUT}


def _nearest(word: str, names: Iterable[str]) -> str:
    """A name that may have been meant, as the end of a sentence; else where the names stand."""
    likeness = {name: SequenceMatcher(None, _plain(word), _plain(name)).ratio() for name in names}
    nearest = max(likeness, key=likeness.__getitem__)
    return f"the nearest is {nearest}" if likeness[nearest] >= _ALIKE else "`replicator objects` lists them"


def find(name: str) -> Object:
    """The object of that name in any spelling: TrackingPlans, tracking_plans, trackingplans."""
    plain = _plain(name)
    if plain in _BY_PLAIN_NAME:
        return _BY_PLAIN_NAME[plain]
    if plain in _LEFT_OUT_PLAIN:
        raise UsageError(_cannot_be_replicated(plain))
    raise UsageError(f'There is no object "{name}"; {_nearest(name, by_name)}.')


def _cannot_be_replicated(plain: str) -> str:
    name = _LEFT_OUT_PLAIN[plain]
    return f"{name} cannot be replicated: {LEFT_OUT[name]}."


def _matches(word: str) -> set[str]:
    """The names that one word stands for: a group, a glob or an object."""
    plain = _plain(word)
    if plain == "all":
        return set(by_name)
    if plain in GROUPS:
        return {declared.name for declared in OBJECTS if plain in declared.groups}
    if any(character in word for character in "*?["):
        matched = {known.name for known_as, known in _BY_PLAIN_NAME.items() if fnmatchcase(known_as, plain)}
    else:
        matched = {_BY_PLAIN_NAME[plain].name} if plain in _BY_PLAIN_NAME else set()
    if matched:
        return matched
    if plain in _LEFT_OUT_PLAIN:
        raise UsageError(_cannot_be_replicated(plain))
    raise UsageError(f'No object or group is called "{word}"; {_nearest(word, (*by_name, *GROUPS))}.')


def select(words: Sequence[str]) -> tuple[Object, ...]:
    """The objects meant by names, groups and globs, less those with a dash in front, in the catalog's order.

    The order of the words does not matter. Without a word that adds something, `core` is what the dashes take from.
    """
    added, taken = _added_and_taken(words)
    names = set[str]().union(*map(_matches, added)).difference(*map(_matches, taken))
    return tuple(declared for declared in OBJECTS if declared.name in names)


def select_for_run(words: Sequence[str]) -> tuple[Object, ...]:
    """The same for a run, which brings parents along, but never one that a dash leaves out by its name.

    What is listed for each record of that one is left out, too. Groups and patterns only take from what is asked for.

    Raises UsageError for an object that is named although what it is listed for is left out.
    """
    added, taken = _added_and_taken(words)
    left_out = {named.name for word in taken if (named := _BY_PLAIN_NAME.get(_plain(word)))}
    missing: dict[str, str] = {}
    for declared in OBJECTS:
        parents = (parent.object for parent in declared.parents if parent.object in left_out)
        if declared.name not in left_out and (parent := next(parents, None)):
            missing[declared.name] = parent
            left_out.add(declared.name)
    for word in added:
        named = _BY_PLAIN_NAME.get(_plain(word))
        if named and (parent := missing.get(named.name)):
            raise UsageError(f"{named.name} is listed for each of {parent}, which is left out: take both or neither.")
    return tuple(declared for declared in select(words) if declared.name not in missing)


def _added_and_taken(words: Sequence[str]) -> tuple[list[str], list[str]]:
    added = [word for word in words if not word.startswith("-")] or ["core"]
    return added, [word[1:] for word in words if word.startswith("-")]
