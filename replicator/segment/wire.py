"""Requests over the network. The only module that imports httpx (and httpcore, its engine)."""

from __future__ import annotations

import logging
import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx

from replicator.errors import ConfigError

from .exchange import Failed, Reply, Request, collect

CONNECT_SECONDS = 15.0
KEEPALIVE_SECONDS = 30.0


class Network:
    """One pool of connections for all threads. No redirects, no proxies, no verification switch."""

    def __init__(self, base_url: str, *, connections: int, max_body: int, ca_file: Path | None) -> None:
        _silence()
        self._base = base_url
        self._max_body = max_body
        self._deadline = _Deadline()
        context = trust(ca_file) if base_url.startswith("https:") else None
        self._http = httpx.Client(
            transport=_Pool(context, connections, self._deadline),
            trust_env=False,
            follow_redirects=False,
        )

    def send(self, request: Request, seconds: float) -> Reply | Failed:
        """The answer, or why there is none within that many seconds, dripped bytes included."""
        self._deadline.at = time.monotonic() + seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        url = self._base + request.target
        try:
            body = request.body or None
            with self._http.stream(
                request.method, url, headers=request.headers, content=body, timeout=timeout
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                whole = collect(response.iter_raw(), headers.get("content-encoding", ""), self._max_body)
                return whole if isinstance(whole, Failed) else Reply(response.status_code, headers, whole)
        except httpx.InvalidURL as error:
            return Failed(f"the address cannot be asked for ({error})", passing=False)
        except (httpx.TransportError, *_ERRORS) as error:
            return _failed(error, seconds)

    def close(self) -> None:
        self._http.close()


def _failed(error: Exception, seconds: float) -> Failed:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "it does not verify"
        return Failed(f"the server's certificate is refused ({reason})", passing=False)
    if isinstance(error, httpcore.TimeoutException):
        return Failed(f"no complete answer within {seconds:g} s")
    return Failed(f"the connection failed ({text or type(error).__name__})")


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What servers' certificates are verified by. Raises ConfigError for a file that holds none."""
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"Cannot use the CA file {ca_file}: {reason}. Name a PEM file of certificates.") from None


def _silence() -> None:
    """At INFO httpx logs each URL, at DEBUG httpcore each header with the token: no root logger may show them."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


# httpx's timeouts restart with each byte: `timeout=2` took 11 s for 12 dripped bytes (reliability.md, H7). httpcore
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


class _Pool(httpx.BaseTransport):
    """httpx.HTTPTransport without proxies and HTTP/2, and with our sockets, which it has no parameter for."""

    def __init__(self, context: ssl.SSLContext | None, connections: int, deadline: _Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=_Sockets(deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
