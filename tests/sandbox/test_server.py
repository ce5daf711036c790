"""The sandbox over a real socket, and as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import pytest

from replicator.sandbox import Request, Sandbox
from replicator.sandbox.server import running
from tests.sandbox.conftest import NOW

AUTHORIZED = {"Authorization": "Bearer sandbox"}
SERVE = """
from replicator.sandbox import Sandbox
from replicator.sandbox.server import serve
serve(Sandbox(), ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def connection(url: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(url).netloc, timeout=10)


def test_the_socket_answers_the_same_as_the_callable() -> None:
    sandbox = Sandbox(now=lambda: NOW)
    with running(sandbox) as url:
        client = connection(url)
        for target in (
            "/",
            "/sources?pagination%5Bcount%5D=2",
            "/nonesuch",
            "/spaces/a%2Fb/events/In%2FOut/properties",
        ):
            client.request("GET", target, headers=AUTHORIZED)
            answer = client.getresponse()
            expected = sandbox(Request("GET", target, {"authorization": "Bearer sandbox"}))
            assert (answer.status, answer.read()) == (expected.status, expected.body)
            assert answer.headers["Content-Type"] == "application/json"
        client.close()


def test_the_token_is_needed_over_the_socket_too() -> None:
    with running(Sandbox()) as url:
        client = connection(url)
        client.request("GET", "/")
        assert client.getresponse().status == 401
        client.close()


def test_answers_come_without_the_delay_of_nagles_algorithm() -> None:
    with running(Sandbox()) as url:
        client = connection(url)
        began = perf_counter()
        for _ in range(100):
            client.request("GET", "/", headers=AUTHORIZED)
            client.getresponse().read()
        client.close()
        assert perf_counter() - began < 2  # with it: 4.4 s


def test_a_port_can_be_used_again_at_once() -> None:
    with running(Sandbox()) as url:
        port = urlsplit(url).port or 0
        client = connection(url)
        client.request("GET", "/", headers=AUTHORIZED)
        client.getresponse().read()  # the server is the first to hang up, so that its port has to wait
    with running(Sandbox(), port=port) as again:
        assert again == url
    client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_says_when_it_is_ready_and_returns_when_told_to_stop(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )
    with process:
        assert process.stdout
        url = process.stdout.readline().strip()
        client = connection(url)
        client.request("GET", "/", headers=AUTHORIZED)
        assert json.loads(client.getresponse().read())["data"]["workspace"]["slug"]
        client.close()
        process.send_signal(number)
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0


def test_the_sandbox_imports_nothing_else_of_the_package() -> None:
    code = "import sys, replicator.sandbox.server; print(*[m for m in sys.modules if m.startswith('replicator')])"
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert {name.split(".")[1] for name in output.stdout.split() if "." in name} == {"sandbox"}
