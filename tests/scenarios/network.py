"""The network's end: the sandbox as a transport, with what a network or a vendor may do to its answers."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replicator.sandbox import Request, Response, Sandbox
from tests import canaries

Fault = Callable[[Request, Response], Response]


class Network:
    """Counts what is asked and alters what is answered."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self.sandbox = sandbox or Sandbox()
        self.asked: list[str] = []
        self.statuses: Counter[int] = Counter()
        #: The largest page that the server gives, whatever is asked for.
        self.page_size = 1000
        #: The writes, as (method, target).
        self.written: list[tuple[str, str]] = []
        #: "METHOD /path" whose answer is lost after its effect.
        self.lose = ""
        #: A field of writes that has no effect, although they are answered with success.
        self.ignores = ""
        #: A method whose requests have no effect, although they are answered with success.
        self.deaf_to = ""
        #: Requests with this in their body are refused, untouched.
        self.refuse_rules_with = ""
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        path = urlsplit(request.target).path
        if request.method != "GET":
            self.written.append((request.method, request.target))
        if self.refuse_rules_with and self.refuse_rules_with.encode() in request.body:
            return error(422, message="is not a schema")(request, Response(422, (), b""))
        if self.deaf_to == request.method:
            return raw(b'{"data": {"status": "SUCCESS"}}')(request, Response(200, (), b""))
        answer = self.sandbox(self._smaller(self._less(request)))
        if self.lose == f"{request.method} {path}":
            return error(502)(request, answer)
        for where, fault in list(self._faults):
            if where in ("*", path) or (where.endswith("*") and path.startswith(where[:-1])):
                answer = fault(request, answer)
        with self._lock:
            self.asked.append(request.target)
            self.statuses[answer.status] += 1
        return answer

    def _less(self, request: Request) -> Request:
        if not (self.ignores and request.body):
            return request
        body = {name: value for name, value in json.loads(request.body).items() if name != self.ignores}
        for rule in body.get("rules", ()):
            rule.pop(self.ignores, None)
        return Request(request.method, request.target, request.headers, json.dumps(body).encode())

    def _smaller(self, request: Request) -> Request:
        target = request.target.replace("pagination.count=1000", f"pagination.count={self.page_size}")
        return Request(request.method, target, known(request.headers), request.body)

    def write(self, method: str, target: str, body: Any = None) -> Any:
        """What somebody else does to the workspace; returns the answer's data."""
        sent = json.dumps(body).encode() if body is not None else b""
        answer = self.sandbox(Request(method, target, {"authorization": "Bearer sandbox"}, sent))
        assert answer.status in {200, 201}, answer.body
        return json.loads(answer.body)["data"]

    def on(self, where: str, fault: Fault) -> None:
        """Alters the answers of that path; a star stands for any ending."""
        self._faults.append((where, fault))

    def heal(self) -> None:
        self._faults.clear()

    def forget(self) -> None:
        """Begins to count anew."""
        self.asked.clear()
        self.statuses.clear()

    def paths(self) -> Counter[str]:
        return Counter(urlsplit(target).path for target in self.asked)


def known(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The sandbox's documented token in the place of the one that is hunted."""
    said = headers.get("authorization", "").replace(canaries.TOKEN, "sandbox")
    return {**headers, "authorization": said}


def query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.target).query))


def error(status: int, kind: str = "RequestError", message: str = "no") -> Fault:
    """An error envelope in place of the answer."""
    body = json.dumps({"errors": [{"type": kind, "message": message}]}).encode()
    return lambda request, answer: Response(status, (("Content-Type", "application/json"),), body)


def raw(body: bytes, kind: str = "application/json") -> Fault:
    """That body in place of the answer's."""
    return lambda request, answer: Response(200, (("Content-Type", kind),), body)


def data(change: Callable[[dict[str, Any]], object]) -> Fault:
    """A good answer whose `data` is changed in place."""

    def altered(request: Request, answer: Response) -> Response:
        if answer.status != 200:
            return answer
        document = json.loads(answer.body)
        change(document["data"])
        return Response(200, answer.headers, json.dumps(document).encode())

    return altered


def text(old: bytes, new: bytes, *, needed: bool = True) -> Fault:
    """A good answer with those bytes of its body replaced: what no JSON encoder would write."""

    def altered(request: Request, answer: Response) -> Response:
        assert old in answer.body or not needed
        return Response(answer.status, answer.headers, answer.body.replace(old, new))

    return altered


def listing(key: str, change: Callable[[list[Any]], list[Any]]) -> Fault:
    """A page whose records are changed; the API's count goes with them."""

    def altered(found: dict[str, Any]) -> None:
        before = len(found[key])
        found[key] = change(found[key])
        pagination = found.get("pagination") or {}
        if "totalEntries" in pagination:
            pagination["totalEntries"] += len(found[key]) - before

    return data(altered)
