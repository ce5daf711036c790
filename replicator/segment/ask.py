"""What is asked of Segment, and how that is said in HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

from replicator import __version__

from .exchange import Request

Stability = Literal["stable", "beta", "alpha"]
#: The spelling that the SDKs send (resources.md, "Versions and media types").
_MEDIA = {"stable": "v1", "beta": "v1beta", "alpha": "v1alpha"}
#: Characters of an encoded id or cursor: httpx sends addresses of 65,536, and servers take shorter ones.
LONGEST = 30_000
_AGENT = f"segment-replicator/{__version__}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One operation to be asked; `path` is encoded already, and so is the JSON `body` of a write."""

    operation: str
    path: str
    query: Mapping[str, str]
    stability: Stability
    rate: int | None
    method: str = "GET"
    #: May hold what is personal or secret.
    body: bytes = field(default=b"", repr=False)

    @property
    def where(self) -> str:
        """For error texts and logs: the query's values may be personal."""
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        query = urlencode(self.query, quote_via=quote, safe="")
        return f"{self.path}?{query}" if query else self.path

    def request(self, host: str, authorization: str, *, compressed: bool) -> Request:
        """What is sent; `compressed` answers are taken."""
        headers = {
            "host": host,
            "accept": f"application/vnd.segment.{_MEDIA[self.stability]}+json",
            "accept-encoding": "gzip" if compressed else "identity",
            "user-agent": _AGENT,
            "authorization": authorization,
        }
        sent = {"content-type": "application/json"} if self.body else {}
        return Request(self.method, self.target, {**sent, **headers}, self.body)


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole answer came to a write: it may have had its effect, or not, or may have it yet."""

    why: str
