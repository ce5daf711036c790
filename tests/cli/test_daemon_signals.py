"""A daemon in the midst of a run: asked to stop, to stop now, to reload, and met by a command for the same database."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_daemon import daemon, ended, runs, wait_for
from tests.cli.test_stopping import Held, held

__all__ = ["held"]


def configure(url: str, jobs: str = '[jobs.held]\nevery = "1h"\n') -> None:
    Path("replicator.toml").write_text(
        f'target = "sqlite:///replica.db"\nbase_url = "{url}"\nobjects = ["Suppressions"]\n{jobs}'
    )


def test_sigterm_lets_the_run_finish_its_page_and_the_next_one_goes_on_there(
    process: Process, replicator: Run, held: tuple[Held, str]
) -> None:
    workspace, url = held
    configure(url)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        assert workspace.asked.wait(30)
        started.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        workspace.go.set()
        _, err = started.communicate(timeout=30)
    assert started.returncode == 0, err
    assert [run["status"] for run in runs()] == ["interrupted"]
    outcome = replicator("run", "held", SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 0
    assert runs()[-1]["requests"] < 4


def test_a_second_sigterm_ends_it_at_once_and_nothing_committed_is_lost(
    process: Process, replicator: Run, held: tuple[Held, str]
) -> None:
    workspace, url = held
    configure(url)
    with daemon(process, SEGMENT_TOKEN=TOKEN) as started:
        assert workspace.asked.wait(30)
        started.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        began = time.monotonic()
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=10)
        assert time.monotonic() - began < 5
    assert started.returncode not in {0, None}
    workspace.go.set()
    assert replicator("run", "held", SEGMENT_TOKEN=TOKEN).code == 0
    assert [run["status"] for run in runs()] == ["failed", "done"]


def test_sighup_drops_no_run_that_goes_on_and_the_new_configuration_follows_it(
    process: Process, held: tuple[Held, str]
) -> None:
    workspace, url = held
    configure(url)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        assert workspace.asked.wait(30)
        configure(url, '[jobs.other]\nobjects = ["Labels"]\nevery = "1h"\n')
        started.send_signal(signal.SIGHUP)
        time.sleep(1.5)
        assert [(run["job"], run["status"]) for run in runs()] == [("held", "running")]
        workspace.go.set()
        wait_for(lambda: [(run["job"], run["status"]) for run in runs()] == [("held", "done"), ("other", "done")])
        ended(started)


def test_a_command_is_refused_while_the_daemon_s_run_goes_on_and_the_run_is_left_alone(
    process: Process, replicator: Run, held: tuple[Held, str]
) -> None:
    workspace, url = held
    configure(url)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        assert workspace.asked.wait(30)
        outcome = replicator("run", "held", SEGMENT_TOKEN=TOKEN)
        assert outcome.code == 1
        assert "wait for it to end, or stop it and run again" in outcome.error
        (job,) = replicator("jobs", "--json").document["jobs"]
        assert (job["status"], job["due"]) == ("running", None)
        workspace.go.set()
        wait_for(lambda: [run["status"] for run in runs()] == ["done"])
        ended(started)


class Broken:
    """A workspace that has labels and no roles."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(token=TOKEN)

    def __call__(self, request: Request) -> Response:
        return Response(500, (), b"") if request.target.startswith("/roles") else self.sandbox(request)


@pytest.fixture
def broken() -> Iterator[str]:
    workspace: Any = Broken()
    with running(workspace) as url:
        yield url


class Slow:
    """A workspace whose labels take longer than the shortest interval of a job."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(token=TOKEN)

    def __call__(self, request: Request) -> Response:
        if request.target.startswith("/labels"):
            time.sleep(6)
        return self.sandbox(request)


def test_a_job_that_takes_longer_than_its_interval_starves_no_other_of_its_connection(process: Process) -> None:
    often = '[jobs.often]\nobjects = ["Labels"]\nevery = "5s"\n'
    nightly = '[jobs.nightly]\nobjects = ["Roles"]\nschedule = "0 3 * * *"\n'
    workspace: Any = Slow()
    with running(workspace) as url:
        configure(url, often + nightly)
        with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
            wait_for(lambda: len([run for run in runs() if run["status"] == "done"]) >= 3)
            ended(started)
    assert [run["job"] for run in runs()][:3] == ["often", "nightly", "often"]


def test_a_job_that_fails_waits_longer_and_starves_no_other_of_its_connection(process: Process, broken: str) -> None:
    jobs = '[jobs.bad]\nobjects = ["Roles"]\nevery = "5s"\n[jobs.good]\nobjects = ["Labels"]\nevery = "5s"\n'
    configure(broken, f"tries = 1\n{jobs}")
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        wait_for(lambda: len([run for run in runs() if run["status"] == "done"]) >= 3)
        ended(started)
    told = [(run["job"], run["status"]) for run in runs() if run["status"] != "interrupted"]
    assert told.count(("bad", "failed")) == 1
    assert {each for each in told if each[0] == "good"} == {("good", "done")}
