"""What a listing is published as, and what its publication did: data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

#: A listing may make this many rows vanish, or this share of them, whichever is more (product.md, Deletes).
GUARD_ROWS, GUARD_SHARE = 10, 0.2

#: What the listing is the whole truth about: every row, the rows of the partitions it finished, or no absence at all.
Extent = Literal["whole", "partitions", "none"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a publication did; `records` is how many distinct ones the listing held."""

    records: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    duplicates: int = 0
    live: int = 0
    #: Rows that the listing lacked and that stay alive, since it showed other records twice: its pages moved (H15).
    kept: int = 0
    #: Of the deleted, those that a listing lacked; the others went with their parent.
    absent: int = 0
    #: Distinct records of the listing that do not pass `where`.
    filtered: int = 0
    #: Of the deleted, the rows of those.
    left: int = 0
    #: Columns whose field no record has any more, although many rows had a value; they keep it (I14).
    vanished: tuple[str, ...] = ()
    #: Columns that were sent empty, as to a token without rights, and keep what they held (H20).
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """One listing to publish. `state` are the columns of object_state that it advances."""

    run_id: str
    extent: Extent
    began: datetime
    allow_deletes: bool = False
    #: Whose records were all read anew: what of them was in quarantine before `began` is mended, gone, or here again.
    relisted: Extent = "whole"
    #: The API says that it may show a record twice, so that twice says nothing about absences.
    repeats: bool = False
    #: See Counts.
    kept: int = 0
    #: That these rows are gone was confirmed (I4): by a get that answers 404, or by a second complete listing.
    confirmed: bool = False
    #: Columns whose field no record of the whole listing had.
    unmet: frozenset[str] = frozenset()
    #: Tombstones leave no row behind.
    hard: bool = False
    #: Each version of a row stays, with the time in which it held.
    history: bool = False
    #: Runs in the transaction before the rows are merged: keeps which listings there are.
    settle: Callable[[Connection], None] | None = None
    #: Columns of object_state.
    state: dict[str, Any] = field(default_factory=dict)
    #: Runs inside the transaction, with the counts: the ledger's row commits with the data. More columns of the state.
    also: Callable[[Connection, Counts], dict[str, Any]] | None = None
