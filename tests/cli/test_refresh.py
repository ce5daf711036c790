"""`replicator refresh`: an object, or some of its records, anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.cli.running import Outcome, Run

SANDBOX = ("--region", "sandbox")


def by_object(outcome: Outcome) -> dict[str, dict[str, Any]]:
    assert outcome.code == 0, outcome.err
    return {each["object"]: each for each in outcome.document["objects"]}


def test_an_object_is_read_anew_with_its_details_and_nothing_else(replicator: Run, target_url: str) -> None:
    words = ("--json", "--target", target_url, *SANDBOX)
    replicator("replicate", "SourceFunctions", "TrackingPlanRules", *words)
    found = by_object(replicator("refresh", "source_functions", *words))
    assert {name: (each["requests"], each["unchanged"]) for name, each in found.items()} == {"SourceFunctions": (4, 3)}
    found = by_object(replicator("refresh", "TrackingPlanRules", *words))
    assert {name: (each["requests"], each["unchanged"]) for name, each in found.items()} == {
        "TrackingPlans": (1, 6),
        "TrackingPlanRules": (6, 144),
    }
    runs = replicator("runs", "--json", "--target", target_url).document["runs"]
    assert [run["mode"] for run in runs] == ["refresh", "refresh", "incremental"]


def test_one_id_takes_its_details_and_the_listings_below_it(replicator: Run, target_url: str) -> None:
    words = ("--json", "--target", target_url, *SANDBOX)
    replicator("replicate", "TrackingPlanRules", "TrackingPlanSources", "SourceFunctions", *words)
    plan = _first(target_url, "tracking_plans")
    found = by_object(replicator("refresh", "TrackingPlans", "--id", plan, *words))
    assert {name: each["requests"] for name, each in found.items()} == {
        "TrackingPlans": 1,
        "TrackingPlanRules": 1,
        "TrackingPlanSources": 1,
    }
    found = by_object(replicator("refresh", "TrackingPlanRules", "--id", plan, *words))
    assert {name: each["requests"] for name, each in found.items()} == {"TrackingPlans": 1, "TrackingPlanRules": 1}
    function = _first(target_url, "source_functions")
    found = by_object(replicator("refresh", "SourceFunctions", "--id", function, *words))
    assert found["SourceFunctions"]["requests"] == 2


def test_one_id_is_enough_where_the_audit_trail_tells_of_others(replicator: Run, target_url: str) -> None:
    words = ("--json", "--target", target_url, *SANDBOX)
    replicator("replicate", "AuditEvents", "TrackingPlanRules", *words)
    found = by_object(replicator("refresh", "TrackingPlans", "--id", _first(target_url, "tracking_plans"), *words))
    assert {name: each["requests"] for name, each in found.items()} == {"TrackingPlans": 1, "TrackingPlanRules": 1}


def test_an_id_that_there_is_not_is_named(replicator: Run) -> None:
    replicator("replicate", "TrackingPlans", *SANDBOX)
    outcome = replicator("refresh", "TrackingPlans", "--id", "nope", *SANDBOX)
    assert outcome.error == "TrackingPlans: there is no nope in Segment; the rest was read."
    assert outcome.code == 2


def test_usage_is_refreshed_in_every_month_that_is_there(replicator: Run) -> None:
    replicator("replicate", "DailyWorkspaceMTUUsage", "--period", "2026-01..2026-03", *SANDBOX)
    found = by_object(replicator("refresh", "DailyWorkspaceMTUUsage", "--json", *SANDBOX))["DailyWorkspaceMTUUsage"]
    assert found["unchanged"] == 31 + 28 + 31
    found = by_object(replicator("refresh", "DailyWorkspaceMTUUsage", "--period", "2026-02", "--json", *SANDBOX))
    assert found["DailyWorkspaceMTUUsage"]["unchanged"] == 28
    outcome = replicator("refresh", "DailyWorkspaceMTUUsage", "--id", "x", *SANDBOX)
    assert "DailyWorkspaceMTUUsage is read by time, not by id" in outcome.error


def test_a_refresh_of_usage_reads_no_month_that_was_not_there(replicator: Run) -> None:
    first = datetime.now(UTC).date().replace(day=1)
    before = f"{first - timedelta(days=1):%Y-%m}"
    replicator("replicate", "DailyWorkspaceMTUUsage", "--period", before, *SANDBOX)
    found = by_object(replicator("refresh", "DailyWorkspaceMTUUsage", "--json", *SANDBOX))["DailyWorkspaceMTUUsage"]
    assert (found["partitions"], found["inserted"]) == (1, 0)


def test_what_was_not_read_again_is_told_with_the_command_that_reads_it(replicator: Run) -> None:
    replicator("replicate", "TrackingPlanRules", *SANDBOX)
    plan = _first("sqlite:///replica.db", "tracking_plans")
    told = replicator("refresh", "TrackingPlans", "--id", plan, *SANDBOX).out
    assert "`replicate --full` reads all of them." in told


def test_what_was_never_replicated_is_told(replicator: Run) -> None:
    assert "There is no file replica.db" in replicator("refresh", "Labels", *SANDBOX).error
    assert 'There is no object "Lables"; the nearest is Labels.' in replicator("refresh", "Lables").error


def test_the_refresh_of_an_object_that_shrank_needs_a_person(replicator: Run, folder: Path) -> None:
    (folder / "many.toml").write_text("[sandbox]\ncounts = { Labels = 60 }")
    (folder / "few.toml").write_text("[sandbox]\ncounts = { Labels = 5 }")
    replicator("replicate", "Labels", "--config", "many.toml", *SANDBOX)
    outcome = replicator("refresh", "Labels", "--config", "few.toml", *SANDBOX)
    assert (outcome.code, "--allow-deletes Labels" in outcome.out) == (4, True)
    assert replicator("refresh", "Labels", "--config", "few.toml", "--allow-deletes", "Labels", *SANDBOX).code == 0


def _first(url: str, table: str) -> str:
    engine = create_engine(url)
    with engine.connect() as connection:
        found: str = connection.execute(text(f"SELECT min(id) FROM {table}")).scalar_one()
    engine.dispose()
    return found
