"""What is asked for by time: months of usage, events since the last run, volumes of whole days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import inspect

from replicator.errors import UsageError
from replicator.sandbox import Request, Response, Sandbox
from tests.scenarios.replica import Replica, result, statuses

USAGE = "DailyPerSourceAPICallsUsage"


def test_usage_without_a_period_is_refused_before_the_first_request_and_the_first_write(replica: Replica) -> None:
    with pytest.raises(UsageError, match=f'{USAGE}.*"period" is required') as refused:
        replica.run("Labels", USAGE)
    assert refused.value.exit_code == 2
    assert "--period" in str(refused.value)
    assert not replica.network.asked
    inspector = inspect(replica.engine)
    assert not inspector.get_table_names()
    assert "replicator" not in inspector.get_schema_names()


def test_each_month_of_a_range_is_read_and_read_again(one: Replica) -> None:
    months = ("2026-08-01", "2026-09-01", "2026-10-01")
    one.run(USAGE, periods=months)
    days = {str(row["timestamp"])[:10] for row in one.rows("daily_per_source_api_calls_usage")}
    assert len(days) == 31 + 30 + 31
    one.network.forget()
    again = result(one.run(USAGE, periods=months[1:]), USAGE)
    assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)
    assert {query["period"] for query in _queries(one, "/usage/api-calls/sources/daily")} == set(months[1:])
    assert len({str(row["timestamp"])[:10] for row in one.live("daily_per_source_api_calls_usage")}) == len(days)


def _queries(replica: Replica, path: str) -> list[dict[str, str]]:
    asked = [urlsplit(target) for target in replica.network.asked]
    return [dict(parse_qsl(each.query)) for each in asked if each.path == path]


def test_events_are_asked_for_since_the_last_run_with_an_overlap_and_all_of_them_in_a_full_one(one: Replica) -> None:
    before = datetime.now(UTC)
    one.run("AuditEvents")
    assert [sorted(query) for query in _queries(one, "/audit-events")] == [["pagination.count"]]
    one.network.forget()
    one.run("AuditEvents")
    (query,) = _queries(one, "/audit-events")
    since = datetime.fromisoformat(query["startTime"])
    assert timedelta(minutes=59) <= before - since <= timedelta(minutes=61)
    assert len(one.live("audit_events")) == 800, "events before the window stay"
    one.network.forget()
    assert result(one.run("AuditEvents", full=True), "AuditEvents").unchanged == 800
    assert "startTime" not in _queries(one, "/audit-events")[0]


def test_a_database_whose_clock_runs_ahead_misses_no_event(one: Replica) -> None:
    """The next window begins where the API's clock stood, not ours."""
    behind = datetime.now(UTC) - timedelta(days=1)

    def dated(request: Request, answer: Response) -> Response:
        date = f"{behind:%a, %d %b %Y %H:%M:%S} GMT"
        return Response(answer.status, (*answer.headers, ("Date", date)), answer.body)

    one.network.on("/audit-events", dated)
    one.run("AuditEvents")
    one.network.forget()
    one.run("AuditEvents")
    since = datetime.fromisoformat(_queries(one, "/audit-events")[0]["startTime"])
    assert since <= behind - timedelta(minutes=59)


def test_new_events_arrive_and_known_ones_are_not_written_again(one: Replica) -> None:
    one.run("AuditEvents")
    later = one.network.sandbox.world.now() + timedelta(hours=12)
    one.network.sandbox = Sandbox(now=lambda: later)
    events = result(one.run("AuditEvents"), "AuditEvents")
    assert events.inserted >= 1
    assert events.updated == events.deleted == 0
    assert len(one.live("audit_events")) == 800 + events.inserted


def test_a_refused_event_stays_in_quarantine_when_the_window_moves_on(one: Replica) -> None:
    def mangle(request: Request, answer: Response) -> Response:
        return Response(answer.status, answer.headers, answer.body.replace(b'"id":"', b'"id":"" ,"was":"', 1))

    one.network.on("/audit-events", mangle)
    assert result(one.run("AuditEvents"), "AuditEvents").quarantined == 1
    one.network.heal()
    one.run("AuditEvents")
    assert len(one.books("quarantine")) == 1, "the window did not show it again"
    one.run("AuditEvents", full=True)
    assert one.books("quarantine") == []


def test_two_runs_within_a_day_ask_for_the_same_window_where_it_is_part_of_the_key(replica: Replica) -> None:
    first = replica.run("DestinationDeliveryMetrics", "EventsVolume")
    second = replica.run("DestinationDeliveryMetrics", "EventsVolume")
    assert statuses(first) == statuses(second)
    metrics = result(second, "DestinationDeliveryMetrics")
    assert (metrics.inserted, metrics.updated) == (0, 0)
    assert metrics.unchanged == result(first, "DestinationDeliveryMetrics").inserted > 0
    ends = {str(row["end_time"])[11:19] for row in replica.rows("destination_delivery_metrics")}
    assert ends == {"00:00:00"}


def test_a_month_that_failed_leaves_the_other_months_rows(one: Replica) -> None:
    one.run(USAGE, periods=("2026-09-01",))
    rows = len(one.rows("daily_per_source_api_calls_usage"))
    one.network.on("/usage/api-calls/sources/daily", lambda request, answer: Response(500, (), b"{}"))
    assert statuses(one.run(USAGE, periods=("2026-10-01",))) == {USAGE: "failed"}
    assert len(one.live("daily_per_source_api_calls_usage")) == rows
