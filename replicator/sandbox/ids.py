"""Ids that look like Segment's and can be turned back into the index of their record.

A record is made from its index on demand, so `GET /sources/{id}` must find the index from the id alone:
an id is `index * odd + offset` modulo a power of two, written in the alphabet of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

Style = Literal["short", "ksuid", "hex"]

_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ALPHABETS: dict[Style, tuple[str, int, int]] = {
    # the alphabet, the length, and the bits that fit: qQEHquLrjRDN9j1ByrChyn,
    # 1qJkfE1tpwvQcklImGksLN629wn and 54521fd725e721e32a72eebb in examples.json
    "short": (_BASE58, 22, 128),
    "ksuid": (_DIGITS + _UPPER + _UPPER.lower(), 27, 160),
    "hex": ("0123456789abcdef", 24, 96),
}


@dataclass(frozen=True, slots=True)
class Ids:
    prefix: str
    alphabet: str
    length: int
    modulus: int
    factor: int
    offset: int
    inverse: int

    @classmethod
    def of(cls, seed: int, kind: str, style: Style = "short", prefix: str = "") -> Ids:
        alphabet, length, bits = _ALPHABETS[style]
        modulus = 1 << bits
        digest = blake2b(f"{seed}/ids/{kind}".encode()).digest()
        factor = int.from_bytes(digest[:32], "big") % modulus | 1
        offset = int.from_bytes(digest[32:], "big") % modulus
        return cls(prefix, alphabet, length, modulus, factor, offset, pow(factor, -1, modulus))

    def __getitem__(self, index: int) -> str:
        number = (index * self.factor + self.offset) % self.modulus
        base = len(self.alphabet)
        letters = []
        for _ in range(self.length):
            number, digit = divmod(number, base)
            letters.append(self.alphabet[digit])
        return self.prefix + "".join(reversed(letters))

    def index(self, identifier: str) -> int | None:
        """The index of this id; None for what cannot be an id of this kind. It may lie past the end."""
        text = identifier.removeprefix(self.prefix)
        if len(text) != self.length or not identifier.startswith(self.prefix):
            return None
        number = 0
        for letter in text:
            digit = self.alphabet.find(letter)
            if digit < 0:
                return None
            number = number * len(self.alphabet) + digit
        return (number - self.offset) * self.inverse % self.modulus if number < self.modulus else None
