"""What a merge decides, as data that a plan can print."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

Record: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]
#: Whose version holds where both edited the same thing.
Side = Literal["local", "remote"]


class _Absent(Enum):
    """So that a null inside a JSON Schema stays different from a property that is not there."""

    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT


class Shape(Enum):
    """How finely a field is merged."""

    WHOLE = "whole"
    #: Text, line by line.
    LINES = "lines"
    #: A JSON Schema, by property path; its `required`, `enum` and `type` lists are sets.
    SCHEMA = "schema"
    #: A list whose order means nothing.
    SET = "set"
    #: A list of objects that `name` tells apart.
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Change:
    """What one side must take over: its value there, and the merged one (ABSENT: none)."""

    path: Path
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that was edited differently on the two sides, or that cannot be sent."""

    path: Path
    reason: str
    base: Any
    local: Any
    remote: Any


@dataclass(frozen=True, slots=True)
class Equal:
    """Nothing to write; `value` is the new base."""

    value: Record


@dataclass(frozen=True, slots=True)
class Push:
    """Only the workspace must change."""

    value: Record
    pushed: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Pull:
    """Only the replica must change."""

    value: Record
    pulled: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """Different things were edited on the two sides; each takes over the other's."""

    value: Record
    pushed: tuple[Change, ...]
    pulled: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Neither side may change before someone decides; the three records are kept as they were."""

    base: Record
    local: Record
    remote: Record
    clashes: tuple[Clash, ...]


Result: TypeAlias = Equal | Push | Pull | Both | Conflict
