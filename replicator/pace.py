"""How this process runs while it replicates: for rows per second and little memory, not for quick turns."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Rows are tuples of strings, which never make cycles: looking for some after each 700 of them took a fifth of a run.
_COLLECT_AFTER = 50_000
#: Encoding a page takes milliseconds; threads that take turns in the midst of it only cost.
_TURN_SECONDS = 0.01
#: glibc gives each thread an arena of its own and keeps what was freed there: 40 MB for a dozen threads.
_M_ARENA_MAX, _ARENAS = -8, 1


_LOCK = threading.Lock()
#: What was set when each of the runs began that go on now.
_RUNS: list[tuple[tuple[int, int, int], float]] = []


@contextmanager
def steady() -> Iterator[None]:
    """Sets the pace and puts back what was set before; call it before the threads are started."""
    with _LOCK:
        _RUNS.append((gc.get_threshold(), sys.getswitchinterval()))
        if len(_RUNS) == 1:
            few_arenas()
            gc.freeze()
            gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
            sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        with _LOCK:
            # The first of several at once found what was set before all of them.
            first = _RUNS[0]
            _RUNS.pop()
            if not _RUNS:
                gc.set_threshold(*first[0])
                sys.setswitchinterval(first[1])
                gc.unfreeze()


def tidy() -> None:
    """For a process that goes on after its run: what that described of tables makes cycles, 8 MB of them.

    They grew old while it lasted, and at its pace Python would look for old ones after some hundred runs.
    """
    gc.collect()


def few_arenas() -> None:
    """For arenas to come; other C libraries have no such thing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
