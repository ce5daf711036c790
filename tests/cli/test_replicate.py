"""`replicator replicate`, as people run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Outcome, Process, Run

COUNTS = ("inserted", "updated", "unchanged", "deleted", "quarantined")


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def line(outcome: Outcome, name: str) -> list[str]:
    """The cells of that object's line in the closing table."""
    found = [words for words in map(str.split, outcome.out.splitlines()) if words[:1] == [name]]
    assert len(found) == 1, outcome.out
    return found[0]


def test_one_command_brings_the_workspace_into_each_database(replicator: Run, target_url: str, api: str) -> None:
    outcome = replicator("replicate", "--target", target_url, "--base-url", api, SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 0, outcome.err
    assert line(outcome, "object") == ["object", *COUNTS, "requests", "seconds", "status"]
    assert line(outcome, "Suppressions")[1:6] == ["600", "0", "0", "0", "0"]
    assert line(outcome, "Suppressions")[-1] == "done"
    assert rows(target_url, "SELECT count(*) FROM suppressions") == [(600,)]
    last = outcome.out.splitlines()[-1]
    assert re.match(
        r"done: 32 objects, [\d,]+ inserted, 0 updated, 0 unchanged, 0 deleted, 0 quarantined; \d+ requests", last
    )
    assert "The data is in" in last
    assert TOKEN not in outcome.out + outcome.err


def test_without_anything_but_the_sandbox_the_data_is_in_replica_db(replicator: Run, folder: Path) -> None:
    outcome = replicator("replicate", "--region", "sandbox")
    assert outcome.code == 0
    assert "The data is in SQLite file replica.db" in outcome.out
    assert (folder / "replica.db").exists()


def test_a_second_run_changes_nothing_and_says_so_in_one_line(replicator: Run) -> None:
    replicator("replicate", "--region", "sandbox")
    outcome = replicator("replicate", "--region", "sandbox")
    assert "objects without a change)" in outcome.out
    assert "0 inserted, 0 updated" in outcome.out.splitlines()[-1]
    assert len(outcome.out.splitlines()) < 20


def test_a_dash_leaves_an_object_out(replicator: Run) -> None:
    outcome = replicator("replicate", "Labels", "tracking_plans", "Roles", "-Labels", "--json", "--region", "sandbox")
    assert [each["object"] for each in outcome.document["objects"]] == ["Roles", "TrackingPlans"]
    outcome = replicator("replicate", "--json", "--region", "sandbox", "--", "-Users", "Users", "Labels")
    assert [each["object"] for each in outcome.document["objects"]] == ["Labels"]


def test_with_json_stdout_is_one_document_and_stderr_one_for_each_event(replicator: Run) -> None:
    import json

    outcome = replicator("replicate", "Labels", "--json", "--region", "sandbox")
    document = outcome.document
    assert (document["status"], document["exit_code"], document["target"]) == ("done", 0, "SQLite file replica.db")
    assert (
        document["objects"][0] | {"object": "Labels", "inserted": 6, "status": "done", "requests": 1}
        == document["objects"][0]
    )
    events = [json.loads(event) for event in outcome.err.splitlines()]
    assert [event["event"] for event in events] == ["run began", "object finished"]
    assert {event["run"] for event in events} == {document["run_id"]}


def test_lines_tell_each_object_where_nobody_watches(replicator: Run) -> None:
    outcome = replicator("replicate", "Labels", "--region", "sandbox")
    assert re.search(
        r"^\S+Z info +object finished run=\w{32} object=Labels status=done inserted=6 ", outcome.err, re.MULTILINE
    )


def test_usage_takes_months(replicator: Run) -> None:
    outcome = replicator("replicate", "usage", "--period", "2026-01..2026-02", "--json", "--region", "sandbox")
    assert outcome.code == 0, outcome.err
    by_name = {each["object"]: each for each in outcome.document["objects"]}
    assert by_name["DailyWorkspaceAPICallsUsage"]["records"] == 31 + 28


def test_a_dry_run_tells_the_bill_and_writes_nothing(replicator: Run, folder: Path) -> None:
    outcome = replicator("replicate", "Labels", "TrackingPlanRules", "--dry-run", "--region", "sandbox")
    assert outcome.code == 0, outcome.err
    assert line(outcome, "Labels")[1:4] == ["6", "1", "1"]
    assert "create table tracking_plan_rules" in outcome.out
    assert "nothing was written" in outcome.out
    assert not any(folder.iterdir())


def test_a_dry_run_against_each_database_leaves_it_empty(replicator: Run, target_url: str) -> None:
    outcome = replicator("replicate", "--dry-run", "--json", "--target", target_url, "--region", "sandbox")
    assert outcome.code == 0, outcome.err
    assert len(outcome.document["objects"]) == 32
    assert outcome.document["ddl"].count("CREATE TABLE") == 32 + 5
    after = replicator("replicate", "Labels", "--dry-run", "--json", "--target", target_url, "--region", "sandbox")
    assert any("create table labels" in change for change in after.document["changes"])


def test_a_dry_run_bills_what_an_incremental_run_asks(replicator: Run, folder: Path) -> None:
    words = ("replicate", "core", "--json", "--region", "sandbox")
    replicator(*words)
    usual = replicator(*words, "--dry-run").document
    assert usual["requests"] == replicator(*words).document["requests"]
    assert sum(each["skipped"] for each in usual["objects"]) > 90
    assert not usual["exact"], "what moves meanwhile comes on top"
    assert "listings would not be read again" in replicator(*words[:2], *words[3:], "--dry-run").out
    full = replicator(*words, "--dry-run", "--full").document
    assert full["requests"] == replicator(*words, "--full").document["requests"]
    (folder / "replicator.toml").write_text("reread_hours = 0")
    assert replicator(*words, "--dry-run").document["requests"] == replicator(*words).document["requests"]


def test_deleted_rows_go_away_where_the_settings_say_so(replicator: Run, folder: Path) -> None:
    for count in (6, 5):
        (folder / "replicator.toml").write_text(f'deletes = "hard"\n[sandbox]\ncounts = {{ Labels = {count} }}')
        assert replicator("replicate", "Labels", "--region", "sandbox").code == 0
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM labels") == [(5,)]


def test_the_prefix_stands_before_every_table(replicator: Run) -> None:
    assert replicator("replicate", "Labels", "--prefix", "seg_", "--region", "sandbox").code == 0
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM seg_labels") == [(6,)]


def test_too_many_deletions_need_a_person_and_the_option_lets_them_pass(replicator: Run, folder: Path) -> None:
    few, many = "[sandbox]\ncounts = { Labels = 5 }", "[sandbox]\ncounts = { Labels = 60 }"
    (folder / "many.toml").write_text(many)
    (folder / "few.toml").write_text(few)
    assert replicator("replicate", "Labels", "--region", "sandbox", "--config", "many.toml").code == 0
    outcome = replicator("replicate", "Labels", "--region", "sandbox", "--config", "few.toml")
    assert outcome.code == 4
    assert "needs person" in outcome.out
    assert "--allow-deletes Labels" in outcome.out
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM labels WHERE _deleted_at IS NULL") == [(60,)]
    words = ("replicate", "Labels", "--region", "sandbox", "--config", "few.toml", "--allow-deletes", "labels")
    assert replicator(*words).code == 0
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM labels WHERE _deleted_at IS NULL") == [(5,)]


def test_the_objects_of_the_configuration_are_the_default(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        'region = "sandbox"\nobjects = ["Labels", "Roles"]\ntarget = "sqlite:///mine.db"'
    )
    assert [each["object"] for each in replicator("replicate", "--json").document["objects"]] == ["Labels", "Roles"]
    assert (folder / "mine.db").exists()


@pytest.mark.holds_secrets("database", because="write keys are to be plain")
def test_secrets_are_plain_only_where_the_configuration_says_so(replicator: Run, folder: Path) -> None:
    replicator("replicate", "Sources", "--region", "sandbox")
    assert all("masked:" in str(keys) for (keys,) in rows("sqlite:///replica.db", "SELECT write_keys FROM sources"))
    (folder / "replicator.toml").write_text('plain_secrets = ["sources.write_keys"]\ntarget = "sqlite:///plain.db"')
    replicator("replicate", "Sources", "--region", "sandbox")
    assert not any("masked:" in str(keys) for (keys,) in rows("sqlite:///plain.db", "SELECT write_keys FROM sources"))


def test_another_workspace_is_not_written_over_the_first(replicator: Run, folder: Path) -> None:
    replicator("replicate", "Labels", "--region", "sandbox")
    (folder / "replicator.toml").write_text("[sandbox]\nseed = 2")
    outcome = replicator("replicate", "Labels", "--region", "sandbox")
    assert "hold workspace" in outcome.error
    assert outcome.code == 2


def test_a_token_in_a_file_will_do(replicator: Run, folder: Path) -> None:
    with running(Sandbox(token=TOKEN)) as url:
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "token").chmod(0o600)
        assert replicator("replicate", "Labels", "--base-url", url, SEGMENT_TOKEN_FILE="token").code == 0


def test_a_reader_that_has_enough_ends_the_program_quietly(process: Process) -> None:
    with process.start("objects", "--json") as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.read(1)
        started.stdout.close()
        err = started.stderr.read()
        started.wait(timeout=30)
    assert err == ""


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("words", ["objects", "replicate Labels --region sandbox --json", "replicat"])
def test_without_standard_streams_a_command_does_its_work(process: Process, words: str) -> None:
    for closed in ("<&-", ">&-", ">&- 2>&-"):
        script = f"{sys.executable} -m replicator {words} {closed}"
        done = shell(script, process.folder)
        assert done.returncode == (2 if words == "replicat" else 0), done.stderr
        assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["objects", "objects TrackingPlans --json"])
def test_output_that_cannot_be_written_is_one_sentence(process: Process, words: str) -> None:
    script = f"{sys.executable} -m replicator {words} > /dev/full"
    done = shell(script, process.folder)
    assert done.stderr == "error: Cannot write the output: no space left on device.\n"
    assert done.returncode == 1
