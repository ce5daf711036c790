"""What comes of a run, and who is told while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from replicator.segment.client import Wait

Status = Literal["done", "partial", "unavailable", "failed", "skipped", "interrupted", "needs_person"]


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What came of one object; `error` is one sentence."""

    object: str
    status: Status
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    quarantined: int = 0
    records: int = 0
    duplicates: int = 0
    #: Records that do not pass `where`: seen, and not stored.
    filtered: int = 0
    partitions: int = 0
    pages: int = 0
    requests: int = 0
    seconds: float = 0.0
    error: str | None = None
    unseen: str | None = None
    #: Partitions that were not asked for, because nothing says that they moved.
    skipped: int = 0
    #: The set of the records' ids as one number, if it is known whole.
    ids: str | None = None
    drift: Mapping[str, str] = field(default_factory=dict)
    #: Columns whose field no record has any more, and those that were sent empty: both keep their values.
    vanished: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of the run, objects in the order of the catalog."""

    run_id: str
    status: Literal["done", "partial", "failed", "interrupted", "needs_person"]
    objects: tuple[ObjectResult, ...]
    seconds: float
    requests: int
    exit_code: int
    error: str | None = None


class Progress(Protocol):
    """Told what happens while it happens, from several threads; figures are cumulative."""

    def began(self, run_id: str, objects: Sequence[str]) -> None: ...

    def reading(self, name: str, partitions: int) -> None: ...

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None: ...

    def waiting(self, wait: Wait) -> None: ...

    def finished(self, result: ObjectResult) -> None: ...
