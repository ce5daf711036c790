"""What a fault is: which requests it is for, when it strikes, and what it does then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class When:
    """Which of the requests that a fault is for it strikes: each, unless something here says otherwise."""

    #: This one alone; the first is 1.
    nth: int | None = None
    #: Each one whose number this divides.
    every: int = 1
    #: None of the first so many.
    after: int = 0
    #: Never again when it has struck so often.
    times: int | None = None
    probability: float = 1.0

    def strikes(self, call: int, struck: int, seed: str) -> bool:
        """The same answer for the same seed and call, whatever other faults there are."""
        if self.times is not None and struck >= self.times:
            return False
        if self.nth is not None and call != self.nth:
            return False
        if call <= self.after or call % self.every:
            return False
        return self.probability >= 1 or Random(f"{seed} {call}").random() < self.probability


@dataclass(frozen=True, slots=True)
class Fault:
    #: The name of a kind: see kinds.KINDS.
    kind: str
    value: Any = True
    #: An operation or a glob of them (`list*`), or a glob of paths if it begins with a slash.
    route: str = "*"
    method: str = "*"
    when: When = When()
    options: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, method: str, path: str, operation: str) -> bool:
        if self.method not in ("*", method):
            return False
        return self.route == "*" or fnmatchcase(path if self.route.startswith("/") else operation, self.route)
