"""The workspace as people see it: the API over a real socket, asked again where an answer went wrong."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from replicator.sandbox import Request, Response

from .processes import PEOPLE

_TRIES = 30


class Refused(Exception):
    """The API's word that this cannot be done."""


class Workspace:
    """A plain client with nothing of the program's own."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc

    def __call__(self, request: Request) -> Response:
        """One exchange, as `tests.scenarios.walk` wants it."""
        connection = http.client.HTTPConnection(self._address, timeout=20)
        try:
            body = request.body or None
            connection.request(request.method, request.target, body, dict(request.headers))
            answer = connection.getresponse()
            return Response(answer.status, tuple(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def write(self, method: str, target: str, body: Any = None) -> Any:
        """Says how things shall be, again and again until an answer confirms it. Raises Refused."""
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {PEOPLE}"} | ({"content-type": "application/json"} if sent else {})
        for tried in range(_TRIES):
            try:
                answer = self(Request(method, target, headers, sent))
                found = json.loads(answer.body)["data" if answer.status < 300 else "errors"]
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
                continue
            if answer.status < 300:
                return found
            if answer.status == 429 or answer.status >= 500:
                time.sleep(0.1)
                continue
            if tried and answer.status in {404, 409}:
                # An earlier try took effect, and its answer was lost.
                return None
            raise Refused(f"{method} {target} was answered by {answer.status}: {answer.body[:300]!r}")
        raise Refused(f"{method} {target} was not answered well in {_TRIES} tries")

    def listed(self, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        return list(self._pages(path, key, query))

    def _pages(self, path: str, key: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            asked = f"{path}?{urlencode({**query, 'pagination.count': '200', **cursor})}"
            data = self.write("GET", asked)
            for _ in range(_TRIES):
                if isinstance(data, dict) and key in data:
                    break
                data = self.write("GET", asked)
            yield from data[key]
            following = (data.get("pagination") or {}).get("next")
            if not following:
                return
            cursor = {"pagination.cursor": following}
