"""Answers in place of the sandbox's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from replicator.sandbox.messages import Request, Response

if TYPE_CHECKING:
    from .model import Fault

_JSON = ("Content-Type", "application/json")
_HTML = b"<!DOCTYPE html>\n<html><body><h1>Sign in to this network</h1></body></html>\n"
#: What the API says with a status (examples.json, "errors"; the rest is assumed).
_TEXTS = {
    401: ("unauthorized", "You are not authorized to perform this action"),
    403: ("Forbidden", "You do not have permission to perform this action"),
    404: ("NotFound", "Resource not found"),
    422: ("input-validation", "The request is not valid"),
    429: ("RequestError", "Too many requests"),
}


def status(fault: Fault, _request: Request, now: datetime) -> Response:
    wait = fault.options.get("retry_after", "none")
    headers = () if wait == "none" else (("Retry-After", _retry_after(wait, now)),)
    body = "empty" if fault.value in (204, 304) else fault.options.get("body", "json")
    if body != "json":
        return Response(fault.value, (("Content-Type", "text/html"), *headers), _HTML if body == "html" else b"")
    data = None
    if fault.value == 429 and wait.isdecimal():
        data = {"remainingPoints": 0, "msBeforeNext": int(wait) * 1000, "consumedPoints": 1}
    return _error(fault.value, headers=headers, data=data)


def _retry_after(wait: str, now: datetime) -> str:
    if wait == "garbage":
        return "soon"
    if wait.startswith("date"):
        return format_datetime(now + timedelta(seconds=int(wait[5:] or 0)), usegmt=True)
    return wait


def unauthorized(_fault: Fault, _request: Request, _now: datetime) -> Response:
    return _error(401)


def forbidden(fault: Fault, _request: Request, _now: datetime) -> Response:
    return _error(fault.options.get("code", 403))


def expired_cursor(fault: Fault, _request: Request, _now: datetime) -> Response:
    field = "pagination.cursor"
    return _error(fault.options.get("code", 422), message=f'"{field}" has expired', field=field)


def redirect(fault: Fault, _request: Request, _now: datetime) -> Response:
    return Response(fault.options.get("code", 302), (("Location", fault.value),), b"")


def html(_fault: Fault, _request: Request, _now: datetime) -> Response:
    return Response(200, (("Content-Type", "text/html"),), _HTML)


def null_data(_fault: Fault, _request: Request, _now: datetime) -> Response:
    return Response(200, (_JSON,), b'{"data":null}')


def empty_object(_fault: Fault, _request: Request, _now: datetime) -> Response:
    return Response(200, (_JSON,), b"{}")


def _error(code: int, *, message: str = "", headers: tuple[tuple[str, str], ...] = (), **more: Any) -> Response:
    kind, usual = _TEXTS.get(code, ("RequestError", "Something went wrong"))
    error = {"type": kind, "message": message or usual} | {k: v for k, v in more.items() if v is not None}
    return Response(code, (_JSON, *headers), msgspec.json.encode({"errors": [error]}))
