"""`replicator sandbox`: whose workspaces it serves, on which clock, and who lives in them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.running import Process, Run

WORKSPACES = """
[[workspaces]]
slug = "shop"
tier = "team"
[[workspaces.tokens]]
secret = "owner"
[[workspaces.tokens]]
secret = "member"
roles = ["Warehouse Read-only"]

[[workspaces]]
slug = "laden"
region = "eu"
seed = 2
[[workspaces.tokens]]
secret = "european"
"""
LIFE = '{"do": "createLabel", "after": 1, "body": {"label": {"key": "late", "value": "x"}}}\n'


class Served:
    def __init__(self, url: str, control: str) -> None:
        self.url = url
        self.control = control

    def ask(self, path: str, token: str = "sandbox") -> httpx.Response:  # noqa: S107 - the documented one
        return httpx.get(self.url + path, headers={"Authorization": f"Bearer {token}"})

    def steer(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(method, self.control + path, json=body)
        return answer.json() if answer.is_success else (answer.status_code, answer.json()["error"])


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Served]:
    with Process(folder).start("sandbox", "--port", "0", "--control-port", "0", *words) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            yield Served(url, process.stdout.readline().split()[1])
        finally:
            process.send_signal(signal.SIGINT)


def keys(served: Served) -> set[str]:
    return {label["key"] for label in served.ask("/labels").json()["data"]["labels"]}


def test_workspaces_come_from_a_file_and_tokens_can_be_set_and_revoked(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(WORKSPACES)
    with serving(tmp_path, "--workspaces", "ours.toml", "--behaviour", "missing_permission=403") as served:
        assert served.ask("/", "owner").json()["data"]["workspace"]["slug"] == "shop"
        assert served.ask("/audit-events", "owner").status_code == 403
        assert served.ask("/sources", "member").status_code == 403
        assert served.ask("/", "european").status_code == 401
        member = {"secret": "member", "roles": ["Source Read-only"]}
        served.steer("PUT", "/tokens", {"workspace": "shop"} | member)
        assert served.ask("/sources", "member").status_code == 200
        assert served.ask("/warehouses", "member").status_code == 403
        shown = served.steer("DELETE", "/tokens?secret=member")
        assert [len(tokens) for tokens in shown["workspaces"].values()] == [1, 1]
        assert "owner" not in json.dumps(shown["workspaces"]["shop"][0]["actor"])
        assert served.ask("/", "member").status_code == 401
        assert served.steer("DELETE", "/tokens?secret=member") == (404, "there is no such token")
        assert served.steer("PUT", "/tokens", {"secret": "x", "roles": ["Boss"]})[0] == 400
        assert served.steer("PUT", "/tokens", {"secret": "european"})[0] == 400
        assert served.steer("PUT", "/tokens", {"secret": "x", "workspace": "none"})[0] == 404
    with serving(tmp_path, "--workspaces", "ours.toml", "--region", "eu") as served:
        assert served.ask("/", "european").json()["data"]["workspace"]["slug"] == "laden"
        assert served.ask("/", "owner").status_code == 401


def test_the_clock_is_set_at_the_start_and_over_the_control_endpoint(tmp_path: Path) -> None:
    with serving(tmp_path, "--clock", "2026-01-01T00:00:00Z +1h/request") as served:
        times = [served.ask("/").headers["X-RateLimit-Reset"] for _ in range(2)]
        assert times == ["Thu, 01 Jan 2026 00:01:00 GMT", "Thu, 01 Jan 2026 01:01:00 GMT"]
        assert served.steer("PUT", "/clock", {"clock": "2027-01-01"})["now"] == "2027-01-01T00:00:00Z"
        assert served.steer("PUT", "/clock", {"advance": "+2d"})["now"] == "2027-01-03T00:00:00Z"
        assert served.ask("/").headers["X-RateLimit-Reset"] == "Sun, 03 Jan 2027 00:01:00 GMT"
        assert served.steer("GET", "/clock")["now"] == "2027-01-03T00:00:00Z"
        assert served.steer("PUT", "/clock", {"set": "noon"})[0] == 400
        assert served.steer("GET", "/life") == (409, "nobody lives in this sandbox")


def test_a_life_goes_on_while_it_is_served_and_tells_what_was_done(tmp_path: Path) -> None:
    (tmp_path / "life.jsonl").write_text(LIFE)
    with serving(tmp_path, "--life", "life.jsonl") as served:
        assert ["late" in keys(served) for _ in range(2)] == [False, True]
        told = served.steer("GET", "/life")
        (done,) = told["done"]
        assert (told["count"], done["method"], done["target"], done["status"]) == (1, "POST", "/labels", 201)
        assert served.steer("GET", "/life?since=1")["done"] == []
    with serving(tmp_path, "--life", "random:seed=2,rate=2/request") as served:
        for _ in range(5):
            served.ask("/")
        assert served.steer("GET", "/life")["count"] == 10


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--region", "mars"], "--region is 'mars', but must be us or eu"),
        (["--clock", "noon"], "--clock: 'noon' is no moment"),
        (["--life", "nonesuch.jsonl"], "--life: cannot read nonesuch.jsonl: No such file"),
        (["--life", "random:rate=1/day"], "--life: the rate is '1/day'"),
        (["--workspaces", "nonesuch.toml"], "--workspaces: cannot read nonesuch.toml"),
        (["--workspaces", "empty.toml"], "--workspaces: empty.toml: Object missing required field"),
        (["--workspaces", "empty.toml", "--seed", "3"], "leave out --size, --count, --seed and --token"),
        (["--behaviour", "audit_uname=true"], "there is no switch 'audit_uname'; the nearest is audit_unnamed."),
        (["--behaviour", "zzz=true"], "--behaviour: there is no switch 'zzz'."),
        (["--behaviour", "strict=maybe"], "--behaviour: strict cannot be 'maybe', but must be true or false."),
        (["--behaviour", "largest_body=2.5"], "largest_body cannot be '2.5', but must be a whole number."),
        (["--behaviour", "audit_delay=long"], "audit_delay cannot be 'long', but must be a number."),
        (["--behaviour", "hidden_record=405"], "hidden_record cannot be '405', but must be 401, 403, 404 or empty."),
        (["--token", ""], "--token is no token that the replicator sends: No API token"),
        (["--token", "a b"], "--token is no token that the replicator sends: SEGMENT_TOKEN holds a space"),
        (["--behaviour", "read_delay=long"], "--behaviour: read_delay cannot be 'long'"),
    ],
)
def test_an_option_that_cannot_be_read_says_which_and_why(
    replicator: Run, folder: Path, words: list[str], problem: str
) -> None:
    (folder / "empty.toml").write_text("")
    outcome = replicator("sandbox", *words)
    assert outcome.code == 2
    assert problem in outcome.error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "replicator replicate --base-url http://127.0.0.1:"),  # noqa: S104 - what is tried
        (["--host", "127.0.0.2"], "replicator replicate --base-url http://127.0.0.2:"),
        (["--host", "0.0.0.0", "--tls", "valid"], "replicator replicate --base-url https://127.0.0.1:"),  # noqa: S104
    ],
)
def test_the_command_that_it_shows_works(process: Process, words: list[str], told: str) -> None:
    with process.start("sandbox", "--port", "0", *words) as server:
        assert server.stdout
        url, _, command = (server.stdout.readline() for _ in range(3))
        assert words[1] in url
        assert told in command
        variables, _, rest = command.strip().partition(" replicator ")
        environ = dict(each.split("=", 1) for each in variables.split())
        try:
            assert process(*rest.split(), "Labels", **environ).code == 0
        finally:
            server.send_signal(signal.SIGINT)
