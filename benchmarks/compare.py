"""Fetch and compare: the least that finds out that nothing of a big object changed."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b, sha256
from urllib.parse import urlsplit

import msgspec

from benchmarks.bare import LOADS, connected
from benchmarks.pages import Reader, Row, stored
from benchmarks.workspace import COMPARED
from replicator.catalog import by_name

#: The longest that a key's digest or a fingerprint is, in characters: what MySQL wants to know.
_DIGEST = 64
_encode = msgspec.json.Encoder().encode


def remember(reader: Reader, url: str) -> int:
    """A plain table of keys and fingerprints, for `compare`; returns the rows."""
    kind = urlsplit(url).scheme.partition("+")[0]
    with connected(kind, url) as driver:
        driver.cursor().execute(f"CREATE TABLE bare_prints (k VARCHAR({_DIGEST}), f VARCHAR({_DIGEST}))")
        total = LOADS[kind](driver, "bare_prints", _prints(reader))
        driver.commit()
    return total


def compare(reader: Reader, url: str) -> tuple[int, int]:
    """Every record of the same pages keyed, hashed and looked up in what the table holds; returns rows and changes."""
    with connected(urlsplit(url).scheme.partition("+")[0], url) as driver:
        cursor = driver.cursor()
        cursor.execute("SELECT k, f FROM bare_prints")
        known = dict(cursor.fetchall())
    rows = changed = 0
    for page in _prints(reader):
        rows += len(page)
        changed += sum([known.pop(key, None) != fingerprint for key, fingerprint in page])
    return rows, changed + len(known)


def _prints(reader: Reader) -> Iterator[list[Row]]:
    thing = by_name[COMPARED]
    names = [column.name for column in stored(thing)]
    key_at = [names.index(name) for name in thing.key]
    for rows in reader.rows(thing):
        yield [(sha256(_encode([row[at] for at in key_at])).hexdigest(), _fingerprint(row)) for row in rows]


def _fingerprint(row: Row) -> str:
    return blake2b(_encode(row), digest_size=16).hexdigest()
