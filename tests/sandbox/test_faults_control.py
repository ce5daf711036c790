"""The control endpoint and the log: faults at run time, and what the server knows of what it was asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Thread
from urllib.error import URLError

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.control import Asked, Control
from replicator.sandbox.faults import Log
from replicator.sandbox.server import running
from tests.sandbox.faulty import data, get, hear, make, opened, served

LABEL = {"label": {"key": "tier", "value": "gold", "description": "d"}}


def post(url: str, body: object, target: str = "/labels") -> int:
    with opened(url + target, json.dumps(body).encode()) as answer:
        return int(answer.status)


def test_faults_are_set_listed_and_taken_back_while_the_server_runs() -> None:
    with served("bom") as server:
        added = server.control("POST", "/faults", [{"route": "getWorkspace", "status": 503, "times": 1}, "nan"])
        assert [one["number"] for one in added["faults"]] == [2, 3]
        assert [hear(server.url, patience=0.3).status for _ in range(2)] == [503, 200]
        listed = server.control("GET", "/faults")["faults"]
        assert listed[1] == {
            "number": 2,
            "calls": 2,
            "struck": 1,
            "fault": {"route": "getWorkspace", "method": "*", "status": 503, "times": 1},
        }
        assert len(server.control("DELETE", "/faults?number=1")["faults"]) == 2
        assert server.control("PUT", "/faults", [one["fault"] for one in listed])["faults"][0]["number"] == 1
        assert server.control("DELETE", "/faults") == {"seed": 1, "faults": []}
        assert hear(server.url, patience=0.3).status == 200


def test_the_seed_is_set_and_the_draws_begin_anew() -> None:
    with served("getWorkspace:status=500,probability=0.5", seed=3) as server:

        def statuses() -> list[int]:
            return [get(server.faulty, "/").status for _ in range(40)]

        first = statuses()
        assert server.control("PUT", "/seed", {"seed": 4}) == {"seed": 4}
        assert statuses() != first
        server.control("PUT", "/seed", {"seed": 3})
        assert statuses() == first


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "sentence"),
    [
        ("POST", "/faults", "listSource:bom", 400, "no operation is named 'listSource'; the nearest is listSources"),
        ("POST", "/faults", ["bom", {"statu": 5}], 400, "there is no fault 'statu'; the nearest is status"),
        ("POST", "/faults", "tls=expired", 400, "tls needs a server that speaks TLS, and this one does not"),
        ("POST", "/faults", None, 400, "a fault is an object, or a text such as"),
        ("PATCH", "/faults", None, 405, "this takes GET, POST, PUT, DELETE, not PATCH"),
        ("DELETE", "/faults?number=7", None, 404, "there is no fault of number 7"),
        ("DELETE", "/faults?number=x", None, 400, "number is 'x', but must be a whole number"),
        ("PUT", "/seed", {"seed": "x"}, 400, "the seed must be a whole number"),
        ("GET", "/log?sinse=1", None, 400, "there is no parameter 'sinse' here; there are method"),
        ("GET", "/log?limit=-1", None, 400, "limit is '-1', but must be a whole number"),
        ("GET", "/logs", None, 404, "there is no /logs; there are /, /faults, /seed, /log"),
    ],
)
def test_what_the_control_endpoint_does_not_understand_changes_nothing(
    method: str, path: str, body: object, code: int, sentence: str
) -> None:
    with served("bom") as server:
        status, error = server.control(method, path, body)
        assert status == code
        assert sentence in error
        assert len(server.control("GET", "/faults")["faults"]) == 1


def test_others_add_their_own_routes() -> None:
    control = Control(make())

    def clock(asked: Asked) -> object:
        return {"method": asked.method, "query": asked.query, "body": asked.body}

    control.routes["/clock"] = clock
    with running(control.faulty, control=control), opened(control.url + "/clock?by=5", b"[1]", "PUT") as answer:
        assert json.load(answer) == {"method": "PUT", "query": {"by": "5"}, "body": [1]}


def test_the_api_does_not_answer_on_the_control_port_nor_the_other_way_round() -> None:
    with served() as server:
        assert server.control("GET", "/") == {"routes": ["/", "/faults", "/seed", "/log"]}
        assert hear(server.control_url, "/sources", patience=0.3).status == 404
        assert hear(server.url, "/faults", patience=0.3).status == 404
        address = server.control_url
    with pytest.raises(URLError):
        opened(address)


def test_the_log_tells_what_took_effect_whatever_the_client_saw() -> None:
    with served("POST:reset=after,nth=1", "POST:reset,nth=2", "POST:status=500,nth=3,effect=done") as server:
        for number in range(3):
            with pytest.raises(OSError, match=r"."):
                post(server.url, {"label": {"key": f"tier{number}", "value": "gold"}})
        assert post(server.url, LABEL) == 201
        log = server.control("GET", "/log?method=POST")
    assert [(entry["outcome"], entry["status"], entry["effect"], entry["faults"]) for entry in log["entries"]] == [
        ("reset", None, True, ["reset"]),
        ("reset", None, False, ["reset"]),
        ("answered", 500, True, ["status"]),
        ("answered", 201, True, []),
    ]
    assert json.loads(log["entries"][-1]["body"]) == LABEL
    assert {entry["operation"] for entry in log["entries"]} == {"createLabel"}


def test_at_most_one_effect_for_each_intent_is_read_from_the_log() -> None:
    with served("POST:lose_response,nth=1") as server:
        for _ in range(3):  # a client that repeats what it should not
            try:
                post(server.url, LABEL)
            except OSError:
                continue
        effects = server.control("GET", "/log?method=POST&operation=create*&effect=true")["entries"]
    # The sandbox refuses a label that is there, so that a repeated intent has no second effect.
    assert Counter(entry["body"] for entry in effects) == {json.dumps(LABEL): 1}


def test_a_late_effect_takes_place_although_the_client_has_gone() -> None:
    with served("POST:delay=0.4,effect=late") as server:
        with pytest.raises(TimeoutError):
            opened(server.url + "/labels", json.dumps(LABEL).encode(), timeout=0.1)
        assert server.control("GET", "/log")["entries"] == []
        hear(server.url, patience=0.6)
        assert [entry["effect"] for entry in server.control("GET", "/log?method=POST")["entries"]] == [True]
    assert any(label["key"] == "tier" for label in data(get(server.faulty, "/labels"))["labels"])


def test_the_log_is_filtered_read_on_and_forgotten() -> None:
    with served("/users:truncate_at=3") as server:
        for target in ("/", "/sources", "/users", "/nonesuch"):
            hear(server.url, target, patience=0.3)

        def numbers(query: str) -> list[int]:
            return [entry["number"] for entry in server.control("GET", f"/log?{query}")["entries"]]

        assert numbers("") == [1, 2, 3, 4]
        assert numbers("since=2") == [3, 4]
        assert numbers("limit=2") == [1, 2]
        assert numbers("operation=list*") == [2, 3]
        assert numbers("path=/s*") == [2]
        assert numbers("status=404") == [4]
        assert numbers("outcome=cut") == numbers("fault=truncate_at") == [3]
        assert numbers("has_body=true") == numbers("effect=true") == numbers("method=POST") == numbers("body=x") == []
        token = server.control("GET", "/log")["entries"][0]["token"]
        assert numbers(f"token={token}") == [1, 2, 3, 4]
        server.control("DELETE", "/log")
        hear(server.url, patience=0.3)
        assert numbers("") == [5]


def test_the_log_never_holds_a_token() -> None:
    faulty = make()
    get(faulty, "/")
    entry = faulty.log.read()[0]
    assert "sandbox" not in repr(entry)
    assert len(entry.token) == 8


def test_the_log_is_bounded_by_entries_and_by_bytes() -> None:
    few, small = make(log=Log(entries=3)), make(log=Log(body_bytes=100))
    for number in range(5):
        get(few, f"/?{number}")
        get(small, f"/?{number}", "POST", b"x" * 40)
    assert [entry.number for entry in few.log.read()] == [3, 4, 5]
    assert [entry.number for entry in small.log.read()] == [4, 5]
    assert (few.log.dropped, small.log.dropped) == (2, 3)


def test_threads_draw_and_log_each_request_once() -> None:
    faulty = make("status=500,times=50")
    threads = [Thread(target=lambda: [get(faulty, "/") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = Counter(entry.status for entry in faulty.log.read())
    assert statuses == {500: 50, 200: 150}
    assert [entry.number for entry in faulty.log.read()] == list(range(1, 201))


def test_the_command_takes_faults_and_prints_the_control_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('["listUsers:status=502"]')
    words = ["--port", "0", "--control-port", "0", "--fault", "listSources:status=503", "--faults", str(file)]
    with subprocess.Popen(
        [sys.executable, "-m", "replicator", "sandbox", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        word, control = process.stdout.readline().split()
        assert word == "control"
        assert [hear(url, target, patience=0.3).status for target in ("/sources", "/users", "/")] == [503, 502, 200]
        with opened(control + "/log") as answer:
            assert len(json.load(answer)["entries"]) == 3
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_a_sandbox_without_faults_answers_byte_for_byte_as_alone() -> None:
    sandbox = Sandbox()
    assert get(make(sandbox=sandbox)).body == get(sandbox).body
