"""One request and its answer, before anybody judges it.

A transport is any callable that takes a Request and gives an object with `status`, `headers` (pairs) and `body`; the
sandbox is one. What it gives goes through the same limits, retries and decoding as what came over the network.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """What a transport is called with; header names are in lower case."""

    method: str
    target: str
    #: Carries the token, so no repr shows it.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; header names are in lower case."""

    status: int
    #: A hostile server may repeat the token in either.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Failed(NamedTuple):
    """No answer, or not a whole one. A value and no exception, so that no traceback carries a request's headers."""

    why: str
    #: False where the same request would fail in the same way: a certificate, a body beyond the cap.
    passing: bool = True


class Transport(Protocol):
    def send(self, request: Request, seconds: float) -> Reply | Failed: ...

    def close(self) -> None: ...


class InProcess:
    """A callable as a transport; the deadline cannot be held against code that runs in our own thread."""

    def __init__(self, answer: Callable[[Any], Any], max_body: int) -> None:
        self._answer = answer
        self._max_body = max_body

    def send(self, request: Request, seconds: float) -> Reply | Failed:  # noqa: ARG002 - see the class
        try:
            response = self._answer(request)
        except (TimeoutError, ConnectionError) as error:
            return Failed(f"the connection failed ({type(error).__name__})")
        headers = {name.lower(): value for name, value in response.headers}
        body = collect([response.body], headers.get("content-encoding", ""), self._max_body)
        return body if isinstance(body, Failed) else Reply(response.status, headers, body)

    def close(self) -> None:
        """Nothing to close."""


def collect(chunks: Iterable[bytes], encoding: str, limit: int) -> bytes | Failed:
    """The whole body, decompressed chunk by chunk so that a bomb stops at the cap (reliability.md: H11, H12)."""
    match encoding.strip().lower():
        case "" | "identity":
            return _joined(chunks, limit)
        case "gzip" | "x-gzip":
            return _gunzipped(chunks, limit)
        case _:
            return Failed("the answer is compressed in a way that was not asked for", passing=False)


def _joined(chunks: Iterable[bytes], limit: int) -> bytes | Failed:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            return _too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def _gunzipped(chunks: Iterable[bytes], limit: int) -> bytes | Failed:
    inflate = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    size = received = 0
    try:
        for chunk in chunks:
            received, rest = received + len(chunk), chunk
            while rest:
                # RFC 1952: members may follow one another, and the content is that of all of them.
                inflate = zlib.decompressobj(wbits=31) if inflate.eof else inflate
                part = inflate.decompress(rest, limit - size + 1)
                rest, size = inflate.unused_data, size + len(part)
                # Members may be empty, too, and without end.
                if size > limit or received > 2 * limit:
                    return _too_large(limit)
                parts.append(part)
    except zlib.error:
        return Failed("the compressed answer is broken")
    return b"".join(parts) if inflate.eof else Failed("the compressed answer was cut short")


def _too_large(limit: int) -> Failed:
    return Failed(f"the answer is larger than {limit // 2**20 or 1} MiB, the most that is read", passing=False)


def transport_to(
    base_url: str, answer: Callable[[Any], Any] | None, connections: int, max_body: int, ca_file: Path | None
) -> Transport:
    """Over the network, or to `answer` in this process."""
    if answer is not None:
        return InProcess(answer, max_body)
    # httpx takes a tenth of a second to import, and the sandbox in process does without it. Half as much again would go
    # to its own command line, which it leaves out where click or rich are not installed: let it find that so.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from .wire import Network

    return Network(base_url, connections=connections, max_body=max_body, ca_file=ca_file)
