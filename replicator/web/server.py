"""The socket: one thread for all connections, a few more for pages that ask a database; bounded in number and time."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from replicator.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Connections at once; a further one is told to come again.
_AT_ONCE = 64
#: Seconds in which a request has to be there whole.
PATIENCE = 10.0
_KEPT_ALIVE = 15


class Server:
    """Answers at that address until it is closed. Raises ConfigError where it cannot listen."""

    def __init__(self, host: str, port: int, app: ASGIApp) -> None:
        listener = _listening(host, port)
        self.port = int(listener.getsockname()[1])
        self.address = _shown(host, self.port)
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=_KEPT_ALIVE,
            timeout_graceful_shutdown=2,
        )
        # What goes wrong the application tells itself; this library would print tracebacks.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
        )
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.005)

    def close(self) -> None:
        """No further request; those that are being answered have a moment to end."""
        self._server.should_exit = True
        self._thread.join(timeout=5)


class _Protocol(H11Protocol):
    """Cuts off who does not say in time what he wants."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(PATIENCE, self._cut)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self._cut)
        super().data_received(data)
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._told()

    def connection_lost(self, exc: Exception | None) -> None:
        self._told()
        super().connection_lost(exc)

    def _told(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        self.transport.abort()


def _listening(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"Cannot listen on {_shown(host, port)}: {why}. Give web.listen another address.") from None
    return found


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


__all__: list[Any] = ["PATIENCE", "Server"]
