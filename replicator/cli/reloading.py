"""SIGHUP: the configuration is read again, and a broken one leaves the old one as it is."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from replicator.errors import ReplicatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from replicator.settings import Configuration


def expected(words: Sequence[str]) -> None:
    """A SIGHUP that comes before a daemon or a worker can act on one does not end it; it has read nothing yet."""
    if words[:1] in (["daemon"], ["worker"]) and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def hung_up(reload: threading.Event) -> Iterator[None]:
    """Inside, SIGHUP sets `reload`."""
    if not hasattr(signal, "SIGHUP"):  # as on Windows
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: reload.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def reloaded(load: Callable[[], Configuration], log: logging.Logger) -> Configuration | None:
    """What is to count from now on; None: as before."""
    try:
        found = load()
    except ReplicatorError as error:
        log.error("configuration is broken; the old one goes on", extra={"why": str(error)})  # noqa: TRY400 - a sentence
        return None
    log.info("configuration reloaded", extra={"connections": len(found.connections), "jobs": len(found.jobs)})
    return found
