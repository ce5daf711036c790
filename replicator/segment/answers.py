"""An HTTP answer to a verdict.

By its status: Segment's error types are no stable vocabulary (resources.md, "Envelope and errors").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from replicator.errors import (
    AccessDenied,
    FeatureMissing,
    NotFound,
    RateLimited,
    SegmentError,
    Unauthorized,
    UnexpectedResponse,
    Unreachable,
)

from . import retry
from .decode import OffContract, Unreadable
from .exchange import Failed, Reply

T = TypeVar("T")

#: A contract violation is rarely a passing fault: it gets this many tries, however many others get.
FEW = 3
_LONGEST_MESSAGE = 300
_LATER = "Run it again later; what was stored stays."
_HOST = re.compile(r"[a-z0-9.:-]{1,100}")
# A tracking plan is no pricing plan, so the bare word `plan` does not count.
_FEATURE = re.compile(
    r"\bfeature\b|\bupgrade\b|\bentitle|\b(?:pricing|billing|current|your|business|team|free) (?:plan|tier)\b"
    r"|\bnot (?:available|included|enabled) (?:on|in|for) (?:your|this|the) (?:plan|tier|workspace|account)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer; `date` is the server's clock."""

    body: bytes = field(repr=False)
    date: datetime | None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Worth another try: after `seconds`, or after a backoff. `error` is raised once the tries are used up."""

    error: SegmentError
    why: str
    seconds: float | None = None
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """429. The limits hold back whatever `whole_token` tells, for that many seconds."""

    error: RateLimited
    seconds: float | None
    named: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """401: a bad token or, undocumented but stated, a missing permission; another request has to tell which."""

    unauthorized: SegmentError
    inaccessible: SegmentError


Verdict = Answer | Again | Refused | Denied | SegmentError


def judge(where: str, reply: Reply | Failed, clean: Callable[[str], str], now: datetime) -> Verdict:
    """What to do about this answer to `where` ("GET /path"). `clean` takes the token out of other people's words."""
    if isinstance(reply, Failed):
        return _unreached(where, clean(reply.why), passing=reply.passing)
    return _Judge(where, reply, clean, now).verdict()


def _unreached(where: str, why: str, *, passing: bool) -> Verdict:
    if not passing and "certificate" in why:
        advice = "Check the base URL; if a proxy of your company stands between, give its CA as a file."
        return Unreachable(f"{where}: {why}. {advice}")
    if not passing:
        return UnexpectedResponse(f"{where}: {why}. Check the base URL.")
    return Again(Unreachable(f"{where}: {why}, each time. Check the network. {_LATER}"), why)


class _Judge:
    def __init__(self, where: str, reply: Reply, clean: Callable[[str], str], now: datetime) -> None:
        self.where = where
        self.now = now
        self.clean = clean
        self.reply = reply
        self.status = reply.status
        self.request_id = reply.headers.get("x-request-id")
        self.errors = _errors(reply.body) if reply.status >= 400 else []
        self.said = clean(_message(self.errors))

    def verdict(self) -> Verdict:
        status = self.status
        if 200 <= status < 300:
            return self._good()
        if 300 <= status < 400:
            return self._redirect()
        if status == 429:
            return self._limited()
        if status == 408 or status >= 500:
            return self._failing()
        if _FEATURE.search(self.said) and not any("field" in error for error in self.errors) and status != 401:
            return self._feature()
        return self._wrong()

    def _good(self) -> Verdict:
        kind = self.reply.headers.get("content-type", "json").partition(";")[0].strip()
        if "json" in kind.lower():
            return Answer(self.reply.body, retry.answer_date(self.reply.headers), self.request_id)
        why = f"the answer is {_short(kind) or 'nothing'} instead of JSON"
        advice = "Check the base URL, and whether a proxy or a login page stands between."
        return Again(self._error(UnexpectedResponse, f"{why}. {advice}"), why, tries=FEW)

    def _redirect(self) -> Verdict:
        if self.status == 304:
            advice = "Check the base URL, and whether a proxy that keeps answers stands between."
            return self._error(UnexpectedResponse, f"it answers status 304, which nobody asked for. {advice}")
        try:
            host = urlsplit(self.reply.headers.get("location", "")).hostname
        except ValueError:
            host = None
        to = f" to {self.clean(host)}" if host and _HOST.fullmatch(host) else ""
        return self._error(
            UnexpectedResponse, f"it redirects{to}, and the token follows no redirect. Check the base URL."
        )

    def _limited(self) -> Verdict:
        seconds = retry.asked_for(self.reply.headers, self.errors, self.now)
        text = f"Segment's rate limit is used up. Use fewer threads, or stop what else uses the token. {_LATER}"
        named = bool(self.reply.headers.get("retry-after"))
        return Refused(RateLimited(f"{self.where}: {text}", status=429, request_id=self.request_id), seconds, named)

    def _failing(self) -> Verdict:
        why = f"Segment fails with status {self.status}"
        seconds = retry.asked_for(self.reply.headers, [], self.now) if self.status == 503 else None
        return Again(self._error(Unreachable, f"{why}, each time{self._quoted()}. {_LATER}"), why, seconds)

    def _feature(self) -> SegmentError:
        text = f"the workspace lacks the feature{self._quoted()}. Leave the object out, or ask Segment for the feature."
        return self._error(FeatureMissing, text)

    def _wrong(self) -> Verdict:
        denied = self._error(
            AccessDenied,
            f"the token lacks the permission{self._quoted()}. "
            "Grant it in Segment (Access Management), or leave the object out.",
        )
        if self.status == 401:
            return Denied(self._unauthorized(), self._feature() if _FEATURE.search(self.said) else denied)
        if self.status == 403:
            return denied
        if self.status == 404:
            return self._error(NotFound, f"it is not there{self._quoted()}. It may have been deleted a moment ago.")
        # A write says what a person wrote; what a read asks for is ours.
        advice = " Please report this." if self.where.startswith("GET ") else ""
        text = f"Segment refuses the request with status {self.status}{self._quoted()}.{advice}"
        return self._error(UnexpectedResponse, text)

    def _unauthorized(self) -> SegmentError:
        text = (
            f"Segment does not accept the token{self._quoted()}. It is wrong, revoked, or of another region: "
            "check the region, or make a new Public API token."
        )
        return self._error(Unauthorized, text)

    def _quoted(self) -> str:
        return f" ({self.said})" if self.said else ""

    def _error(self, kind: type[SegmentError], text: str) -> SegmentError:
        return kind(f"{self.where}: {text}", status=self.status, request_id=self.request_id)


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _message(errors: list[dict[str, Any]]) -> str:
    """The API's own words: the first error's message and field."""
    if not errors:
        return ""
    message, name = errors[0].get("message") or errors[0].get("type"), errors[0].get("field")
    text = message if isinstance(message, str) else ""
    return _short(f"{text}; field {name}" if isinstance(name, str) and name else text)


def _short(text: str) -> str:
    """Somebody else's words, fit for one line of a terminal or a log."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split()).rstrip(".")
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def understood(where: str, answer: Answer, read: Callable[[Answer], T]) -> T | Again:
    """What `read` makes of the answer; it raises Unreadable or OffContract where it can make nothing of it."""
    try:
        return read(answer)
    except Unreadable as fault:
        text = f"{where}: the answer cannot be read, each time: {fault}. Run it again later."
        error: SegmentError = Unreachable(text, status=200, request_id=answer.request_id)
        return Again(error, f"the answer cannot be read: {fault}")
    except OffContract as fault:
        text = f"{where}: the answer is not what the API promises: {fault}. Check the base URL, or report this."
        error = UnexpectedResponse(text, status=200, request_id=answer.request_id)
        return Again(error, f"unexpected answer: {fault}", tries=FEW)
