"""Spaces, and all that changes as time goes by: regulations, the audit trail, usage and metrics."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, at
from tests.sandbox.walk import KINDS

Row = dict[str, Any]

pytestmark = pytest.mark.parametrize(
    "client", [Client(Sandbox(seed=seed, now=lambda: NOW)) for seed in (1, 5)], ids=["seed 1", "seed 5"]
)
BULLET = "•"


def every(client: Client, path: str, key: str | None = None, **query: Any) -> list[Row]:
    return client.every(path, key or path.rpartition("/")[2], **query)


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def functions(client: Client) -> list[Row]:
    return [row for kind in KINDS for row in every(client, "/functions", resourceType=kind)]


def test_what_a_space_holds_names_that_space(client: Client) -> None:
    spaces = every(client, "/spaces")
    assert len(spaces) == 2
    for space in spaces:
        path = f"/spaces/{space['id']}"
        for what, key in (("audiences", "audiences"), ("computed-traits", "computedTraits")):
            rows = every(client, f"{path}/{what}", key)
            assert {row["spaceId"] for row in rows} == {space["id"]}
        for audience in every(client, f"{path}/audiences"):
            connections = every(client, f"{path}/audiences/{audience['id']}/destination-connections", "connections")
            assert {c["destinationId"] for c in connections} <= set(ids(every(client, "/destinations")))
            for activation in every(client, f"{path}/audiences/{audience['id']}/activations"):
                assert (activation["spaceId"], activation["audienceId"]) == (space["id"], audience["id"])
                assert activation["connectionId"] in ids(connections)


def test_audiences_show_their_schedules_only_when_asked(client: Client) -> None:
    path = f"/spaces/{every(client, '/spaces')[0]['id']}/audiences"
    assert not any("schedules" in row for row in every(client, path))
    for row in every(client, path, include="schedules"):
        assert row["schedules"] == client.data(f"{path}/{row['id']}/schedules")["audienceSchedules"]
        assert client.data(f"{path}/{row['id']}", include="schedules")["audience"] == row


def test_lists_of_a_space_are_searched_and_sorted_when_asked(client: Client) -> None:
    path = f"/spaces/{every(client, '/spaces')[0]['id']}"
    events = every(client, f"{path}/events", sortBy="lastSeenAt", sortDir="desc")
    seen = [event["lastSeenAt"] for event in events]
    assert seen == sorted(seen, reverse=True)
    assert {e["name"] for e in every(client, f"{path}/events", search="SIGNED")} == {
        "Signed Up",
        "signed up",
        "Signed Up ",
    }
    found = every(client, f"{path}/audiences", **{"search.type": "NAME", "search.query": "spenders"})
    assert len(found) == 2
    accounts = every(client, f"{path}/traits", collection="accounts")
    assert len(accounts) * 2 == len(every(client, f"{path}/traits"))
    sampled = every(client, f"{path}/traits", includeSampleValues="true", samplesCount="3")
    assert all(len(trait["samples"]) == 3 for trait in sampled)


def test_sample_values_are_there_for_what_was_listed_and_nothing_else(client: Client) -> None:
    path = f"/spaces/{every(client, '/spaces')[0]['id']}"
    for event in every(client, f"{path}/events"):
        own = at(f"{path}/events/{{e}}/properties", e=event["name"])
        for row in every(client, own, "eventProperties"):
            values = at(f"{own}/{{p}}/sample-values", p=row["name"])
            other = {"CONTEXT": "PROPERTY", "PROPERTY": "CONTEXT"}[row["type"]]
            assert client.data(values, propertyType=row["type"])["sampleValues"]
            assert client.ask(f"{values}?propertyType={other}").status == 404


def test_regulations_are_of_the_workspace_or_of_a_source_and_last_90_days(client: Client) -> None:
    of_workspace = every(client, "/regulations")
    of_sources = {
        s["id"]: every(client, f"/regulations/sources/{s['id']}", "regulations") for s in every(client, "/sources")
    }
    assert len(of_workspace) + sum(map(len, of_sources.values())) == 14
    suppressed = {s for row in every(client, "/suppressions", "suppressed") for s in row["subjectIds"]}
    for source, row in [(s, r) for s, rows in of_sources.items() for r in rows] + [(None, r) for r in of_workspace]:
        assert set(row["subjects"]) <= suppressed
        whole = client.data(f"/regulations/{row['id']}")["regulation"]
        assert (whole["overallStatus"], whole["createdAt"]) == (row["status"], row["createdAt"])
        assert [stream["id"] for stream in whole["streamStatus"]] == ([source] if source else [])
        assert NOW - datetime.fromisoformat(row["createdAt"]) <= timedelta(days=90)
    statuses = Counter(row["status"] for row in of_workspace)
    chosen = next(iter(statuses))
    assert len(every(client, "/regulations", status=chosen)) == statuses[chosen]
    kinds = {"regulationTypes.0": "SUPPRESS_ONLY", "regulationTypes.1": "DELETE_ONLY"}
    found = {row["regulationType"] for row in every(client, "/regulations", **kinds)}
    assert found == {"SUPPRESS_ONLY", "DELETE_ONLY"}


def test_an_old_regulation_is_not_found(client: Client) -> None:
    oldest = every(client, "/regulations")[-1]["id"]
    later = Client(Sandbox(seed=client.sandbox.world.seed, now=lambda: NOW + timedelta(days=91)))
    assert client.ask(f"/regulations/{oldest}").status == 200
    assert later.ask(f"/regulations/{oldest}").status == 404


def test_audit_events_are_filtered_by_time_and_resource(client: Client) -> None:
    events = every(client, "/audit-events", "events", **{"pagination.count": 1000})
    assert len(events) == 800
    assert all(re.fullmatch(r"events/\d{9}", event["id"]) for event in events)
    start, end = events[500]["timestamp"], events[100]["timestamp"]
    within = [event for event in events if start <= event["timestamp"] <= end]
    assert every(client, "/audit-events", "events", startTime=start, endTime=end) == within
    for field in ("resourceId", "resourceType"):
        value = events[7][field]
        assert every(client, "/audit-events", "events", **{field: value}) == [e for e in events if e[field] == value]
    assert client.ask(f"/audit-events?startTime={end}&endTime={start}").status == 422
    assert client.ask("/audit-events?startTime=yesterday").status == 422
    assert client.data("/audit-events", startTime="2024-01-01", endTime="2024-02-01")["events"] == []
    assert client.data("/audit-events", startTime="2027-01-01")["events"] == []


def test_audit_events_name_resources_that_exist(client: Client) -> None:
    paths = {"source": "sources", "integration": "destinations", "user": "users", "function": "functions"}
    names = {"source": "source", "integration": "destination", "user": "user", "function": "function"}
    for event in every(client, "/audit-events", "events"):
        if kind := paths.get(event["resourceType"]):
            found = client.data(f"/{kind}/{event['resourceId']}")[names[event["resourceType"]]]
            assert event["resourceName"] == (found.get("name") or found.get("displayName") or "")


def test_a_listing_of_audit_events_keeps_its_end_while_new_ones_come(client: Client) -> None:
    clock = [NOW]
    moving = Client(Sandbox(seed=client.sandbox.world.seed, now=lambda: clock[0]))
    before = every(moving, "/audit-events", "events", **{"pagination.count": 1000})
    listed: list[Row] = []
    page: dict[str, Any] = {}
    while True:
        data = moving.data("/audit-events", **{"pagination.count": 100}, **page)
        listed += data["events"]
        following = data["pagination"].get("next")
        clock[0] += timedelta(hours=3)
        if following is None:
            break
        page = {"pagination.cursor": following}
    assert listed == before
    newest = every(moving, "/audit-events", "events", **{"pagination.count": 1})[0]
    assert newest["timestamp"] > before[0]["timestamp"]


def test_events_keep_their_ids_as_time_goes_by(client: Client) -> None:
    later = Client(Sandbox(seed=client.sandbox.world.seed, now=lambda: NOW + timedelta(days=30)))
    old = {e["id"]: e for e in every(client, "/audit-events", "events", **{"pagination.count": 1000})}
    new = {e["id"]: e for e in every(later, "/audit-events", "events", **{"pagination.count": 1000})}
    shared = old.keys() & new.keys()
    assert 500 < len(shared) < 600
    assert all(old[key] == new[key] for key in shared)


def test_usage_is_cumulative_from_the_first_to_today(client: Client) -> None:
    rows = every(client, "/usage/api-calls/daily", "dailyWorkspaceAPICallsUsage", period="2026-11-01")
    days = [datetime.fromisoformat(row["timestamp"]).date() for row in rows]
    assert days == [date(2026, 11, day) for day in range(1, 24)]
    calls = [int(row["apiCalls"]) for row in rows]
    assert calls == sorted(set(calls))
    assert len(every(client, "/usage/mtu/daily", "dailyWorkspaceMTUUsage", period="2026-02-01")) == 28
    assert every(client, "/usage/mtu/daily", "dailyWorkspaceMTUUsage", period="2026-12-01") == []
    assert client.ask("/usage/mtu/daily?period=November").status == 422


def test_the_usage_of_the_workspace_is_that_of_its_sources(client: Client) -> None:
    query = {"period": "2026-10-01"}
    total: Counter[str] = Counter()
    for row in every(client, "/usage/api-calls/sources/daily", "dailyPerSourceAPICallsUsage", **query):
        total[row["timestamp"]] += int(row["apiCalls"])
    rows = every(client, "/usage/api-calls/daily", "dailyWorkspaceAPICallsUsage", **query)
    assert total == {row["timestamp"]: int(row["apiCalls"]) for row in rows}


@cache
def _first(client: Client) -> tuple[str, str]:
    destination = every(client, "/destinations")[0]
    return destination["sourceId"], destination["id"]


def test_metrics_honour_the_range_the_granularity_and_the_groups(client: Client) -> None:
    source, destination = _first(client)
    query = {"sourceId": source, "destinationConfigId": destination, "startTime": "2026-11-20T00:00:00Z"}
    path = "/delivery-overview/successful-delivery"
    hours = client.data(path, **query, endTime="2026-11-21T00:00:00Z", granularity="HOUR")
    (row,) = hours["dataset"]
    assert [point["time"] for point in row["series"]][::23] == ["2026-11-20T00:00:00Z", "2026-11-20T23:00:00Z"]
    assert sum(point["count"] for point in row["series"]) == row["total"] == hours["total"]
    longer = client.data(path, **query, endTime="2026-11-22T00:00:00Z", granularity="HOUR")
    assert longer["dataset"][0]["series"][:24] == row["series"], "overlapping ranges agree"
    grouped = client.data(
        path, **query, endTime="2026-11-21T00:00:00Z", granularity="DAY",
        **{"groupBy.0": "eventName", "groupBy.1": "eventType", "filter.eventType.0": "track"},
    )  # fmt: skip
    assert len({(r["eventName"], r["eventType"]) for r in grouped["dataset"]}) == len(grouped["dataset"]) == 3
    to_come = client.data(path, **query, endTime="2026-12-24T00:00:00Z", granularity="DAY")
    assert len(to_come["dataset"][0]["series"]) == 4, "nothing is counted that has not happened"


def test_the_volume_of_events_is_grouped_as_asked(client: Client) -> None:
    query = {"startTime": "2026-11-20", "endTime": "2026-11-22", "granularity": "DAY"}
    source = every(client, "/sources")[3]
    data = client.data("/events/volume", **query, **{"sourceId.0": source["id"], "groupBy.0": "eventType"})
    assert [row["eventType"] for row in data["result"]] == ["track", "identify", "page"]
    assert not any("source" in row for row in data["result"])
    assert (data["query"]["sourceId"], data["path"]) == ([source["id"]], "/events/volume")
    by_source = every(client, "/events/volume", "result", **query, **{"groupBy.0": "source"})
    assert [row["source"]["id"] for row in by_source] == ids(every(client, "/sources"))
    by_both = client.data(
        "/events/volume", **query, **{"groupBy.0": "source", "groupBy.1": "appVersion", "sourceId.0": source["id"]}
    )["result"]
    assert [row["source"]["slug"] for row in by_both] == [source["slug"]]
    unknown = {"sourceId.0": "nonesuch", **query}
    assert client.ask(f"/events/volume?{urlencode(unknown)}").status == 404


def test_the_delivery_summary_keeps_to_its_windows(client: Client) -> None:
    source, destination = _first(client)
    path = f"/destinations/{destination}/delivery-metrics"
    for granularity, good, bad in (("MINUTE", 4, 5), ("HOUR", 7 * 24, 8 * 24), ("DAY", 14 * 24, 15 * 24)):
        for hours, status in ((good, 200), (bad, 422)):
            start = f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
            end = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
            response = client.ask(f"{path}?sourceId={source}&granularity={granularity}&startTime={start}&endTime={end}")
            assert response.status == status, (granularity, hours, response.body)
    summary = client.data(path, sourceId=source)["deliveryMetricsSummary"]
    assert summary["sourceId"] == source
    successes = summary["metrics"][0]
    assert successes["total"] == sum(part["value"] for part in successes["breakdown"]) > 0


def test_json_schemas_of_rules_are_json_schemas(client: Client) -> None:
    for plan in every(client, "/tracking-plans", "trackingPlans"):
        for rule in every(client, f"/tracking-plans/{plan['id']}/rules", "rules"):
            schema = rule["jsonSchema"]
            assert schema["type"] == "object"
            assert set(schema["properties"]) == {"context", "traits", "properties"}
            assert len(json.dumps(schema)) > 100


def test_ids_of_a_kind_are_never_the_same(client: Client) -> None:
    counts = {"Sources": 3000, "Users": 3000, "Transformations": 3000}
    large = Client(Sandbox(seed=client.sandbox.world.seed, counts=counts, now=lambda: NOW))
    every_id = [
        row["id"] for path in ("/sources", "/users", "/transformations")
        for row in large.every(path, path[1:], **{"pagination.count": 1000})
    ]  # fmt: skip
    assert len(set(every_id)) == 9000
