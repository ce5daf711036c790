"""Pages of records to batches of rows; each is staged with how far its listings came, while the next is read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING
from zlib import crc32

from replicator.extract import Fetched, shown
from replicator.rows import Rejected, Row
from replicator.target.known import Detailed
from replicator.target.stage import Batch

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from replicator.encoder import Encoder
    from replicator.target.dialects.base import Pack
    from replicator.target.stage import Stage
    from replicator.target.state import Checkpoint

#: A batch is committed when it holds this many rows, or about this many characters, or is this many seconds old:
#: where the API allows two requests a minute, a killed run must not lose an hour of them. Two are held at a time.
BATCH_ROWS, BATCH_SIZE, BATCH_SECONDS = 10_000, 2_000_000, 2.0

#: Of a record that was refused: its partition, the reason, and what of it may be kept.
Refused = tuple[str, str, str]


@dataclass(slots=True)
class Intake:
    """Of one object. `now` is when its details count as read."""

    stage: Stage
    encoder: Encoder
    now: datetime
    #: Of one thread, so that batches are committed in their order.
    store: Executor
    #: By partition, what was staged of it, by earlier runs too.
    staged: dict[str, int]
    #: By partition, the sum of the CRC-32 of the keys that were read.
    ids: dict[str, int] = field(default_factory=dict)
    #: Rows that stay as they are, for records whose details were not read again.
    unread: int = 0
    _packs: list[Pack] = field(default_factory=list)
    _count: int = 0
    _refused: list[Refused] = field(default_factory=list)
    _checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    _details: list[Detailed] = field(default_factory=list)
    _size: int = 0
    _storing: Future[int] | None = None
    _flushed: float = field(default_factory=time.monotonic)

    @property
    def key_at(self) -> int:
        """Which of a row's values is its key."""
        return [name for name, _ in self.stage.layout.staged].index(self.stage.layout.primary_key)

    def take(self, fetched: Fetched) -> int:
        """Puts the page's rows into the batch; returns how many of its records were refused."""
        name = fetched.partition.name
        rows, refused = self.encode(fetched)
        keys = map(str.encode, map(itemgetter(self.key_at), rows))
        self.ids[name] = self.ids.get(name, 0) + sum(map(crc32, keys))
        if rows:
            self._packs.append(self.stage.pack(rows))
        self._count += len(rows)
        self._refused += refused
        self._size += _size(rows)
        self.staged[name] = self.staged.get(name, 0) + len(rows)
        self._checkpoints[name] = replace(fetched.checkpoint, staged=self.staged[name])
        return len(refused)

    def is_full(self) -> bool:
        """Whether the batch is to be committed."""
        age = time.monotonic() - self._flushed
        return self._count >= BATCH_ROWS or self._size >= BATCH_SIZE or age >= BATCH_SECONDS

    def flush(self) -> int:
        """Has the batch committed. Returns how many rows of the last the database refused, or raises its error."""
        refused = self.settle()
        if self._packs or self._refused or self._checkpoints:
            batch = Batch(self._packs, self._refused, list(self._checkpoints.values()), self._details)
            self._storing = self.store.submit(self.stage.append, batch)
            self._packs, self._refused, self._checkpoints, self._details = [], [], {}, []
            self._count = self._size = 0
            self._flushed = time.monotonic()
        return refused

    def settle(self) -> int:
        """Waits until the batch that was flushed is committed; returns how many of its rows the database refused."""
        storing, self._storing = self._storing, None
        return storing.result() if storing else 0

    def encode(self, fetched: Fetched) -> tuple[list[Row], list[Refused]]:
        """The page's rows, and what of it is none."""
        layout, partition = self.stage.layout, fetched.partition
        name = partition.name if layout.object.partitioned else None
        made = list(self.encoder.encode(fetched.records, plain=fetched.plain, given=partition.given, partition=name))
        refused = [(partition.name, each.reason, shown(each, layout)) for each in fetched.broken]
        self._keep_details(fetched, made)
        self.unread += len(fetched.seen)
        made += [layout.seen(each.id, each.fingerprint, name) for each in fetched.seen]
        made += self._unwanted(fetched, name)
        if Rejected not in set(map(type, made)):
            return made, refused  # type: ignore[return-value] # see the line above
        bad = [each for each in made if isinstance(each, Rejected)]
        refused += [(partition.name, each.reason, each.record) for each in bad]
        return [each for each in made if not isinstance(each, Rejected)], refused

    def _unwanted(self, fetched: Fetched, name: str | None) -> list[Row | Rejected]:
        """What does not pass `where` is staged by its key alone: it is not gone, and its row leaves all the same."""
        if not fetched.unwanted:
            return []
        given, layout = fetched.partition.given, self.stage.layout
        made = self.encoder.encode(fetched.unwanted, plain=fetched.plain, given=given, partition=name)
        return [
            Rejected(each.reason, "(withheld: it does not pass `where`)")
            if isinstance(each, Rejected)
            else layout.unwanted(each)
            for each in made
        ]

    def _keep_details(self, fetched: Fetched, made: Sequence[Row | Rejected]) -> None:
        if not fetched.marks:
            return
        at, key_at = [name for name, _ in self.stage.layout.staged].index("_fingerprint"), self.key_at
        self._details += [
            Detailed(row[key_at], mark, row[at], self.now)
            for mark, row in zip(fetched.marks, made, strict=False)
            if mark and not isinstance(row, Rejected)
        ]


def _size(rows: Sequence[Row]) -> int:
    """About how many characters they hold, from some of them: this is the hot path."""
    some = rows[:: max(1, len(rows) // 16)]
    held = sum(len(value) for row in some for value in row if type(value) is str)
    return held * len(rows) // max(1, len(some))
