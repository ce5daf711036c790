"""What comes in and what goes out: Request, Response, and Refusal for every answer that is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


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
