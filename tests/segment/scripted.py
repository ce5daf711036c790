"""An HTTP server that does exactly what a script says, faults included, over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

RESET = object()
Step = bytes | float | object
#: For one request: bytes are sent, a number is slept, RESET cuts the connection, None closes it.
Script = Callable[["Seen"], Sequence[Step]]


@dataclass(frozen=True)
class Seen:
    """One request as it came, and how many came before it."""

    number: int
    target: str
    headers: dict[str, str] = field(repr=False)


@dataclass
class Server:
    url: str
    seen: list[Seen] = field(default_factory=list)


def answer(body: Any, status: int = 200, **headers: str) -> bytes:
    """A whole answer that leaves the connection open; `body` becomes JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(content)}"]
    if "Content_Type" not in headers:
        lines.append("Content-Type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def in_turn(*scripts: Sequence[Step] | bytes) -> Script:
    """The first for the first request, and so on; the last for all that follow."""

    def script(seen: Seen) -> Sequence[Step]:
        steps = scripts[min(seen.number, len(scripts) - 1)]
        return [steps] if isinstance(steps, bytes) else steps

    return script


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    scheme = "https" if tls else "http"
    server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    lock = threading.Lock()
    closing = threading.Event()

    def converse(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            secured = tls.wrap_socket(connection, server_side=True) if tls else connection
            with secured:
                _converse(secured, script, server, lock, closing)

    def accept() -> None:
        while not closing.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        closing.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _converse(
    connection: socket.socket, script: Script, server: Server, lock: threading.Lock, closing: threading.Event
) -> None:
    while request := _request(connection):
        with lock:
            seen = Seen(len(server.seen), *request)
            server.seen.append(seen)
        for step in script(seen):
            if closing.is_set():
                return
            if step is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, int | float):
                time.sleep(step)
            else:
                return


def _request(connection: socket.socket) -> tuple[str, dict[str, str]] | None:
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            return None
        head += more
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return first.split(" ")[1], {name.lower(): value for name, value in headers.items()}
