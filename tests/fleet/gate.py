"""A way to a server that can be shut, as when the server is restarted: connections break, and new ones are refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url


class Gate:
    """Open at first."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = host, port
        self._listener: socket.socket | None = None
        self._through: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """At the port where it was."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._let_in, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener:
            # Closing alone leaves a thread in accept, and with it the port open.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for each in self._through:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._listener, self._through = None, []

    def _let_in(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._behind)
                self._through += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(url: str) -> Iterator[tuple[Gate, str]]:
    """The gate, and the URL that leads through it."""
    behind = make_url(url)
    made = Gate(behind.host or "127.0.0.1", behind.port or 5432)
    try:
        yield made, behind.set(host="127.0.0.1", port=made.port).render_as_string(hide_password=False)
    finally:
        made.shut()
