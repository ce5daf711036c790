"""Crash points: the moments at which tests end this process, to see what the next run makes of it (reliability.md: T2).

Every transaction that writes and every request lies between two of them; tests/unit/test_crash.py reads the code for
one that does not. Nothing but a test arms them: no setting and no environment variable leads here.
"""

from __future__ import annotations

from collections.abc import Callable

_armed: list[Callable[[str, str], None]] = []


def crashpoint(moment: str, about: str = "") -> None:
    """Does nothing, unless a test armed the points; what it armed them with may end the thread or the process."""
    for reached in _armed:
        reached(moment, about)


def arm(reached: Callable[[str, str], None]) -> None:
    """For tests alone: calls that at every crash point of this process from now on."""
    _armed.append(reached)
