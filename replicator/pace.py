"""How this process runs while it replicates: for rows per second and little memory, not for quick turns."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Rows are tuples of strings, which never make cycles: looking for some after each 700 of them took a fifth of a run.
_COLLECT_AFTER = 50_000
#: Encoding a page takes milliseconds; threads that take turns in the midst of it only cost.
_TURN_SECONDS = 0.01
#: glibc gives each thread an arena of its own and keeps what was freed there: 40 MB for a dozen threads.
_M_ARENA_MAX, _ARENAS = -8, 1


@contextmanager
def steady() -> Iterator[None]:
    """Sets the pace and puts back what was set before; call it before the threads are started."""
    collect_after, turn = gc.get_threshold(), sys.getswitchinterval()
    few_arenas()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *collect_after[1:])
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        gc.set_threshold(*collect_after)
        gc.unfreeze()


def few_arenas() -> None:
    """For arenas to come; other C libraries have no such thing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
