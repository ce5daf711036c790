"""What a command writes to its standard output: one document with --json, in letters that the output has."""

from __future__ import annotations

import inspect
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer.main

from replicator.cli.app import app
from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Process, Run
from tests.conftest import free_port

SANDBOX = ("--region", "sandbox")


@pytest.fixture
def workspace() -> Iterator[str]:
    """A workspace of its own, since it is written to."""
    with running(Sandbox(token=TOKEN)) as url:
        yield url


def sql(statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect("replica.db")
    with connection:
        found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


def renamed() -> str:
    """The id of a plan that somebody renamed in the database."""
    ((plan,),) = sql("SELECT min(id) FROM tracking_plans")
    sql("UPDATE tracking_plans SET name = 'Ours' WHERE id = ?", plan)
    return str(plan)


def test_a_sync_told_as_json_is_one_document_with_what_was_sent(replicator: Run, workspace: str) -> None:
    words = ("TrackingPlans", "--base-url", workspace)
    environ = {"SEGMENT_TOKEN": TOKEN, "REPLICATOR_PUSH": "true"}
    assert replicator("sync", *words, **environ).code == 0
    plan = renamed()
    outcome = replicator("sync", *words, "--json", **environ)
    assert (outcome.code, outcome.document["exit_code"], outcome.document["status"]) == (0, 0, "done")
    assert [(each["id"], each["outcome"]) for each in outcome.document["sent"]["steps"]] == [(plan, "done")]
    without = replicator("sync", *words, "--json", **environ | {"REPLICATOR_PUSH": "false"})
    assert without.document["sent"] is None


@pytest.mark.parametrize("as_json", [True, False])
def test_a_sync_that_may_send_nothing_says_how_many_edits_wait_and_what_to_set(
    replicator: Run, workspace: str, as_json: bool
) -> None:
    words = ("sync", "TrackingPlans", "--base-url", workspace, *(["--json"] if as_json else []))
    outcome = replicator(*words, SEGMENT_TOKEN=TOKEN)
    assert "wait" not in outcome.out + outcome.err
    renamed()
    outcome = replicator(*words, SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 0
    assert "1 edit waits here and was not sent: set push = true in the configuration, or REPLICATOR_PUSH=true." in (
        outcome.err if as_json else outcome.out
    )
    assert not as_json or outcome.document["sent"] is None


def test_a_refresh_of_an_id_that_there_is_not_is_one_document(replicator: Run) -> None:
    replicator("replicate", "TrackingPlans", *SANDBOX)
    outcome = replicator("refresh", "TrackingPlans", "--id", "nope", "--json", *SANDBOX)
    assert (outcome.code, outcome.document["exit_code"]) == (2, 2)
    assert (
        outcome.document["error"] == outcome.error == "TrackingPlans: there is no nope in Segment; the rest was read."
    )
    assert outcome.document["run_id"]


@pytest.mark.parametrize("hours", ["inf", "1e400", "1e12", "nan"])
def test_an_age_that_is_none_is_refused(replicator: Run, hours: str) -> None:
    replicator("replicate", "Labels", *SANDBOX)
    outcome = replicator("health", "--within", hours)
    assert outcome.code == 2
    assert "Invalid value for '--within': Input should be " in outcome.error


@pytest.mark.parametrize(
    ("out", "why"), [("nowhere/plan.json", "no such file or directory"), ("folder", "is a directory")]
)
def test_a_plan_that_cannot_be_written_where_it_was_told_is_one_sentence(
    replicator: Run, folder: Path, out: str, why: str
) -> None:
    (folder / "folder").mkdir()
    replicator("replicate", "TrackingPlans", *SANDBOX)
    outcome = replicator("plan", "--out", out, *SANDBOX)
    assert outcome.error == f"Cannot write the plan to {out}: {why}. Name another file with --out."
    assert outcome.code == 2


def with_a_snowman(replicator: Run) -> str:
    """The id of a source whose history has a name that few encodings have letters for."""
    environ = {"REPLICATOR_HISTORY": "Sources"}
    assert replicator("replicate", "Sources", *SANDBOX, **environ).code == 0
    ((source,),) = sql("SELECT min(id) FROM sources")
    sql("CREATE TABLE earlier AS SELECT * FROM sources_history WHERE id = ?", source)
    sql("UPDATE earlier SET name = 'ö ☃ 𝄞', _valid_from = '2026-01-01 00:00:00.000000+00:00'")
    sql("UPDATE earlier SET _valid_to = (SELECT _valid_from FROM sources_history WHERE id = ?)", source)
    sql("INSERT INTO sources_history SELECT * FROM earlier")
    return str(source)


def test_letters_that_the_output_lacks_are_escaped(replicator: Run, process: Process) -> None:
    source = with_a_snowman(replicator)
    shown = subprocess.run(
        [sys.executable, "-m", "replicator", "history", "Sources", source],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    ).stdout.decode("latin-1")
    assert r"ö \u2603 \U0001d11e" in shown
    for encoding in ("latin-1", "ascii"):
        told = process("as-of", "2026-06-01", "Sources", "--json", PYTHONIOENCODING=encoding)
        assert told.code == 0, told.err
        assert "ö ☃ 𝄞" in [row["name"] for row in json.loads(told.out)["rows"]]


def test_an_argument_that_the_locale_cannot_read_is_one_sentence(replicator: Run, process: Process) -> None:
    with_a_snowman(replicator)
    locale = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    outcome = process("history", "Sources", "nö☃", **locale)
    assert "holds letters that this locale cannot read: set LC_ALL=C.UTF-8" in outcome.error
    assert outcome.code == 2


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*words, name))


@pytest.mark.parametrize("words", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_no_help_holds_a_mark_of_its_source_or_runs_its_lines_together(
    replicator: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    shown = replicator(*words, "--help").out
    assert "\\b" not in shown
    assert "\b" not in shown
    for line in _kept_lines(words):
        assert line in shown.splitlines()


def _kept_lines(words: tuple[str, ...]) -> list[str]:
    """The lines of a command's docstring that are to stay as they are."""
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    text = inspect.cleandoc(getattr(command.callback, "__doc__", None) or "")
    return [f"  {line}" for line in text.partition("\b\n")[2].splitlines()]


def test_every_document_has_its_times_in_one_form(replicator: Run) -> None:
    Path("replicator.toml").write_text('[jobs.nightly]\nobjects = ["AuditEvents"]\n')
    assert replicator("replicate", "AuditEvents", "Sources", *SANDBOX, REPLICATOR_HISTORY="Sources").code == 0
    assert replicator("run", "nightly", REPLICATOR_REGION="sandbox").code == 0
    ((source,),) = sql("SELECT min(id) FROM sources")
    asked = ("state show", "status", "runs", "jobs", "alerts", "health", f"history Sources {source}")
    for words in asked:
        told = replicator(*words.split(), "--json").out
        times = re.findall(r'"(20\d\d-\d\d-\d\d[T ][^"]+)"', told)
        assert times or words == "alerts", words
        assert not [time for time in times if not re.fullmatch(r"[-\d]+T[\d:.]+Z", time)], words


@pytest.mark.parametrize("verb", ["worker", "daemon"])
def test_a_queue_that_is_away_is_told_in_log_lines_of_the_format_that_was_asked_for(
    process: Process, verb: str
) -> None:
    Path("replicator.toml").write_text(
        f'region = "sandbox"\n[jobs.often]\nevery = "5s"\nobjects = ["Labels"]\n'
        f'[fleet]\nqueue = "postgresql://nobody@127.0.0.1:{free_port()}/queue"\n'
    )
    assert process("replicate", "Labels").code == 0
    with process.start(verb, "--log-format", "json") as started:
        with suppress(subprocess.TimeoutExpired):
            started.wait(14)
        started.terminate()
        _, err = started.communicate(timeout=40)
    ours = ("error: ", "stopping; ")
    assert all(line.startswith(ours) or json.loads(line)["event"] for line in err.splitlines()), err
    assert "cannot be reached: start it, or correct [fleet]." in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_sandbox_that_cannot_print_its_address_blames_no_port(process: Process) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "replicator", "sandbox", "--port", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "error: Cannot write the output: no space left on device.\n")
