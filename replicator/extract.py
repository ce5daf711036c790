"""One object's records from the API: its partitions in parallel, pages ahead of the reader, details where needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from replicator import exact
from replicator.catalog.model import Listing, Object, Shape
from replicator.errors import Inaccessible, NotFound
from replicator.rows import MAX_KEY
from replicator.segment.pages import Broken, Fetches, Page, pages, record
from replicator.target.state import Checkpoint
from replicator.where import wanted

if TYPE_CHECKING:
    from replicator.partitions import Partition
    from replicator.rows import Layout
    from replicator.target.known import Detailed
    from replicator.where import Condition


@dataclass(frozen=True, slots=True)
class Fetched:
    """One page of a partition, ready to be encoded, and where its listing goes on."""

    partition: Partition
    records: Sequence[Any]
    broken: Sequence[Broken]
    plain: bool
    total: int | None
    #: The API's clock.
    date: datetime | None
    #: `staged` is for the caller to add, who knows how many rows the records became.
    checkpoint: Checkpoint
    #: Records that the listing showed and whose get by id then answered that there is none.
    gone: int = 0
    #: With details: the mark of each listed record, in the order of `records`.
    marks: Sequence[str] = ()
    #: Records that look as they did when their details were read last: they were not asked for again.
    seen: Sequence[Detailed] = ()
    #: Records that do not pass `where`; nothing more was asked for about them.
    unwanted: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Unseen:
    """A partition whose parent is gone or may not be looked into: nothing is known about its rows."""

    partition: Partition
    why: NotFound | Inaccessible


@dataclass(slots=True)
class _Stream:
    """One partition under way; its pages are fetched one after the other, by whichever thread is free."""

    partition: Partition
    checkpoint: Checkpoint
    source: Iterator[Page]
    #: A parent has one such record or none, and 404 says none (SourceLatestLivePlugin).
    single: bool

    def step(self) -> Page | Unseen:
        try:
            return next(self.source)
        except NotFound as why:
            return Page([], None, None, plain=True, date=None) if self.single else Unseen(self.partition, why)
        except Inaccessible as why:
            return Unseen(self.partition, why)


@dataclass(frozen=True, slots=True)
class Details:
    """When the get by id is asked for: always, but for those whose listed record is the one in `known`."""

    known: Mapping[str, Detailed]
    #: Tells one listed record from another.
    mark: Callable[[Any], str]
    #: Asks for it although the listed record is the same.
    is_due: Callable[[Detailed], bool]


@dataclass(frozen=True, slots=True)
class Extraction:
    """How one object is read. `details` says when the get by id is asked for, None never."""

    object: Object
    client: Fetches
    pool: Executor
    width: int
    details: Details | None = None
    where: Sequence[Condition] = ()

    def read(self, asked: Sequence[Partition], checkpoints: Mapping[str, Checkpoint]) -> Iterator[Fetched | Unseen]:
        """Pages as they come. Partitions that their checkpoint calls done are not asked again."""
        left = [each for each in asked if not _done(each, checkpoints)]
        waiting = iter([self._stream(each, checkpoints.get(each.name)) for each in left])
        running: dict[Future[Page | Unseen], _Stream] = {}
        for stream in islice(waiting, self.width):
            running[self.pool.submit(stream.step)] = stream
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    stream = running.pop(future)
                    page = future.result()
                    following = stream if isinstance(page, Page) and page.next is not None else next(waiting, None)
                    fetched = self._fetched(stream, page)
                    if following:
                        running[self.pool.submit(following.step)] = following
                    if isinstance(fetched, Fetched) and self.details:
                        fetched = self._with_details(fetched, self.details)
                    yield fetched
        finally:
            for future in running:
                future.cancel()

    def _stream(self, partition: Partition, checkpoint: Checkpoint | None) -> _Stream:
        known = checkpoint or Checkpoint(partition.name)
        source = pages(
            self.client, self.object.listing, partition.params, stability=self.object.stability, cursor=known.cursor
        )
        return _Stream(partition, known, source, self.object.listing.shape is Shape.ONE and bool(self.object.parents))

    def _fetched(self, stream: _Stream, page: Page | Unseen) -> Fetched | Unseen:
        if isinstance(page, Unseen):
            return page
        before = stream.checkpoint
        after = replace(
            before,
            cursor=page.next,
            position=before.position + len(page.records),
            pages=before.pages + 1,
            done=page.next is None,
        )
        stream.checkpoint = after
        whole, broken = page.records, list[Broken]()
        if Broken in set(map(type, whole)):
            whole = [each for each in page.records if not isinstance(each, Broken)]
            broken = [each for each in page.records if isinstance(each, Broken)]
        records = shaped(self.object, whole, before.position)
        fetched = Fetched(stream.partition, records, broken, page.plain, page.total, page.date, after)
        return self._chosen(fetched) if self.where else fetched

    def _chosen(self, fetched: Fetched) -> Fetched:
        fits = [wanted(each, fetched.partition.given, self.where) for each in fetched.records]
        return replace(
            fetched,
            records=[each for each, fit in zip(fetched.records, fits, strict=True) if fit],
            unwanted=[each for each, fit in zip(fetched.records, fits, strict=True) if not fit],
        )

    def _with_details(self, fetched: Fetched, details: Details) -> Fetched:
        """Each record joined by what only its get by id carries; one that is gone by then is left out."""
        marked = [(each, details.mark(each)) for each in fetched.records]
        seen = [_as_before(each, mark, details) for each, mark in marked]
        asked = [pair for pair, known in zip(marked, seen, strict=True) if known is None]
        found = list(self.pool.map(lambda pair: self._detail(pair[0], fetched.partition), asked))
        kept = [(got, mark) for got, (_, mark) in zip(found, asked, strict=True) if isinstance(got, dict)]
        odd = [got for got in found if got is not None and not isinstance(got, dict)]
        # Not `plain`: pages are checked for what databases refuse, gets are not.
        return replace(
            fetched,
            records=[record for record, _ in kept] + [each for each in odd if not isinstance(each, Broken)],
            marks=[mark for _, mark in kept],
            seen=[known for known in seen if known],
            broken=[*fetched.broken, *(each for each in odd if isinstance(each, Broken))],
            plain=False,
            gone=found.count(None),
        )

    def _detail(self, listed: Any, partition: Partition) -> Any:
        detail = self.object.detail
        if detail is None or not isinstance(listed, dict):
            return listed
        values = {param: _param(self.object, column, listed, partition) for param, column in detail.params.items()}
        if not all(map(_askable, values.values())):
            return listed
        named = {name: str(value) for name, value in values.items()}
        try:
            got = record(self.client, detail, named, stability=self.object.stability)
        except NotFound:
            return None
        return {**listed, **got} if isinstance(got, dict) else got

    def is_gone(self, row: Mapping[str, Any]) -> bool | None:
        """Whether the get by id answers 404 for that stored row; None where it cannot tell."""
        detail = self.object.detail
        if detail is None:
            return None
        named = {param: str(row[column]) for param, column in detail.params.items()}
        try:
            got = record(self.client, detail, named, stability=self.object.stability)
        except NotFound:
            return True
        return None if got is None else False


def _as_before(listed: Any, mark: str, details: Details) -> Detailed | None:
    identifier = listed.get("id") if isinstance(listed, dict) else None
    known = details.known.get(identifier) if isinstance(identifier, str) else None
    return known if known and mark and known.listed == mark and not details.is_due(known) else None


def _param(thing: Object, column: str, listed: Mapping[str, Any], partition: Partition) -> Any:
    name = thing.column(column).field
    return listed.get(name, partition.given.get(name))


def _askable(value: Any) -> bool:
    """A record whose id is no id is not asked for: the encoder finds the same fault and says so.

    Nor is one whose id no path can hold: it is stored as it was listed.
    """
    if type(value) is not str or value in {".", ".."}:
        return type(value) is int
    return 0 < len(value) <= MAX_KEY and exact.is_plain(value)


def _done(partition: Partition, checkpoints: Mapping[str, Checkpoint]) -> bool:
    return partition.name in checkpoints and checkpoints[partition.name].done


def shaped(thing: Object, records: Sequence[Any], position: int) -> Sequence[Any]:
    """The records as rows want them: nested parts of the key lifted, arrays exploded, positions counted."""
    listing = thing.listing
    if listing.lifted or listing.position:
        records = [
            _placed(listing, each, position + at) if isinstance(each, dict) else each for at, each in enumerate(records)
        ]
    if not thing.explode:
        return records
    name, into, made = thing.explode.field, thing.explode.into, list[Any]()
    for each in records:
        elements = each.get(name) if isinstance(each, dict) else None
        if type(elements) is not list:
            made.append(each)
            continue
        del each[name]
        if len(elements) == 1 and type(elements[0]) is str:
            # As it nearly always is: no copy of the record is made.
            each[into] = elements[0]
            made.append(each)
        else:
            made += [each | (one if isinstance(one, dict) else {into: one}) for one in elements]
    return made


def _placed(listing: Listing, each: dict[str, Any], position: int) -> dict[str, Any]:
    lifted = {name: _inside(each, path) for name, path in listing.lifted.items()}
    one = {**each, **{name: value for name, value in lifted.items() if value is not None}}
    if listing.position:
        one[listing.position] = position
    return one


def _inside(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def shown(broken: Broken, layout: Layout) -> str:
    """What of a broken record may be kept: all of it, unless it may hold what nothing in it can hide."""
    if any(c.secret for c in layout.object.columns):
        return "(withheld: this object's records may hold secrets)"
    if layout.covers or layout.where or len(layout.columns) < len(layout.object.columns):
        return "(withheld: some of this object's fields or records are masked or left out)"
    return broken.raw.decode("utf-8", "backslashreplace").replace("\0", "\\u0000")
