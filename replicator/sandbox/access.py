"""Who may ask: bearer tokens as data, so that roles and features can be taken away from one of them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from .messages import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Token:
    secret: str
    role: str = "Workspace Owner"

    @property
    def actor(self) -> str:
        """How the audit trail names it (resources.md, "Change detection")."""
        return f"public-api-token/{blake2b(self.secret.encode(), digest_size=6).hexdigest()}"

    def __repr__(self) -> str:
        return f"Token(…, role={self.role!r})"


def identify(headers: Mapping[str, str], tokens: Iterable[Token]) -> Token:
    """The token of the `Authorization: Bearer` header; raises the API's 401."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    for token in tokens:
        same = hmac.compare_digest(secret.strip().encode(), token.secret.encode())
        if scheme.lower() == "bearer" and same:
            return token
    raise Refusal(401, "unauthorized", "You are not authorized to perform this action")
