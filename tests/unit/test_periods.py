"""Which months of usage are due."""

from __future__ import annotations

from datetime import UTC, datetime

from replicator.periods import months_due


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_at_first_the_current_month_and_the_one_before_are_due() -> None:
    assert months_due({}, at("2026-11-24")) == ("2026-10-01", "2026-11-01")
    assert months_due({}, at("2026-01-01")) == ("2025-12-01", "2026-01-01")


def test_the_month_before_is_due_until_it_was_listed_three_days_after_its_end() -> None:
    listed = {"2026-10-01": at("2026-11-03T23:59:59"), "2026-11-01": at("2026-11-03T23:59:59")}
    assert months_due(listed, at("2026-11-04")) == ("2026-10-01", "2026-11-01")
    listed["2026-10-01"] = at("2026-11-04")
    assert months_due(listed, at("2026-11-04")) == ("2026-11-01",)


def test_a_job_that_stood_still_leaves_no_month_out() -> None:
    listed = {"2026-05-01": at("2026-06-10"), "2026-06-01": at("2026-06-10")}
    assert months_due(listed, at("2026-09-02")) == ("2026-06-01", "2026-07-01", "2026-08-01", "2026-09-01")


def test_a_backfill_of_old_months_makes_no_range_up_to_now() -> None:
    listed = {f"2023-{month:02}-01": at("2026-11-20") for month in range(1, 7)}
    assert months_due(listed, at("2026-11-24")) == ("2026-10-01", "2026-11-01")


def test_a_final_month_within_the_reach_is_not_read_again() -> None:
    listed = {"2026-08-01": at("2026-08-20"), "2026-09-01": at("2026-10-20")}
    assert months_due(listed, at("2026-11-24")) == ("2026-08-01", "2026-10-01", "2026-11-01")
