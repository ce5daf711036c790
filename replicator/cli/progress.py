"""What is told while a run goes on: bars on a terminal, log lines elsewhere. Called from several threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TextIO

from .text import plural

if TYPE_CHECKING:
    from rich.progress import TaskID

    from replicator.run import ObjectResult
    from replicator.segment.client import Wait

log = logging.getLogger("replicator.progress")

#: Seconds between two lines about the same object's pages.
_EVERY = 5.0


def make(stream: TextIO, *, as_json: bool) -> Bars | Lines:
    """Bars where somebody watches."""
    return Bars() if stream.isatty() and not as_json else Lines()


class Lines:
    """One line for each event."""

    on_terminal = False

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._run_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clean up."""

    def began(self, run_id: str, objects: Sequence[str]) -> None:
        self._run_id = run_id
        log.info("run began", extra={"run": run_id, "objects": len(objects)})

    def reading(self, name: str, partitions: int) -> None:
        log.debug("object began", extra={"run": self._run_id, "object": name, "listings": partitions})

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._told.setdefault(name, now) < _EVERY:
            return
        self._told[name] = now
        figures = {"rows": rows, "requests": requests, "listings": done_partitions}
        known = {} if total is None else {"total": total}
        log.info("object goes on", extra={"run": self._run_id, "object": name, **figures, **known})

    def waiting(self, wait: Wait) -> None:
        """The client has logged it."""

    def finished(self, result: ObjectResult) -> None:
        counts = {
            name: getattr(result, name) for name in ("inserted", "updated", "unchanged", "deleted", "quarantined")
        }
        cost = {"requests": result.requests, "seconds": round(result.seconds, 2)}
        if result.skipped:
            cost["listings_not_asked"] = result.skipped
        why = {"why": result.error} if result.error else {}
        level = logging.INFO if result.status == "done" else logging.WARNING
        extra = {"run": self._run_id, "object": result.object, "status": result.status, **counts, **cost, **why}
        log.log(level, "object finished", extra=extra)


class Bars:
    """One bar for the run, and one for each object that is being read."""

    on_terminal = True

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:<34}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._pages: dict[str, int] = {}
        self._partitions: dict[str, int] = {}
        self._run: TaskID | None = None
        self._waits_until = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def began(self, run_id: str, objects: Sequence[str]) -> None:  # noqa: ARG002 - the closing line shows the id
        with self._lock:
            self._run = self._bars.add_task("objects", total=len(objects), told="")

    def reading(self, name: str, partitions: int) -> None:
        with self._lock:
            self._partitions[name] = partitions
            self._task(name)

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None:
        with self._lock:
            self._pages[name] = self._pages.get(name, 0) + 1
            told = ", ".join(
                (plural(self._pages[name], "page"), plural(rows, "row"), plural(requests, "request")),
            )
            listings = self._partitions.get(name, 1)
            done: dict[str, Any] = {"completed": rows, "total": total}
            if listings > 1:
                done = {"completed": done_partitions, "total": listings}
            self._bars.update(self._task(name), told=told, **done)
            # A page that was fetched before all had to wait may be told of only now.
            if time.monotonic() >= self._waits_until:
                self._tell("")

    def waiting(self, wait: Wait) -> None:
        with self._lock:
            self._waits_until = time.monotonic() + wait.seconds
            self._tell(f"waiting {wait.seconds:.0f} s: {wait.why}")

    def finished(self, result: ObjectResult) -> None:
        with self._lock:
            task = self._tasks.pop(result.object, None)
            if task is not None:
                self._bars.remove_task(task)
            if self._run is not None:
                self._bars.advance(self._run)

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=None, told="")
        return self._tasks[name]

    def _tell(self, why: str) -> None:
        if self._run is not None:
            self._bars.update(self._run, told=why)
