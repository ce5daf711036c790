"""Choices that look random and are not: the same seed, kind and index always choose the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZ" + _LOWER.replace("l", "")


class Draw:
    """A pool of 512 bits, enough for some forty choices about one record."""

    __slots__ = ("_pool",)

    def __init__(self, seed: int, kind: str, index: int) -> None:
        digest = blake2b(f"{seed}/{kind}/{index}".encode()).digest()
        self._pool = int.from_bytes(digest, "big")

    def below(self, ceiling: int) -> int:
        self._pool, choice = divmod(self._pool, ceiling)
        return choice

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def happens(self, percent: int) -> bool:
        return self.below(100) < percent

    def text(self, length: int, alphabet: str = _BASE58) -> str:
        return "".join([self.pick(alphabet) for _ in range(length)])
