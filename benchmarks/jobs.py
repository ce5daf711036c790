"""One measured job in a process of its own: `python -m benchmarks.jobs JOB BASE_URL [TARGET]` prints its figures."""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.run import RunResult
    from replicator.target.database import Target

Figures = dict[str, float]


def drop(base_url: str, _: str) -> Figures:
    """Fetch and drop."""
    from benchmarks.pages import Reader

    reader = Reader(base_url)
    return {"rows": reader.drop(), "requests": reader.requests, "needed": reader.needed.total()}


def bare(base_url: str, target: str) -> Figures:
    """Fetch, decode, load."""
    from benchmarks.bare import replicate
    from benchmarks.pages import Reader

    reader = Reader(base_url)
    rows, needed = replicate(reader, target), reader.needed.total()
    return {"rows": rows, "requests": reader.requests, "needed": needed, "needed_later": reader.needed_later}


def remember(base_url: str, target: str) -> Figures:
    """What fetch and compare compares with."""
    from benchmarks.compare import remember as keep
    from benchmarks.pages import Reader

    return {"rows": keep(Reader(base_url), target)}


def compare(base_url: str, target: str) -> Figures:
    """Fetch and compare."""
    from benchmarks.compare import compare as look
    from benchmarks.pages import Reader

    rows, changed = look(Reader(base_url), target)
    return {"rows": rows, "written": changed}


def full(base_url: str, target: str) -> Figures:
    """The product's whole path."""
    from benchmarks.workspace import OBJECTS

    return _product(base_url, target, OBJECTS)


def unchanged(base_url: str, target: str) -> Figures:
    """The product, of one big object alone."""
    from benchmarks.workspace import COMPARED

    return _product(base_url, target, (COMPARED,))


def _product(base_url: str, target: str, names: Sequence[str]) -> Figures:
    """`written` is what it says, `stored` what the tables say of this run's id."""
    from benchmarks.workspace import TOKEN
    from replicator import run
    from replicator.catalog import by_name
    from replicator.segment.client import Client
    from replicator.segment.token import Token
    from replicator.target.database import open_target

    opened = open_target(target)
    stop = threading.Event()
    with Client(base_url=base_url, token=Token(TOKEN), stop=stop) as client:
        options = run.Options(objects=tuple(by_name[name] for name in names))
        result = run.replicate(opened, client, options, Quiet(), stop)
    if result.exit_code:
        sys.exit(f"The run ended as {result.status}: {[each.error for each in result.objects if each.error]}")
    seen = sum(each.records for each in result.objects)
    written = sum(each.inserted + each.updated + each.deleted for each in result.objects)
    return {"rows": seen, "requests": result.requests, "written": written, "stored": _stored(opened, result)}


def _stored(target: Target, result: RunResult) -> int:
    """Rows that bear the run's id: every row that a run writes does."""
    from sqlalchemy import column, func, select, table

    from replicator.catalog import by_name

    count = 0
    with target.reading() as connection:
        for each in result.objects:
            rows = table(by_name[each.object].table, column("_run_id"))
            query = select(func.count()).select_from(rows).where(rows.c._run_id == result.run_id)
            count += connection.execute(query).scalar_one()
    return count


class Quiet:
    """Progress that nobody watches."""

    def began(self, *_: Any) -> None: ...
    def reading(self, *_: Any) -> None: ...
    def page(self, *_: Any, **__: Any) -> None: ...
    def waiting(self, *_: Any) -> None: ...
    def finished(self, *_: Any) -> None: ...


def peak_megabytes() -> float:
    """The most that was resident: from /proc where there is one, as ru_maxrss counts the parent's pages too."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    job, base_url, target = (*sys.argv[1:], "")[:3]
    began = time.monotonic()
    figures = JOBS[job](base_url, target)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    figures |= {"wall": time.monotonic() - began, "cpu": spent.ru_utime + spent.ru_stime, "peak": peak_megabytes()}
    print(json.dumps(figures))


JOBS = {
    "drop": drop,
    "bare": bare,
    "full": full,
    "again": full,
    "remember": remember,
    "compare": compare,
    "unchanged": unchanged,
}

if __name__ == "__main__":
    main()
