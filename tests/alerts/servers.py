"""What alerts are sent to: a real HTTP server and a real SMTP server on this machine, with TLS where asked for."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.canaries import ALERT_WORD
from tests.conftest import free_port

#: Hunted after each test (tests/canaries.py).
PASSWORD = f"{ALERT_WORD}-swordfish-{ALERT_WORD}"
PATH = f"/services/{ALERT_WORD}/hook-{ALERT_WORD}"


@dataclass
class Hook:
    """A webhook: answers as it is told, and keeps what it got."""

    port: int = 0
    scheme: str = "http"
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Seconds before each byte of the answer.
    drip: float = 0.0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{PATH}"

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.bodies]


@contextmanager
def hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A webhook that runs inside."""
    found = Hook(scheme="https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.paths.append(self.path)
            if found.status == 200 and not found.drip:
                found.bodies.append(json.loads(body))
            if found.drip:
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                    self.wfile.write(bytes([byte]))
                    time.sleep(found.drip)
            self.send_response(found.status)
            for name, value in {"Content-Length": "0", **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that breaks off is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Inbox:
    """A mail server's inbox."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    #: Whether each mail came over TLS, and from somebody who had logged in.
    secure: list[tuple[bool, bool]] = field(default_factory=list)
    refuse: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return "451 come back later"
        found = message_from_bytes(envelope.content, policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.to.append(list(envelope.rcpt_tos))
        tls = server.transport.get_extra_info("ssl_object") is not None
        self.secure.append((tls, bool(session.authenticated)))
        return "250 OK"


@contextmanager
def inbox(context: ssl.SSLContext | None = None, *, starttls: bool = True, login: bool = False) -> Iterator[Inbox]:
    """A mail server that runs inside; it takes PASSWORD of the user `me`, after TLS where it has a context."""
    found = Inbox(free_port())
    more: dict[str, Any] = {"tls_context" if starttls else "ssl_context": context} if context else {}
    if context and starttls:
        more["require_starttls"] = True
    if login:
        more |= {
            "authenticator": _authenticator,
            "auth_required": True,
            "auth_require_tls": starttls and context is not None,
        }
    controller = Controller(found, hostname="127.0.0.1", port=found.port, **more)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


def _authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    success = (data.login, data.password) == (b"me", PASSWORD.encode())
    # The server answers a refusal itself.
    return AuthResult(success=success, handled=success)


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come true in time")
