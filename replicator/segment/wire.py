"""Requests over the network. The only module that imports httpcore.

httpx, which stands on it, would take half as long again to import and twice as long for each request, and brings
nothing that is wanted here: no redirects, no proxies, no cookies.
"""

from __future__ import annotations

import logging
import math
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpcore

from replicator.errors import ConfigError

from .exchange import Failed, Reply, Request, collect

CONNECT_SECONDS = 15.0
KEEPALIVE_SECONDS = 30.0


class Network:
    """One pool of connections for all threads. No redirects, no proxies, no verification switch."""

    def __init__(self, base_url: str, *, connections: int, max_body: int, ca_file: Path | None) -> None:
        _silence()
        self._base = urlsplit(base_url)
        self._max_body = max_body
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(ca_file) if self._base.scheme == "https" else None,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=_Sockets(self._deadline),
        )

    def send(self, request: Request, seconds: float) -> Reply | Failed:
        """The answer, or why there is none within that many seconds, dripped bytes included."""
        self._deadline.at = time.monotonic() + seconds
        timeout = dict.fromkeys(("read", "write", "pool"), seconds) | {"connect": min(seconds, CONNECT_SECONDS)}
        # A write without a body says so by its length.
        content = None if request.method == "GET" else request.body
        try:
            with self._pool.stream(
                request.method,
                self._url(request.target),
                headers=[*request.headers.items()],
                content=content,
                extensions={"timeout": timeout},
            ) as response:
                found = _received(response.headers)
                whole = collect(response.iter_stream(), found.get("content-encoding", ""), self._max_body)
                return whole if isinstance(whole, Failed) else Reply(response.status, found, whole)
        except _ERRORS as error:
            return _failed(error, seconds)

    def _url(self, target: str) -> httpcore.URL:
        base = self._base
        host = base.hostname or ""
        return httpcore.URL(scheme=base.scheme, host=host, port=base.port, target=base.path + target)

    def close(self) -> None:
        self._pool.close()


def _received(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _failed(error: Exception, seconds: float) -> Failed:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "it does not verify"
        return Failed(f"the server's certificate is refused ({reason})", passing=False)
    if isinstance(error, httpcore.TimeoutException):
        return Failed(f"no complete answer within {seconds:g} s")
    return Failed(f"the connection failed ({text or type(error).__name__})")


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"Cannot use the CA file {ca_file}: {reason}. Name a PEM file of certificates.") from None


def _silence() -> None:
    """At DEBUG httpcore logs each header with the token: no root logger may show them."""
    logger = logging.getLogger("httpcore")
    if logger.level < logging.WARNING:
        logger.setLevel(logging.WARNING)


# Its timeouts restart with each byte: `timeout=2` took 11 s for 12 dripped bytes (reliability.md, H7). httpcore
# lets the network be replaced, so each read is given no more than what is left of the request's own deadline.


class _Deadline(threading.local):
    """When the request of this thread must be over; a request is sent and read by one thread."""

    at = math.inf

    def cut(self, timeout: float | None) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("deadline")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cut(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cut(timeout))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Sockets(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._sockets = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        cut = self._deadline.cut(timeout)
        return _Stream(self._sockets.connect_tcp(host, port, cut, local_address, socket_options), self._deadline)


_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
