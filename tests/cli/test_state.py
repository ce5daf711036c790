"""`replicator state`: what is kept beside the rows, shown, set and forgotten."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replicator.ledger import Ledger
from replicator.target import lease
from replicator.target.bookkeeping import bookkeeping
from replicator.target.database import open_target
from tests.cli.running import Run


def kept(replicator: Run, url: str, *names: str) -> dict[str, dict[str, Any]]:
    document = replicator("state", "show", *names, "--json", "--target", url).document
    return {each["object"]: each for each in document["objects"]}


def test_each_objects_state_is_shown_with_the_lock(replicator: Run, target_url: str) -> None:
    words = ("--target", target_url, "--region", "sandbox")
    replicator("replicate", "SourceFunctions", "TrackingPlanRules", *words)
    found = kept(replicator, target_url)
    assert {name: (each["status"], each["records"], each["listings"]) for name, each in found.items()} == {
        "SourceFunctions": ("done", 3, 1),
        "TrackingPlans": ("done", 6, 1),
        "TrackingPlanRules": ("done", 144, 6),
    }
    assert all(each["epoch"] == 1 and each["ids"] and each["listed_at"] for each in found.values())
    assert (found["SourceFunctions"]["details"], found["TrackingPlans"]["details"]) == (3, 0)
    assert found["SourceFunctions"]["oldest_detail"]
    shown = replicator("state", "show", "tracking_plans", "--target", target_url).out
    assert "its lock is free, epoch 1." in shown
    assert "TrackingPlanRules" not in shown
    replicator("replicate", "SourceFunctions", *words)
    assert {name: each["epoch"] for name, each in kept(replicator, target_url).items()} == {
        "SourceFunctions": 2,
        "TrackingPlans": 1,
        "TrackingPlanRules": 1,
    }


def test_a_bookmark_that_is_set_is_where_the_next_run_begins(replicator: Run, target_url: str) -> None:
    words = ("--target", target_url)
    replicator("replicate", "AuditEvents", *words, "--region", "sandbox")
    day = datetime.now(UTC) - timedelta(days=3)
    outcome = replicator("state", "set", "audit_events", f"bookmark={day:%Y-%m-%dT%H:%M:%SZ}", *words)
    assert (outcome.code, "AuditEvents: the next run reads from" in outcome.out) == (0, True)
    bookmark = kept(replicator, target_url)["AuditEvents"]["bookmark"]
    assert bookmark == f"{day:%Y-%m-%dT%H:%M:%S}.000Z"
    document = replicator("state", "set", "audit_events", f"bookmark={bookmark}", "--json", *words).document
    assert (document["object"], document["bookmark"]) == ("AuditEvents", bookmark)
    again = replicator("replicate", "AuditEvents", "--json", *words, "--region", "sandbox").document["objects"][0]
    assert 0 < again["unchanged"] < 800


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("AuditEvents", "bookmark=soon"), "bookmark=soon is no time: give one as in bookmark=20"),
        (("AuditEvents", "bookmark=2999-01-01"), "is in the future: give a time from"),
        (("AuditEvents", "bookmark=2020-01-01"), "is more than 90 days ago: give a time from"),
        (("AuditEvents", "records=5"), "only bookmark=TIME can"),
        (("AuditEvents", "bookmark"), "only bookmark=TIME can"),
        (("Labels", "bookmark=2026-01-01"), "Labels has no bookmark: it is listed completely"),
    ],
)
def test_what_cannot_be_set_safely_is_refused(replicator: Run, words: tuple[str, str], told: str) -> None:
    replicator("replicate", "AuditEvents", "Labels", "--region", "sandbox")
    before = kept(replicator, "sqlite:///replica.db")
    outcome = replicator("state", "set", *words)
    assert told in outcome.error
    assert outcome.code == 2
    assert kept(replicator, "sqlite:///replica.db") == before


def test_after_a_reset_the_next_run_is_complete_and_writes_nothing(replicator: Run, target_url: str) -> None:
    words = ("--target", target_url, "--region", "sandbox", "--json")
    first = replicator("replicate", "TrackingPlanRules", "SourceFunctions", *words).document
    assert replicator("replicate", "TrackingPlanRules", "SourceFunctions", *words).document["requests"] == 3
    outcome = replicator("state", "reset", "TrackingPlanRules", "SourceFunctions", "Labels", "--target", target_url)
    assert "2 objects reset" in outcome.out
    assert list(kept(replicator, target_url)) == ["TrackingPlans"]
    again = replicator("replicate", "TrackingPlanRules", "SourceFunctions", *words).document
    assert again["requests"] == first["requests"]
    assert all(each["inserted"] == each["updated"] == each["deleted"] == 0 for each in again["objects"])
    assert {each["object"]: each["unchanged"] for each in again["objects"]}["TrackingPlanRules"] == 144


def test_nothing_is_reset_or_set_beside_a_run(replicator: Run, target_url: str) -> None:
    replicator("replicate", "AuditEvents", "--target", target_url, "--region", "sandbox")
    before = kept(replicator, target_url)
    target = open_target(target_url)
    ledger = Ledger(target, bookkeeping(target.dialect), uuid.uuid4().hex)
    ledger.begin("incremental")
    held = lease.acquire(target, ledger.books, ledger.run_id)
    for words in (("reset", "AuditEvents"), ("set", "AuditEvents", f"bookmark={datetime.now(UTC).date()}")):
        outcome = replicator("state", *words, "--target", target_url)
        assert f"Run {ledger.run_id} (" in outcome.error
        assert outcome.code == 1
    assert f"is held by run {ledger.run_id} (" in replicator("state", "show", "--target", target_url).out
    assert kept(replicator, target_url) == before
    with target.begin() as connection:
        held.release(connection)
    ledger.finish("done", None, {})
    target.close()
    assert replicator("state", "reset", "AuditEvents", "--target", target_url).code == 0


def test_without_a_database_there_is_no_state(replicator: Run) -> None:
    for words in (("show",), ("reset", "Labels"), ("set", "AuditEvents", "bookmark=2026-11-01")):
        outcome = replicator("state", *words)
        assert "There is no file replica.db" in outcome.error
        assert outcome.code == 2
