"""What comes in and what goes out: Request, Response, and Refusal for every answer that is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Request:
    #: The path and the optional `?query`, percent-encoded as on the wire.
    method: str
    target: str
    #: Keys in lower case.
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer goes over the wire when it does not simply go."""

    #: Seconds before the first byte.
    delay: float = 0
    bytes_per_second: float | None = None
    #: The body ends after so many bytes.
    cut_at: int | None = None
    #: How a client can tell where the body ends: by its length, by the last chunk, or by the end of the connection.
    framing: Literal["length", "chunked", "close"] = "length"
    ending: Literal["close", "reset"] = "close"
    #: No byte is sent at all.
    silent: bool = False
    #: So many bytes of white space follow the body.
    padding: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    delivery: Delivery | None = None


class Refusal(Exception):
    """An answer with an error envelope.

    The texts of `type` are those of examples.json ("errors"); the vocabulary is not stable,
    clients branch on the status (resources.md, "Envelope and errors").
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        field: str | None = None,
        data: Mapping[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        error = {"type": kind, "message": message, "field": field, "data": data}
        self.errors: list[dict[str, Any]] = [{k: v for k, v in error.items() if v is not None}]


def not_found(what: str = "Resource") -> Refusal:
    return Refusal(404, "NotFound", f"{what} not found")


def invalid(field: str, problem: str) -> Refusal:
    return Refusal(422, "input-validation", f'"{field}" {problem}', field=field)


def conflict(field: str, problem: str) -> Refusal:
    return Refusal(409, "RequestError", f'"{field}" {problem}', field=field)
