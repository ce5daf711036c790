"""Merges a record field by field, each as finely as its shape allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replicator.merge.lines import merge_lines
from replicator.merge.model import (
    ABSENT,
    Both,
    Change,
    Clash,
    Conflict,
    Equal,
    Path,
    Pull,
    Push,
    Record,
    Result,
    Shape,
    Side,
)
from replicator.merge.values import agrees, holds_mask, masked, present, same, text_of

#: Keywords of JSON Schema whose lists are sets, and those whose values are data and no schemas.
_SETS = frozenset({"required", "enum", "type"})
_DATA = frozenset({"const", "default", "examples"})


def merge(
    base: Record, local: Record, remote: Record, shapes: Mapping[str, Shape], prefer: Side | None = None
) -> Result:
    """What makes the two sides equal without losing an edit of either; a field without a shape is merged whole.

    A null or empty field is the same as an absent one. What was added on both sides and differs is a conflict, so that
    with an empty base (nothing is known of an earlier sync) equal records are adopted and unequal ones wait. A masked
    secret is no edit and is never pushed. `prefer` decides what would be a conflict otherwise, but for a masked secret.
    """
    trace = _Trace(prefer)
    value: Record = {}
    for name in sorted(base.keys() | local.keys() | remote.keys()):
        was, ours, theirs = (present(side.get(name)) for side in (base, local, remote))
        _put(value, name, _merge(trace, (name,), was, ours, theirs, shapes.get(name, Shape.WHOLE)))
    return trace.result(value, base, local, remote)


@dataclass(slots=True)
class _Trace:
    prefer: Side | None = None
    pushed: list[Change] = field(default_factory=list)
    pulled: list[Change] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)

    def settle(self, path: Path, local: Any, remote: Any, merged: Any) -> Any:
        if not same(merged, remote):
            self.pushed.append(Change(path, remote, merged))
        if not same(merged, local):
            self.pulled.append(Change(path, local, merged))
        return merged

    def result(self, value: Record, base: Record, local: Record, remote: Record) -> Result:
        if self.clashes:
            return Conflict(base, local, remote, tuple(self.clashes))
        match bool(self.pushed), bool(self.pulled):
            case True, True:
                return Both(value, tuple(self.pushed), tuple(self.pulled))
            case True, False:
                return Push(value, tuple(self.pushed))
            case False, True:
                return Pull(value, tuple(self.pulled))
            case _:
                return Equal(value)


def _put(into: Record, name: str, value: Any) -> None:
    if value is not ABSENT:
        into[name] = value


def _merge(trace: _Trace, path: Path, base: Any, local: Any, remote: Any, shape: Shape) -> Any:
    local, remote = (base if masked(side) else side for side in (local, remote))
    if same(local, remote):
        return local
    sides = (base, local, remote)
    if shape is Shape.SCHEMA and all(isinstance(side, dict) for side in sides):
        return _schema(trace, path, base, local, remote)
    if shape is Shape.NAMED and all(map(_has_names, sides)):
        return _named(trace, path, base, local, remote)
    if shape is Shape.SET and all(isinstance(side, list) for side in sides) and not holds_mask(local):
        return _set(trace, path, base, local, remote)
    return _one(trace, path, base, local, remote, shape)


def _one(trace: _Trace, path: Path, base: Any, local: Any, remote: Any, shape: Shape) -> Any:
    if same(local, base):
        return trace.settle(path, local, remote, remote)
    if holds_mask(local):
        trace.clashes.append(Clash(path, "a masked secret cannot be sent", base, local, remote))
        return base
    if agrees(remote, base):
        return trace.settle(path, local, remote, local)
    if shape is Shape.LINES and all(isinstance(side, str) for side in (base, local, remote)):
        merged = merge_lines(base, local, remote)
        if merged is not None:
            return trace.settle(path, local, remote, merged)
    if trace.prefer:
        return trace.settle(path, local, remote, local if trace.prefer == "local" else remote)
    trace.clashes.append(Clash(path, _reason(base, local, remote), base, local, remote))
    return base


def _reason(base: Any, local: Any, remote: Any) -> str:
    if local is ABSENT:
        return "deleted in the replica, edited in the workspace"
    if remote is ABSENT:
        return "edited in the replica, deleted in the workspace"
    return "added differently on both sides" if base is ABSENT else "edited differently on both sides"


def _schema(trace: _Trace, path: Path, base: Record, local: Record, remote: Record) -> Record:
    merged: Record = {}
    for name in sorted(base.keys() | local.keys() | remote.keys()):
        was, ours, theirs = (side.get(name, ABSENT) for side in (base, local, remote))
        shape = Shape.SET if name in _SETS else Shape.WHOLE if name in _DATA else Shape.SCHEMA
        # A property may bear a keyword's name; its value is then a schema, and no list.
        _put(merged, name, _merge(trace, (*path, name), was, ours, theirs, shape))
    return merged


def _has_names(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return False
    names = [item.get("name") for item in value]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _named(trace: _Trace, path: Path, base: list[Record], local: list[Record], remote: list[Record]) -> list[Record]:
    sides = [{item["name"]: item for item in side} for side in (base, local, remote)]
    added = sorted((sides[1].keys() | sides[2].keys()) - sides[0].keys())
    merged: Record = {}
    for name in [*sides[0], *added]:
        was, ours, theirs = (side.get(name, ABSENT) for side in sides)
        _put(merged, name, _merge(trace, (*path, name), was, ours, theirs, Shape.SCHEMA))
    return list(merged.values())


def _set(trace: _Trace, path: Path, base: list[Any], local: list[Any], remote: list[Any]) -> list[Any]:
    was, ours, theirs = ({text_of(item): item for item in side} for side in (base, local, remote))
    every = was | ours | theirs
    order = [*was, *sorted(every.keys() - was.keys())]
    # A member goes when either side took it out, and comes when either put it in.
    merged = [key for key in order if (key in ours and key in theirs) or (key not in was)]
    for change, side in ((trace.pushed, theirs), (trace.pulled, ours)):
        if set(merged) != side.keys():
            change.append(Change(path, list(side.values()), [every[key] for key in merged]))
    return [every[key] for key in merged]
