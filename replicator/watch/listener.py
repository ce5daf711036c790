"""An HTTP server for a handful of paths that only tell: bounded threads, bounded time, no body is ever read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from replicator.errors import ConfigError

#: Requests at once; further connections are closed.
_AT_ONCE = 16
#: A client that says nothing for so long is cut off.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path is answered with."""

    status: int
    text: str
    type: str = "text/plain; charset=utf-8"


class Listener:
    """Answers GET and HEAD at that address until it is closed. Raises ConfigError where it cannot listen."""

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer | None]) -> None:
        kind = type("_Server", (_Server,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET})
        try:
            self._server = kind((host, port), _handler(answer))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"Cannot listen on {_shown(host, port)}: {why}. Give web.listen another address."
            ) from None
        self.address = _shown(host, self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="web", daemon=True).start()

    def close(self) -> None:
        """No further request; those that are being answered end by themselves."""
        self._server.shutdown()
        self._server.server_close()


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Without asking the name service what this host is called, as HTTPServer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's business."""


def _handler(answer: Callable[[str], Answer | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version, sys_version = "segment-replicator", ""

        def do_GET(self) -> None:
            found = answer(self.path.partition("?")[0]) or Answer(404, "There is no such page.\n")
            body = found.text.encode()
            self.send_response(found.status)
            self.send_header("Content-Type", found.type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
            """Probes ask every few seconds; a log of them tells nothing."""

    return Handler
