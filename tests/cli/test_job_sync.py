"""A job with `sync = true` sends edits to Segment, whoever performs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import pytest

from replicator.cli import connection, keeper, sending, turns
from replicator.outcome import RunResult
from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from replicator.settings import load_all
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_daemon import daemon, ended, wait_for
from tests.cli.test_replicate import rows

_PLAN = "SELECT id, name FROM tracking_plans ORDER BY id"


@pytest.fixture
def workspace() -> Iterator[str]:
    """A workspace of its own, since it is written to."""
    with running(Sandbox(token=TOKEN)) as url:
        yield url


def configured(api: str, url: str, job: str = 'sync = true\nevery = "5s"') -> None:
    text = f'target = "{url}"\nbase_url = "{api}"\nobjects = ["TrackingPlans"]\npush = true\n[jobs.both]\n{job}\n'
    Path("replicator.toml").write_text(text)


def edited(url: str, name: str = "Ours") -> str:
    """The id of the plan that somebody renamed in the database."""
    plan = str(rows(url, _PLAN)[0][0])
    with connection.books(load_all({}, {}).connections["default"]) as books, books.begin() as writing:
        writing.exec_driver_sql(f"UPDATE tracking_plans SET name = '{name}' WHERE id = '{plan}'")
    return plan


def name_in_segment(api: str, plan: str, new: str | None = None) -> Any:
    """What the plan is called there, after somebody named it anew, if they did."""
    theirs = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body, method = (None, "GET") if new is None else (json.dumps({"name": new}).encode(), "PATCH")
    url = f"{api}/tracking-plans/{plan}"
    asked = Request(url, body, theirs, method=method)  # noqa: S310 - our own server
    with urlopen(asked, timeout=20) as answer:  # noqa: S310 - as above
        return json.loads(answer.read())["data"].get("trackingPlan", {}).get("name")


def perform(environ: dict[str, str], unsent: sending.Unsent | None = None) -> RunResult:
    """As the daemon does it when the job's turn comes."""
    found = load_all(environ, {})
    job, settings = found.jobs["both"], found.connections["default"]
    with connection.books(settings) as books:
        (turn,), _ = turns.of(books, "default", [job])
    return keeper.perform(environ, job, turn.after, settings, Event(), unsent=unsent)


@pytest.mark.parametrize("by", ["daemon", "run"])
def test_edits_are_sent_by_whoever_performs_the_job(replicator: Run, workspace: str, target_url: str, by: str) -> None:
    environ = {"SEGMENT_TOKEN": TOKEN}
    configured(workspace, target_url)
    assert replicator("run", "both", **environ).code == 0
    plan = edited(target_url)
    assert (replicator("run", "both", **environ).code if by == "run" else perform(environ).exit_code) == 0
    assert name_in_segment(workspace, plan) == "Ours"


def test_a_job_without_sync_sends_nothing_even_where_the_connection_may(
    replicator: Run, workspace: str, target_url: str
) -> None:
    configured(workspace, target_url, "sync = false")
    environ = {"SEGMENT_TOKEN": TOKEN}
    assert replicator("run", "both", **environ).code == 0
    plan = edited(target_url)
    assert replicator("run", "both", **environ).code == 0
    assert name_in_segment(workspace, plan) != "Ours"


def test_the_running_daemon_sends_what_is_edited_meanwhile(process: Process, workspace: str) -> None:
    url = "sqlite:///replica.db"
    configured(workspace, url)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        wait_for(lambda: Path("replica.db").exists() and _filled(url))
        plan = edited(url)
        wait_for(lambda: name_in_segment(workspace, plan) == "Ours")
        # Asked to stop before it has read back what it sent, it would have nothing to tell.
        wait_for(lambda: rows(url, "SELECT id FROM _replicator_runs WHERE mode = 'push' AND status = 'done'"))
        lines = ended(started)
    sent = [line for line in lines if line["event"] == "edits sent" and line.get("done") == 1]
    assert [(line["connection"], line["job"]) for line in sent] == [("default", "both")]


def _filled(url: str) -> bool:
    try:
        return bool(rows(url, "SELECT id FROM tracking_plans LIMIT 1"))
    except Exception:  # noqa: BLE001 - the table is not there yet
        return False


def test_what_could_not_be_sent_is_told_and_leaves_the_run_as_it_was(
    replicator: Run, workspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, environ = "sqlite:///replica.db", {"SEGMENT_TOKEN": TOKEN}
    configured(workspace, url)
    assert replicator("run", "both", **environ).code == 0
    plan = edited(url)
    name_in_segment(workspace, plan, new="Theirs")
    with caplog.at_level("WARNING", "replicator.sync"):
        result = perform(environ)
    assert (result.status, result.exit_code) == ("done", 4)
    (line,) = [each for each in caplog.records if each.name == "replicator.sync"]
    assert (line.getMessage(), line.__dict__["outcome"], line.__dict__["id"]) == ("edit not sent", "conflict", plan)


def test_what_cannot_be_sent_is_told_once_and_again_when_it_is_edited_again(
    replicator: Run, workspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, environ = "sqlite:///replica.db", {"SEGMENT_TOKEN": TOKEN}
    configured(workspace, url)
    assert replicator("run", "both", **environ).code == 0
    plan = edited(url)
    name_in_segment(workspace, plan, new="Theirs")
    unsent: sending.Unsent = {}
    told = []
    for name in (None, None, "Ours again", None):
        caplog.clear()
        if name:
            edited(url, name)
        with caplog.at_level("WARNING", "replicator.sync"):
            assert perform(environ, unsent).exit_code == 4
        told.append([each.getMessage() for each in caplog.records if each.name == "replicator.sync"])
    assert told == [["edit not sent"], [], ["edit not sent"], []]


@pytest.mark.parametrize("sync", ["true", "false"])
def test_a_job_told_as_json_is_one_document_with_its_run_and_what_was_sent(
    replicator: Run, workspace: str, sync: str
) -> None:
    url, environ = "sqlite:///replica.db", {"SEGMENT_TOKEN": TOKEN}
    configured(workspace, url, f"sync = {sync}")
    assert replicator("run", "both", **environ).code == 0
    plan = edited(url)
    document = replicator("run", "both", "--json", **environ).document
    assert (document["job"], document["exit_code"]) == ("both", 0)
    (found,) = document["connections"]
    assert (found["connection"], found["status"], found["target"]) == ("default", "done", "SQLite file replica.db")
    sent = [(each["id"], each["outcome"]) for each in found["sent"]["steps"]] if found["sent"] else None
    assert sent == ([(plan, "done")] if sync == "true" else None)


def test_a_job_that_cannot_begin_is_told_in_the_document_too(replicator: Run, workspace: str) -> None:
    configured(workspace, "sqlite:///replica.db")
    outcome = replicator("run", "both", "--json")
    (found,) = outcome.document["connections"]
    assert (found["status"], found["error"], found["exit_code"]) == ("failed", outcome.error, outcome.code)
    assert outcome.error.startswith("No API token")


def test_a_decision_about_a_conflict_is_told_as_json(replicator: Run, workspace: str) -> None:
    url, environ = "sqlite:///replica.db", {"SEGMENT_TOKEN": TOKEN}
    configured(workspace, url)
    assert replicator("run", "both", **environ).code == 0
    plan = edited(url)
    name_in_segment(workspace, plan, new="Theirs")
    assert replicator("run", "both", **environ).code == 4
    ((conflict,),) = rows(url, "SELECT id FROM _replicator_conflicts")
    document = replicator("resolve", str(conflict), "--theirs", "--json", **environ).document
    assert (document["conflict"], document["side"]) == (conflict, "theirs")
    assert plan in document["told"]
