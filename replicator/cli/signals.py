"""Ctrl-C and SIGTERM: once, the page is finished and the state made safe; a second time, the process ends at once.

Ending at once is safe too: what was not committed is rolled back by the database.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

#: Shows the cursor again, which progress bars hide.
_CURSOR = b"\x1b[?25h"


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Inside, the first signal sets `stop`, and the second one ends the process with 128 + its number."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and asked:
            _say((_CURSOR if os.isatty(2) else b"") + b"stopped\n")
            os._exit(128 + number)
        asked.append(number)
        stop.set()
        again = b"Ctrl-C again to stop now" if number == signal.SIGINT else b"again to stop now"
        _say(b"stopping; " + again + b"\n")

    asked: list[int] = []
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(words: bytes) -> None:
    # A print could interrupt another print of this thread, which Python refuses. A stderr that cannot be written, as
    # where the disk is full, must not raise: it would do so in the midst of whatever the signal came to.
    with suppress(OSError):
        os.write(2, words)
