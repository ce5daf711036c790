"""An answer on the wire as its Delivery says: slowly, cut, reset, or not at all.

These answers are written past the HTTP engine, which would keep to the rules; their connection ends with them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uvicorn.protocols.http.h11_impl import H11Protocol

    from replicator.sandbox.messages import Delivery, Response

_PIECE = 65_536
#: How often a dripping answer is fed.
_DRIPS_A_SECOND = 20


async def deliver(protocol: H11Protocol, response: Response, delivery: Delivery) -> None:
    await asyncio.sleep(delivery.delay)
    if not delivery.silent:
        await _write(protocol, response, delivery)
    hang_up(protocol, reset=delivery.ending == "reset")


def hang_up(protocol: H11Protocol, *, reset: bool) -> None:
    """End the connection; the engine has nothing more to say on it."""
    protocol.cycle.disconnected = True
    if not reset:
        protocol.transport.close()
        return
    connection = protocol.transport.get_extra_info("socket")
    if connection is not None:
        # To close without lingering is to send RST in place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    protocol.transport.abort()


async def _write(protocol: H11Protocol, response: Response, delivery: Delivery) -> None:
    transport = protocol.transport
    whole = len(response.body) + delivery.padding
    end = whole if delivery.cut_at is None else min(whole, delivery.cut_at)
    # Almost without a buffer of ours, `drain` returns when all is on its way; a reset would throw away the rest.
    # (With a limit of 0 the transport of TLS would pause at an empty buffer, and for ever.)
    transport.set_write_buffer_limits(high=1)
    transport.write(_head(response, delivery, whole))
    pace = delivery.bytes_per_second
    piece = _PIECE if pace is None else max(1, min(_PIECE, int(pace / _DRIPS_A_SECOND)))
    for part in _pieces(response.body, end, piece):
        if transport.is_closing():
            return
        transport.write(b"%x\r\n%b\r\n" % (len(part), part) if delivery.framing == "chunked" else part)
        await protocol.flow.drain()
        await asyncio.sleep(len(part) / pace if pace else 0)
    if delivery.framing == "chunked" and end == whole:
        transport.write(b"0\r\n\r\n")
    await protocol.flow.drain()


def _pieces(body: bytes, end: int, size: int) -> Iterator[bytes]:
    """The body and the white space behind it, up to `end`, without ever having all of it."""
    blank = b" " * size
    for at in range(0, end, size):
        length = min(size, end - at)
        part = body[at : at + length]
        yield part + blank[: length - len(part)]


def _head(response: Response, delivery: Delivery, length: int) -> bytes:
    framing = {
        "length": (("Content-Length", str(length)),),
        "chunked": (("Transfer-Encoding", "chunked"),),
        "close": (),
    }[delivery.framing]
    headers = (*response.headers, *framing, ("Connection", "close"))
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
