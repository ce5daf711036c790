"""The page of a daemon whose threads stand still, over a real socket; and a client with the cookies of a browser."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlencode

from replicator.cli import page, turns, web
from replicator.cli.keeper import Keeper
from replicator.settings import Configuration, Web, load_all
from replicator.settings.web import guarded

#: Of the status page in these tests; long enough to be one.
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        """What of a page is read."""
        parser = _Text()
        parser.feed(self.text)
        return " ".join(" ".join(parser.found).split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@dataclass(slots=True)
class Visitor:
    """A browser's cookies and headers."""

    port: int
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None) -> Answer:
        own = {"Host": self.host or f"127.0.0.1:{self.port}"}
        if self.cookies:
            own["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**own, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read().decode(),
            )
        finally:
            connection.close()
        if cookie := answer.headers.get("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str, fields: Mapping[str, str] | None = None, *, page: str = "/") -> Answer:
        """As the form on that page sends it."""
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(page).text)
        assert token, f"{page} has no form"
        return self.send(path, {"csrf": token[1], **(fields or {})})

    def send(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        own = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://{self.host or f'127.0.0.1:{self.port}'}",
        }
        return self.ask("POST", path, {**own, **headers}, urlencode(fields))

    def log_in(self, who: str = "Ada", password: str = PASSWORD) -> Answer:
        return self.post("/login", {"who": who, "password": password}, page="/login")


@contextmanager
def serving(
    environ: Mapping[str, str] | None = None, *, keepers: Mapping[str, Keeper] | None = None
) -> Iterator[Visitor]:
    """The page of the configuration in this folder; its `[web]` needs no `listen`."""
    environ = environ or {}
    found = load_all(environ, {})
    monitor = web.Monitor(environ)
    monitor.follow(found, keepers or still(found, environ))
    door = web.Door(page.Kept(monitor, environ))
    opened, problems = guarded(_listening(found), "replicator.toml")
    assert not problems
    door.follow(opened)
    try:
        yield Visitor(door.port)
    finally:
        door.close()


class Still(Keeper):
    """A keeper whose thread was never started, and counts as alive."""

    def is_alive(self) -> bool:
        return True


def _listening(found: Configuration) -> Web:
    return replace(found.web, listen=found.web.listen or ("127.0.0.1", 0))


def still(found: Configuration, environ: Mapping[str, str]) -> dict[str, Keeper]:
    """Keepers of all connections."""
    jobs = turns.by_connection(found)
    return {name: Still(name, each, jobs.get(name, []), environ, None) for name, each in found.connections.items()}
