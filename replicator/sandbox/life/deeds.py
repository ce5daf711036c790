"""What somebody does: one operation of the API, and when it is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import msgspec

from replicator.sandbox.access import Token
from replicator.sandbox.content.iam import users
from replicator.sandbox.messages import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.tenants import Tenant
    from replicator.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Deed:
    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    #: The id or the address of a user; the workspace's first user if empty.
    by: str = ""
    #: The media type's version; the most stable one if empty.
    version: str = ""

    def request(self) -> Request:
        query = urlencode(self.query, doseq=True)
        headers = {"accept": f"application/vnd.segment.{self.version}+json"} if self.version else {}
        body = b"" if self.body is None else msgspec.json.encode(self.body)
        return Request(self.method, self.path + (f"?{query}" if query else ""), headers, body)


@dataclass(frozen=True, slots=True)
class Due:
    moment: datetime
    deed: Deed
    #: Its slug; the first one if empty.
    workspace: str = ""
    #: Why it cannot even be asked for.
    problem: str = ""


class Course(Protocol):
    """Where deeds come from: a script, or chance."""

    def begin(self, moment: datetime) -> None: ...

    def next(self, world_of: Mapping[str, World], asked: int, now: datetime) -> Due | None:
        """What is due by now, after so many requests; it is done before the next one is asked for."""

    def did(self, data: Any) -> None:
        """The `data` of the answer to the last deed; None if it was refused."""


def person(tenant: Tenant, by: str) -> Token:
    """Somebody in the app: no token of the API, no limits, the rights of an owner."""
    table = tenant.world.table(users)
    if by in table:
        found = table.get(by)
    else:
        found = next((user for user in table if by in ("", user["email"])), {"id": by or "somebody", "email": ""})
    return Token("", user=found["id"], email=found["email"])
