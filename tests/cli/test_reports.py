"""`replicator status`, `runs` and `schema`: what the database holds, what was done to it, what it lacks."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import create_engine, text

from replicator.sandbox import Sandbox
from replicator.sandbox.faults import Faulty, fault_of_text
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Run


def test_status_tells_the_last_complete_listing_of_each_object(replicator: Run, target_url: str) -> None:
    replicator("replicate", "Labels", "Users", "--target", target_url, "--region", "sandbox")
    shown = replicator("status", "--target", target_url)
    assert shown.code == 0
    assert "No run is going on." in shown.out
    objects = {
        each["object"]: each for each in replicator("status", "--json", "--target", target_url).document["objects"]
    }
    assert {name: (each["status"], each["records"], each["quarantined"]) for name, each in objects.items()} == {
        "Labels": ("done", 6, 0),
        "Users": ("done", 11, 0),
    }
    assert all(each["listed_at"] for each in objects.values())


def test_runs_are_listed_and_one_is_shown_object_by_object(replicator: Run, target_url: str) -> None:
    words = ("--target", target_url)
    run = replicator("replicate", "Labels", "Users", "--json", *words, "--region", "sandbox").document["run_id"]
    replicator("replicate", "Labels", *words, "--region", "sandbox")
    listed = replicator("runs", "--json", *words).document["runs"]
    assert [each["status"] for each in listed] == ["done", "done"]
    assert listed[1]["id"] == run
    shown = replicator("runs", run[:12], *words).out
    assert shown.startswith(f"Run {run}: done, incremental, by ")
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith(("Labels", "Users"))] == [
        ["Labels", "done", "6"],
        ["Users", "done", "11"],
    ]
    assert replicator("runs", *words).out.count(" done ") == 2


def test_a_run_leaves_a_certificate_of_each_object(replicator: Run, target_url: str) -> None:
    words = ("replicate", "TrackingPlanRules", "--json", "--target", target_url, "--region", "sandbox")
    certificates = []
    for _ in range(2):
        run = replicator(*words).document["run_id"]
        objects = replicator("runs", run, "--json", "--target", target_url).document["objects"]
        certificates.append({each["object"]: each for each in objects}["TrackingPlanRules"])
    first, second = certificates
    asked = ("partitions", "skipped", "pages", "records")
    assert [[each[name] for name in asked] for each in certificates] == [[6, 0, 6, 144], [6, 6, 0, 0]]
    assert first["ids"] == second["ids"]
    assert all(each["complete"] and each["unseen"] is None for each in certificates)
    assert first["ids"] in replicator("runs", run, "--target", target_url).out


def test_status_tells_how_late_changes_are_seen_at_worst(replicator: Run, folder: Path) -> None:
    replicator("replicate", "TrackingPlanRules", "--region", "sandbox")
    shown = {line.split("  ")[0]: line for line in replicator("status").out.splitlines()}
    assert shown["TrackingPlans"].count("next run") == 3
    assert shown["TrackingPlanRules"].count("first run after 24 h") == 3
    (folder / "replicator.toml").write_text("reread_hours = 0")
    rules = next(each for each in replicator("status", "--json").document["objects"] if each["records"] == 144)
    assert {each["late"] for each in rules["detection"].values()} == {"next run"}


def test_a_run_that_there_is_not_is_a_usage_error(replicator: Run) -> None:
    replicator("replicate", "Labels", "--region", "sandbox")
    outcome = replicator("runs", "nothing")
    assert "There is no run 'nothing': `replicator runs` lists them." in outcome.error
    assert outcome.code == 2


def test_schema_plan_prints_ddl_that_apply_performs(replicator: Run, target_url: str) -> None:
    words = ("Labels", "UserGroupUsers", "--target", target_url)
    plan = replicator("schema", "plan", "--exit-code", *words)
    assert plan.code == 5
    assert plan.out.count("CREATE TABLE") == 3
    assert "`replicator schema apply` makes them" in plan.out
    assert replicator("schema", "plan", *words).code == 0
    applied = replicator("schema", "apply", *words)
    assert (applied.code, "3 changes made in" in applied.out) == (0, True)
    after = replicator("schema", "plan", "--exit-code", *words)
    assert (after.code, "has every table and column that is needed" in after.out) == (0, True)


def test_a_lost_column_is_planned_and_added_again(replicator: Run, target_url: str) -> None:
    words = ("Labels", "--target", target_url)
    replicator("replicate", *words, "--region", "sandbox")
    engine = create_engine(target_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE labels DROP COLUMN description"))
    engine.dispose()
    document = replicator("schema", "plan", "--json", *words).document
    assert document["changes"] == [{"object": "Labels", "change": "add column description to table labels"}]
    assert "ADD COLUMN" in document["ddl"]
    assert replicator("schema", "apply", "--json", *words).document["done"] == [
        "add column description to table labels"
    ]
    assert replicator("schema", "plan", "--exit-code", *words).code == 0


def test_a_plan_for_a_file_that_is_not_there_makes_none(replicator: Run, folder: Path) -> None:
    outcome = replicator("schema", "plan", "Labels")
    assert "CREATE TABLE labels" in outcome.out
    assert not any(folder.iterdir())


def test_the_policy_of_the_configuration_holds(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('schema_policy = "fail"\nregion = "sandbox"')
    outcome = replicator("replicate", "Labels")
    assert "the schema policy `fail` forbids: run `replicator schema apply`" in outcome.out
    assert outcome.code == 1
    assert replicator("schema", "apply", "Labels").code == 0
    assert replicator("replicate", "Labels").code == 0


def test_without_migrations_a_run_is_refused_until_they_are_applied(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('migrate = false\nregion = "sandbox"')
    outcome = replicator("replicate", "Labels")
    assert "run `replicator schema apply`" in outcome.error
    assert outcome.code == 1
    assert replicator("schema", "apply", "Labels").code == 0
    assert replicator("replicate", "Labels").code == 0


def test_after_a_reset_status_does_not_say_that_nothing_was_replicated(replicator: Run) -> None:
    replicator("replicate", "Labels", "--region", "sandbox")
    replicator("state", "reset", "core")
    told = replicator("status").out
    assert "No object has a state here, as before a first run or after a reset: run `replicator replicate`" in told


def test_a_runs_times_are_told_in_one_form_and_names_once(replicator: Run) -> None:
    Path("many.toml").write_text("[sandbox]\ncounts = { Labels = 60 }")
    Path("few.toml").write_text("[sandbox]\ncounts = { Labels = 5 }")
    replicator("replicate", "Labels", "--config", "many.toml", "--region", "sandbox")
    run = replicator("replicate", "Labels", "--config", "few.toml", "--json", "--region", "sandbox").document["run_id"]
    told = replicator("runs", run).out
    assert re.search(r"^from [-\d]+ [:\d]+ to [-\d]+ [:\d]+ UTC", told, re.MULTILINE)
    for shown in (told, replicator("status").out):
        assert "\nLabels: 55 of 60 rows" in shown
        assert "Labels: Labels" not in shown


def test_what_a_token_may_not_see_is_told_once(replicator: Run) -> None:
    weak = Faulty(Sandbox(token=TOKEN), [fault_of_text("listUsers:forbid")])
    with running(weak) as url:
        words = ("replicate", "Users", "--base-url", url)
        outcome = replicator(*words, SEGMENT_TOKEN=TOKEN)
    assert outcome.out.count("GET /users: ") == 1
    (run,) = replicator("runs", "--json").document["runs"]
    assert replicator("runs", run["id"]).out.count("GET /users: ") == 1
