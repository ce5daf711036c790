"""Regulations: filed, on their way, finished; and the suppressions that follow them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)


@dataclass
class Clock:
    moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Client:
    return Client(Sandbox(now=clock))


def _file(client: Client, kind: str, *subjects: str, at: str = "", subject_type: str = "USER_ID") -> str:
    body = {"regulationType": kind, "subjectType": subject_type, "subjectIds": list(subjects)}
    return str(client.write("POST", f"/regulations{at}", body)["regulateId"])


def _suppressed(client: Client) -> list[tuple[str, str]]:
    rows = client.every("/suppressions", "suppressed", **{"pagination.count": 1000})
    return [(row["subjectType"], subject) for row in rows for subject in row["subjectIds"]]


def _regulations(client: Client, at: str = "", **query: Any) -> list[dict[str, Any]]:
    return client.every(f"/regulations{at}", "regulations", **query)


def _source(client: Client, place: int = 0) -> str:
    return str(client.every("/sources", "sources")[place]["id"])


def test_a_filed_regulation_is_the_newest_of_the_list_and_moves_on_as_time_goes_by(
    client: Client, clock: Clock
) -> None:
    before = _regulations(client)
    identifier = _file(client, "DELETE_ONLY", "a", "b")
    rows = _regulations(client)
    assert rows[1:] == before
    assert rows[0] == {
        "id": identifier, "subjectType": "USER_ID", "subjects": ["a", "b"], "status": "INITIALIZED",
        "createdAt": "2026-11-23T20:15:00.000000Z", "regulationType": "DELETE_ONLY",
    }  # fmt: skip
    seen = []
    for hours in (1, 5, 30):
        clock.moment = NOW + timedelta(hours=hours)
        whole = client.data(f"/regulations/{identifier}")["regulation"]
        listed = next(row for row in _regulations(client) if row["id"] == identifier)
        assert (whole["overallStatus"], whole.get("finishedAt")) == (listed["status"], listed.get("finishedAt"))
        seen.append((listed["status"], listed.get("finishedAt")))
    assert seen == [("INITIALIZED", None), ("RUNNING", None), ("FINISHED", "2026-11-24T20:15:00.000000Z")]


def test_regulations_stay_in_the_order_of_their_age_while_others_appear(client: Client, clock: Clock) -> None:
    filed = []
    for day in range(0, 40, 8):
        clock.moment = NOW + timedelta(days=day)
        filed.append(_file(client, "DELETE_ONLY", str(day)))
    rows = client.every("/regulations", "regulations", **{"pagination.count": 2})
    assert [row["createdAt"] for row in rows] == sorted((row["createdAt"] for row in rows), reverse=True)
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids) > len(filed)
    assert [identifier for identifier in ids if identifier in filed] == filed[::-1]
    assert ids[0] != filed[0] != ids[-1]


def test_after_90_days_a_regulation_is_neither_listed_nor_found(client: Client, clock: Clock) -> None:
    identifier = _file(client, "DELETE_ONLY", "a")
    clock.moment = NOW + timedelta(days=89, hours=23)
    assert identifier in [row["id"] for row in _regulations(client)]
    clock.moment = NOW + timedelta(days=90)
    assert identifier not in [row["id"] for row in _regulations(client)]
    assert client.ask(f"/regulations/{identifier}").status == 404


def test_a_regulation_of_a_source_is_listed_there_alone_and_names_its_destinations(client: Client) -> None:
    source, other = _source(client), _source(client, 1)
    identifier = _file(client, "DELETE_ARCHIVE_ONLY", "a", at=f"/sources/{source}", subject_type="ANONYMOUS_ID")
    assert _regulations(client, f"/sources/{source}")[0]["id"] == identifier
    assert identifier not in [row["id"] for row in (*_regulations(client), *_regulations(client, f"/sources/{other}"))]
    whole = client.data(f"/regulations/{identifier}")["regulation"]
    connected = client.every(f"/sources/{source}/connected-destinations", "destinations")
    (stream,) = whole["streamStatus"]
    assert stream["id"] == source
    assert [one["id"] for one in stream["destinationStatus"]] == [one["id"] for one in connected] != []


def test_a_cloud_source_has_regulations_of_its_objects(client: Client) -> None:
    source = _source(client, 2)
    body = {"regulationType": "DELETE_ONLY", "subjectType": "OBJECT_ID", "subjectIds": ["a"], "collection": "leads"}
    path = f"/regulations/cloudsources/{source}"
    identifier = client.write("POST", path, body)["regulateId"]
    assert _regulations(client, f"/sources/{source}")[0]["id"] == identifier
    assert client.refused("POST", path, body | {"subjectType": "USER_ID"}) == (422, "subjectType")
    del body["collection"]
    assert client.refused("POST", path, body) == (422, "collection")


def test_the_lists_filters_see_what_was_filed(client: Client) -> None:
    identifier = _file(client, "DELETE_INTERNAL", "a")
    found = _regulations(client, **{"status": "INITIALIZED", "regulationTypes.0": "DELETE_INTERNAL"})
    assert identifier in [row["id"] for row in found]
    assert identifier not in [row["id"] for row in _regulations(client, status="FINISHED")]


def test_a_subject_is_suppressed_once_and_until_that_is_undone(client: Client) -> None:
    before = _suppressed(client)
    _file(client, "SUPPRESS_ONLY", "new", before[0][1], "new")
    _file(client, "SUPPRESS_WITH_DELETE", "new", "newer")
    assert _suppressed(client) == [*before, ("userId", "new"), ("userId", "newer")]
    _file(client, "DELETE_ONLY", "deleted")
    gone = (before[3], before[25])
    _file(client, "UNSUPPRESS", "new", *(subject for _, subject in gone), "never suppressed")
    left = [one for one in before if one not in gone]
    assert _suppressed(client) == [*left, ("userId", "newer")]
    _file(client, "SUPPRESS_WITH_DELETE_INTERNAL", before[3][1])
    assert _suppressed(client) == [*left, ("userId", "newer"), before[3]]


def test_subjects_of_another_kind_are_others(client: Client) -> None:
    subject = _suppressed(client)[0][1]
    _file(client, "UNSUPPRESS", subject, subject_type="OBJECT_ID")
    _file(client, "SUPPRESS_ONLY", subject, subject_type="OBJECT_ID")
    kinds = [kind for kind, found in _suppressed(client) if found == subject]
    assert kinds == ["userId", "objectId"]


def test_what_the_workspace_suppresses_no_source_undoes(client: Client, clock: Clock) -> None:
    at = f"/sources/{_source(client)}"
    _file(client, "SUPPRESS_ONLY", "a")
    _file(client, "SUPPRESS_ONLY", "a", at=at)
    failing = _file(client, "UNSUPPRESS", "a", at=at)
    assert ("userId", "a") in _suppressed(client)
    clock.moment = NOW + timedelta(days=2)
    assert client.data(f"/regulations/{failing}")["regulation"]["overallStatus"] == "FAILED"
    _file(client, "UNSUPPRESS", "a")
    assert ("userId", "a") not in _suppressed(client)


def test_a_subject_stays_suppressed_until_no_source_suppresses_it(client: Client) -> None:
    first, second = (f"/sources/{_source(client, place)}" for place in (0, 1))
    _file(client, "SUPPRESS_ONLY", "a", at=first)
    _file(client, "SUPPRESS_ONLY", "a", at=second)
    assert _suppressed(client).count(("userId", "a")) == 1
    _file(client, "UNSUPPRESS", "a", at=first)
    assert ("userId", "a") in _suppressed(client)
    _file(client, "UNSUPPRESS", "a", at=second)
    assert ("userId", "a") not in _suppressed(client)


def test_what_cannot_be_is_refused(client: Client) -> None:
    body = {"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["a"]}
    before = _suppressed(client)
    assert client.refused("POST", "/regulations/sources/nonesuch", body)[0] == 404
    assert client.refused("POST", "/regulations", body | {"subjectIds": ["a"] * 5001}) == (422, "subjectIds")
    wrong = {"regulationType": "DELETE_ARCHIVE_ONLY", "subjectType": "ANONYMOUS_ID", "subjectIds": "a"}
    for field, value in wrong.items():
        assert client.refused("POST", "/regulations", body | {field: value}) == (422, field)
        assert client.refused("POST", "/regulations", {k: v for k, v in body.items() if k != field}) == (422, field)
    assert _suppressed(client) == before
    _file(client, "SUPPRESS_ONLY", *(str(number) for number in range(5000)))
    assert len(_suppressed(client)) == len(before) + 5000


def test_millions_of_suppressions_are_not_made_because_some_change() -> None:
    client = Client(Sandbox(now=lambda: NOW, counts={"Suppressions": 5_000_000}))
    started = time.monotonic()
    first = client.data("/suppressions", **{"pagination.count": 1000})["suppressed"]
    _file(client, "UNSUPPRESS", *(row["subjectIds"][0] for row in first[:10]))
    _file(client, "SUPPRESS_ONLY", "new")
    after = client.data("/suppressions", **{"pagination.count": 1000})["suppressed"]
    assert after[:990] == first[10:]
    assert len(after) == 1000
    assert time.monotonic() - started < 2
