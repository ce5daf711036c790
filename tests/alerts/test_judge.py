"""What needs a person, by what the ledger says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replicator.alerts.decide import Key
from replicator.alerts.judge import Watched, judge
from replicator.settings.schedule import Schedule
from replicator.watch.troubles import Ended, Troubles

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
QUIET = Troubles(NOW, (), {}, {}, {}, {}, {}, {}, {})
HOURLY = Watched(Schedule(every=timedelta(hours=1)))


def stands(jobs: dict[str, Watched] | None = None, pending: Any = None, **found: Any) -> dict[Key, str]:
    judged = judge(replace(QUIET, **found), {"nightly": Watched()} if jobs is None else jobs, pending)
    return {key: each.why for key, each in judged.standing.items()}


def ended(status: str, **more: Any) -> Ended:
    return replace(Ended("nightly", "", "run", status, "Why."), **more)


def test_a_run_that_failed_stands_with_its_sentence() -> None:
    assert stands(ended=[ended("failed")]) == {Key("failed", "nightly"): "Why."}


def test_runs_by_hand_and_what_sends_edits_stand_apart() -> None:
    found = stands(ended=[ended("failed", job="", detail="hand"), ended("failed", job="", detail="push")])
    assert set(found) == {Key("failed", detail="hand"), Key("failed", detail="push")}


def test_objects_that_are_not_right_stand_by_name_and_reason_the_first_three() -> None:
    wrong = {"run": [(f"Object{at}", "unavailable", f"Reason {at}.") for at in range(5)]}
    (why,) = stands(ended=[ended("partial", error=None)], wrong=wrong).values()
    assert why.startswith("Object0 is unavailable: Reason 0.; Object1")
    assert why.endswith("; and 2 more")


def test_a_run_of_which_every_object_failed_says_why_though_it_has_no_sentence_of_its_own() -> None:
    wrong = {"run": [("Users", "failed", "It is down.")]}
    assert stands(ended=[ended("failed", error=None)], wrong=wrong) == {
        Key("failed", "nightly"): "Users is failed: It is down."
    }


def test_a_run_that_was_killed_once_says_nothing_and_twice_in_a_row_that_it_fails() -> None:
    judged = judge(replace(QUIET, ended=[ended("failed", killed=True)]), {"nightly": Watched()}, None)
    assert judged.standing == {}
    assert not judged.knows(Key("failed", "nightly"))
    assert Key("failed", "nightly") in stands(ended=[ended("failed", killed=True, killed_before=True)])


@pytest.mark.parametrize(
    ("watched", "hours", "stale"),
    [
        (HOURLY, 2, False),
        (HOURLY, 2.5, True),
        (Watched(Schedule(cron="0 3 * * *")), 32, False),
        (Watched(Schedule(cron="0 3 * * *")), 60, True),
        (Watched(Schedule(cron="0 3 * * *"), timedelta(hours=26)), 27, True),
        (Watched(None, timedelta(hours=26)), 27, True),
        (Watched(), 10_000, False),
    ],
)
def test_a_job_is_stale_after_two_turns_without_success_or_as_it_was_told(
    watched: Watched, hours: float, stale: bool
) -> None:
    found = stands({"nightly": watched}, succeeded={"nightly": NOW - timedelta(hours=hours)})
    assert (Key("stale", "nightly") in found) == stale


def test_a_job_that_never_succeeded_is_stale_by_its_first_run_and_one_that_never_ran_is_not() -> None:
    began = {"nightly": NOW - timedelta(hours=3)}
    assert "never succeeded" in stands({"nightly": HOURLY}, began=began)[Key("stale", "nightly")]
    assert stands({"nightly": HOURLY}) == {}


def test_jobs_that_another_configuration_has_are_not_judged_by_this_one() -> None:
    found = replace(QUIET, succeeded={"theirs": NOW - timedelta(days=9)}, ended=[ended("failed", job="theirs")])
    judged = judge(found, {"nightly": HOURLY}, None)
    assert judged.standing == {}
    assert not judged.knows(Key("stale", "theirs"))
    assert not judged.knows(Key("failed", "theirs"))
    assert judged.knows(Key("stale", "nightly"))


@pytest.mark.parametrize("kind", ["failed", "partial", "stale"])
def test_where_there_is_no_other_configuration_a_job_that_is_gone_has_no_alerts(kind: Any) -> None:
    judged = judge(replace(QUIET, ended=[ended("failed")]), {"other": HOURLY}, None, all_jobs=True)
    assert judged.standing == {}
    assert judged.withdraws(Key(kind, "nightly"))
    assert judged.knows(Key(kind, "nightly"))
    assert not judged.knows(Key("failed", detail="hand"))


def test_objects_stand_by_what_they_complain_of() -> None:
    found = stands(
        held={"Labels": ("20 of 30 rows would vanish.", "run")},
        conflicts={"TrackingPlans": (2, "edited on both sides")},
        quarantined={"Users": (3, "no id")},
        drift={("Sources", "run"): ["a", "b", "c", "d"]},
        pending={"TrackingPlans": 2, "SourceFunctions": 0},
    )
    assert found == {
        Key("deletes", object="Labels"): "20 of 30 rows would vanish.",
        Key("conflicts", object="TrackingPlans"): "2 of them, as: edited on both sides",
        Key("quarantine", object="Users"): "3 of its records, as: no id",
        Key("drift", object="Sources", detail="run"): "a; b; c; and 1 more",
        Key("pending", detail="edits"): "edits that were not sent: 2 TrackingPlans",
    }


def test_edits_are_judged_only_where_they_are_sent() -> None:
    assert not judge(QUIET, {}, None).knows(Key("pending", detail="edits"))
    assert judge(QUIET, {}, {}).knows(Key("pending", detail="edits"))
