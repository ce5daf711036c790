"""Clients that look closely at what a faulty sandbox sends: one over raw sockets, one for the control endpoint."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.control import Control
from replicator.sandbox.faults import Faulty, fault_of_text
from replicator.sandbox.server import running
from tests.sandbox.conftest import NOW

AUTHORIZED = {"authorization": "Bearer sandbox"}


def make(*faults: str, sandbox: Sandbox | None = None, **more: Any) -> Faulty:
    inner = sandbox or Sandbox(counts={"Sources": 23}, now=lambda: NOW)
    return Faulty(inner, map(fault_of_text, faults), now=lambda: NOW, **more)


def get(answer: Any, target: str = "/sources", method: str = "GET", body: bytes = b"") -> Response:
    found: Response = answer(Request(method, target, AUTHORIZED, body))
    return found


def data(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.body)["data"]
    return found


def opened(url: str, body: bytes | None = None, method: str | None = None, **more: Any) -> Any:
    """What urllib makes of it: an answer to close, HTTPError or another OSError."""
    request = urllib.request.Request(url, body, AUTHORIZED, method=method)  # noqa: S310 - our own server
    return urllib.request.urlopen(request, **({"timeout": 5} | more))  # noqa: S310 - as above


@dataclass
class Heard:
    """All that came over one connection, and how it ended."""

    content: bytes = b""
    #: closed, reset or silent.
    ended: str = ""
    seconds: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def hear(url: str, target: str = "/", method: str = "GET", *, patience: float = 5) -> Heard:
    """Ask on a connection of its own, and listen until it ends or nothing more comes."""
    parts = urlsplit(url)
    heard, content, began = Heard(), bytearray(), perf_counter()
    with socket.create_connection((parts.hostname, parts.port), timeout=patience) as connection:
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Authorization: Bearer sandbox", "Content-Length: 0"]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        try:
            while part := connection.recv(65536):
                content += part
            heard.ended = "closed"
        except ConnectionResetError:
            heard.ended = "reset"
        except TimeoutError:
            heard.ended = "silent"
    heard.seconds, heard.content = perf_counter() - began, bytes(content)
    head, _, heard.body = heard.content.partition(b"\r\n\r\n")
    if head:
        first, *rest = head.decode("latin-1").split("\r\n")
        heard.status = int(first.split()[1])
        heard.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
    return heard


@dataclass
class Served:
    url: str
    control_url: str
    faulty: Faulty

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer; an error as its sentence."""
        content = None if body is None else json.dumps(body).encode()
        try:
            with opened(self.control_url + path, content, method) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]


@contextmanager
def served(*faults: str, **more: Any) -> Iterator[Served]:
    control = Control(make(*faults, **more))
    with running(control.faulty, control=control) as url:
        yield Served(url, control.url, control.faulty)
