"""A listing that answers as it did before is told by the bytes of its pages: none of its records is decoded.

Each page of a listing has a digest of its records and of the API's count. A later listing compares pages with those
for as long as they are alike, and keeps the answers; once one differs, they are handed out to whoever reads the listing
as any other, so that nothing is asked for twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

from replicator.catalog.model import Listing, Paging, Shape, Stability

from .decode import OffContract, Unreadable
from .pages import Fetches, Peeked, peek, peeked

if TYPE_CHECKING:
    from .client import Answer, Ask

T = TypeVar("T")

#: Answers are kept in memory, and once a run is killed or fails meanwhile they are asked for again: no more than this.
MOST_BYTES, MOST_SECONDS = 32 * 2**20, 30.0


def suits(listing: Listing) -> bool:
    """Whether the pages of that listing are records and a cursor, nothing else."""
    return listing.shape is Shape.LIST and listing.paging is not Paging.EACH


@dataclass(slots=True)
class Pages:
    """A client for one listing, which remembers its pages. `key` is that of the rows' fingerprints."""

    client: Fetches
    listing: Listing
    key: bytes
    #: Of the pages that were read, in their order.
    digests: list[str] = field(default_factory=list)
    _size: int = 0
    _kept: deque[Answer] = field(default_factory=deque)

    @property
    def memorable(self) -> bool:
        """Whether a later run may compare with them."""
        return 0 < self._size <= MOST_BYTES

    def alike(
        self, params: Mapping[str, str], stability: Stability, known: Sequence[str], report: Callable[[int], None]
    ) -> bool:
        """Whether the listing has those pages and no other; `report` is told how many were. Then nothing is kept."""
        began, size = time.monotonic(), 0

        def is_known(page: Peeked) -> bool:
            at = len(self._kept)
            return bool(page.records) and at < len(known) and self._digest(page) == known[at]

        pages = peeked(self.client, self.listing, params, stability=stability, is_known=is_known)
        for number, page in enumerate(pages, 1):
            alike = is_known(page)
            self._kept.append(page.answer)
            size += len(page.answer.body)
            if not alike or (page.next is None) != (number == len(known)):
                return False
            report(number)
            if size > MOST_BYTES or time.monotonic() - began > MOST_SECONDS:
                return False
        return True

    def fetch(self, ask: Ask, read: Callable[[Answer], T]) -> T:
        """As the client's: the kept answers first, which are the first that the listing is asked for."""

        def noted(answer: Answer) -> T:
            made = read(answer)
            if self._size <= MOST_BYTES:
                self._size += len(answer.body)
                self.digests.append(self._digest(peek(self.listing, None, answer)))
            return made

        if self._kept:
            try:
                return noted(self._kept.popleft())
            except (OffContract, Unreadable):
                # It is asked for again, and what follows may differ then.
                self._kept.clear()
        return self.client.fetch(ask, noted)

    def forget(self) -> None:
        """The listing was alike, and nobody is going to ask for its pages."""
        self._kept.clear()

    def _digest(self, page: Peeked) -> str:
        digest = blake2b(page.records, digest_size=16, key=self.key[:64])
        digest.update(repr(page.total).encode())
        return digest.hexdigest()
