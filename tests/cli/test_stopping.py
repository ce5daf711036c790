"""Ctrl-C once: the page is finished and the state safe. Twice: now. SIGTERM is as one Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_replicate import rows


class Held:
    """A workspace whose second page of suppressions comes when it is let go."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(token=TOKEN, counts={"Suppressions": 3000})
        self.asked, self.go = Event(), Event()
        #: Seconds after which it comes all the same.
        self.patience = 20

    def __call__(self, request: Request) -> Response:
        if request.target.startswith("/suppressions") and "cursor" in request.target:
            self.asked.set()
            self.go.wait(self.patience)
        return self.sandbox(request)


@pytest.fixture
def held() -> Iterator[tuple[Held, str]]:
    workspace: Any = Held()
    with running(workspace) as url:
        yield workspace, url
        workspace.go.set()


def stopped(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert TOKEN not in out + err
    return out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_finishes_the_page_and_the_next_run_goes_on_there(
    process: Process, replicator: Run, held: tuple[Held, str], number: int
) -> None:
    workspace, url = held
    with process.start("replicate", "Suppressions", "--base-url", url, SEGMENT_TOKEN=TOKEN) as run:
        assert workspace.asked.wait(30)
        run.send_signal(number)
        time.sleep(0.3)
        workspace.go.set()
        out, err = stopped(run)
    assert run.returncode == 1
    assert "stopping; " in err
    assert "to stop now" in err
    assert "Run it again to go on." in err
    assert "interrupted: " in out.splitlines()[-1]
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM suppressions") == [(0,)]
    outcome = replicator("replicate", "Suppressions", "--base-url", url, "--json", SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 0
    assert outcome.document["objects"][0]["requests"] < 3
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM suppressions") == [(3000,)]


def test_twice_ends_it_at_once_and_the_next_run_is_right(
    process: Process, replicator: Run, held: tuple[Held, str], folder: Path
) -> None:
    workspace, url = held
    with process.start("replicate", "Suppressions", "--base-url", url, SEGMENT_TOKEN=TOKEN) as run:
        assert workspace.asked.wait(30)
        run.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, err = stopped(run)
    assert time.monotonic() - began < 5
    assert run.returncode == 130
    assert err.endswith("stopped\n")
    assert (folder / "replica.db").exists()
    workspace.go.set()
    assert replicator("replicate", "Suppressions", "--base-url", url, SEGMENT_TOKEN=TOKEN).code == 0
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM suppressions") == [(3000,)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_cannot_be_written_leaves_the_first_signal_what_it_is(
    process: Process, held: tuple[Held, str], folder: Path, streams: str
) -> None:
    workspace, url = held
    words = [sys.executable, "-m", "replicator", "replicate", "Suppressions", "--base-url", url]
    environ = {**os.environ, **process.environ, "SEGMENT_TOKEN": TOKEN}
    with subprocess.Popen(["sh", "-c", f'exec "$@" {streams}', "sh", *words], cwd=folder, env=environ) as run:
        assert workspace.asked.wait(30)
        run.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        workspace.go.set()
        assert run.wait(30) == 1
    assert rows("sqlite:///replica.db", "SELECT status, error FROM _replicator_runs")[0][0] == "interrupted"


def test_two_runs_at_once_are_refused_and_the_first_one_is_shown(
    process: Process, replicator: Run, held: tuple[Held, str]
) -> None:
    workspace, url = held
    with process.start("replicate", "Suppressions", "--base-url", url, SEGMENT_TOKEN=TOKEN) as run:
        assert workspace.asked.wait(30)
        second = replicator("replicate", "Labels", "--base-url", url, SEGMENT_TOKEN=TOKEN)
        going = replicator("status")
        refused = replicator("schema", "apply")
        workspace.go.set()
        run.communicate(timeout=30)
    assert "is replicating into SQLite file replica.db" in second.error
    assert second.code == refused.code == 1
    assert "is replicating into" in refused.error
    assert "is going on since" in going.out
    assert run.returncode == 0


def test_the_sandbox_serves_until_ctrl_c(process: Process, replicator: Run) -> None:
    with process.start("sandbox", "--port", "0", "--token", TOKEN) as server:
        assert server.stdout is not None
        url, told, how = (server.stdout.readline().strip() for _ in range(3))
        assert replicator("replicate", "Labels", "--base-url", url, SEGMENT_TOKEN=TOKEN).code == 0
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=10)
    assert (server.returncode, err) == (0, "")
    assert told == f"It takes the token {TOKEN!r}. In another terminal:"
    assert how == f"SEGMENT_TOKEN={TOKEN} replicator replicate --base-url {url}"
