"""Pages that come twice, never, or shifted, cursors that go in circles.

Whatever has to be remembered from one page to the next stands in the cursor itself: a base64 list of words, which
`expanded` reads. So two clients that page the same list at once do not disturb each other. Lists whose cursors are
numbers, and requests that write their cursor as JSON, are left as they are.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from .answers import encoded, list_of, pagination_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from replicator.sandbox.messages import Request, Response

    from .model import Fault

    Answer = Callable[[Request], Response]
    Record = dict[str, Any]

_START = "MA=="
_MARK = "faulty"
_CURSOR = re.compile(r"(^|[.\[])cursor\]?$")


def cursor_of(request: Request) -> str:
    """The cursor that is asked for; empty for the first page."""
    found = [value for name, value in _query(request) if _CURSOR.search(name)]
    return "" if not found or found[-1] == _START else found[-1]


def expanded(request: Request, answer: Answer) -> Response:
    """The answer; for a cursor of ours, the page that it stands for."""
    cursor = cursor_of(request)
    match _words(cursor):
        case ["again", original]:
            response = answer(_at(request, original))
            return _edited(response, lambda _data, paging: paging.update(current=cursor)) or response
        case ["shifted", int(by), int(full), str(before), str(original)]:
            return _shifted(request, answer, by, full, (before, original))
        case _:
            return answer(request)


def duplicate_page(_fault: Fault, request: Request, response: Response, _answer: Answer) -> Response | None:
    """`next` gives this page once more, and then what would have been next."""
    if _words(cursor_of(request)) or not isinstance(_next(response), str):
        return None
    again = _cursor("again", cursor_of(request))
    return _edited(response, lambda _data, paging: paging.update(next=again))


def drop_page(_fault: Fault, request: Request, response: Response, answer: Answer) -> Response | None:
    """`next` leads past the next page."""
    following = _next(response)
    if not isinstance(following, str):
        return None
    beyond = _next(expanded(_at(request, following), answer))

    def skip(_data: Record, paging: Record) -> None:
        paging.pop("next")
        if beyond is not None:
            paging["next"] = beyond

    return _edited(response, skip)


def insert(fault: Fault, request: Request, response: Response, _answer: Answer) -> Response | None:
    """After this page so many records come into being before it: the next one repeats the last ones of this."""
    return _moved(request, response, fault.value)


def delete(fault: Fault, request: Request, response: Response, _answer: Answer) -> Response | None:
    """After this page so many of its records are deleted: the next one lacks those that moved to this."""
    return _moved(request, response, -fault.value)


def _moved(request: Request, response: Response, by: int) -> Response | None:
    following = _next(response)
    if not isinstance(following, str) or _words(cursor_of(request)):
        return None
    full = len(_listed(response))
    words = ("shifted", max(-full, min(full, by)), full, cursor_of(request), following)
    return _edited(response, lambda _data, paging: paging.update(next=_cursor(*words)))


def empty_page(_fault: Fault, request: Request, response: Response, _answer: Answer) -> Response | None:
    """No records, and a `next` that gives those that belong here."""
    if _words(cursor_of(request)) or _edited(response, lambda *_: None) is None:
        return None
    again = _cursor("again", cursor_of(request))

    def empty(data: Record, paging: Record) -> None:
        listed = list_of(data)
        if listed:
            data[listed[0]] = []
        paging["next"] = again

    return _edited(response, empty)


def cursor_loop(fault: Fault, request: Request, response: Response, _answer: Answer) -> Response | None:
    """`next` is this page, or the first one."""
    if _next(response) is None:
        return None
    there = _START if fault.value == "start" else cursor_of(request) or _START
    return _edited(response, lambda _data, paging: paging.update(next=there))


def _shifted(request: Request, answer: Answer, by: int, full: int, places: tuple[str, str]) -> Response:
    """The page at the second of `places` once `by` records more (or, below 0, fewer) stand before it.

    The first of `places` is the page before it. An empty second is the page past the last one, which holds what
    the shift pushed out of that one. `full` is how many records a full page has.
    """
    before, original = places
    response = answer(_at(request, original or before))
    here, following = (_listed(response), _next(response)) if original else ([], None)
    if by > 0:
        window = _listed(answer(_at(request, before)))[full - by :] + here
        more = following is not None or len(window) > full
    else:
        page = answer(_at(request, following)) if isinstance(following, str) else None
        pulled = _listed(page) if page else []
        window = here[-by:] + pulled
        more = page is not None and (len(pulled) > -by or _next(page) is not None)

    def move(data: Record, paging: Record) -> None:
        listed = list_of(data)
        if listed:
            data[listed[0]] = window[:full]
        paging.pop("next", None)
        if more:
            paging["next"] = _cursor("shifted", by, full, original, following or "")
        paging["current"] = cursor_of(request)
        if "totalEntries" in paging:
            paging["totalEntries"] += by

    return _edited(response, move) or response


def _query(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.target.partition("?")[2], keep_blank_values=True)


def _at(request: Request, cursor: str) -> Request:
    """The same request for the page at another cursor."""
    pairs = _query(request)
    if any(_CURSOR.search(name) for name, _ in pairs):
        pairs = [(name, cursor or _START if _CURSOR.search(name) else value) for name, value in pairs]
    else:
        pairs.append(("pagination.cursor", cursor or _START))
    return replace(request, target=f"{request.target.partition('?')[0]}?{urlencode(pairs)}")


def _edited(response: Response, edit: Callable[[Record, Record], Any]) -> Response | None:
    """The page after `edit` has changed its `data` and its pagination; None for what is no page."""
    data = _data(response)
    paging = pagination_of(data)
    if paging is None or not isinstance(paging["current"], str):
        return None
    edit(data, paging)
    return encoded(response, data)


def _data(response: Response) -> Record:
    body = msgspec.json.decode(response.body) if response.status == 200 else {}
    return dict(body.get("data") or {})


def _next(response: Response) -> Any:
    return (pagination_of(_data(response)) or {}).get("next")


def _listed(response: Response) -> list[Any]:
    listed = list_of(_data(response))
    return listed[1] if listed else []


def _cursor(*words: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode([_MARK, *words])).decode().rstrip("=")


def _words(cursor: str) -> list[Any]:
    """What a cursor of ours remembers; empty for all others."""
    try:
        words = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError):
        return []
    return words[1:] if isinstance(words, list) and words[:1] == [_MARK] else []
