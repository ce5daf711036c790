"""Every answer, held against openapi.json."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.content.spaces import previews
from replicator.sandbox.routes import ROUTES
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, Operation, media_type, operations, problems
from tests.sandbox.walk import Visit, every_request, records_in, target

OPERATIONS = operations()
if not OPERATIONS:
    pytest.skip("the API contract is not there", allow_module_level=True)


@pytest.fixture(scope="module")
def visits(client: Client) -> dict[str, list[Visit]]:
    by_operation = defaultdict(list)
    for visit in every_request(client):
        by_operation[visit[0]].append(visit)
    space = client.every("/spaces", "spaces")[0]["id"]
    for index in range(2):
        # There is no list of previews: whoever makes one is told its id.
        preview = previews(client.sandbox.world)[index]["id"]
        path = f"/spaces/{space}/audiences/previews/{preview}"
        by_operation["getAudiencePreview"].append(("getAudiencePreview", path, "", {}))
    return by_operation


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_each_answer_is_valid_in_each_version_of_its_operation(
    operation: Operation, client: Client, visits: dict[str, list[Visit]]
) -> None:
    answered = 0
    for visit in visits[operation.id]:
        for version in (*operation.versions, None):
            response = client.ask(target(visit), version)
            if response.status == 404 and operation.id == "getLatestFromLivePlugins":
                continue  # not every source has one
            assert response.status == 200, (visit, response.body)
            kind = media_type(version)
            assert dict(response.headers)["Content-Type"] == kind
            assert problems(operation, kind, response.body) == [], visit
            answered += 1
    assert answered


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_the_route_says_of_the_operation_what_the_contract_says(operation: Operation) -> None:
    route = next(route for route in ROUTES if route.operation == operation.id)
    assert route.path == operation.path
    assert list(route.versions) == operation.versions
    assert route.limit == operation.spec.get("x-rate-limit-per-minute")
    assert [route.feature] if route.feature else operation.spec.get("x-requires-feature", []) == []


def test_there_is_no_route_that_the_contract_does_not_have() -> None:
    assert len(OPERATIONS) == 100
    reads = (route.operation for route in ROUTES if route.method == "GET")
    assert Counter(reads) == Counter(operation.id for operation in OPERATIONS)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.paged], ids=lambda operation: operation.id)
def test_pages_are_as_large_as_the_contract_allows_and_no_larger(
    operation: Operation, client: Client, visits: dict[str, list[Visit]]
) -> None:
    for counted in operation.counted:
        largest = int(counted["schema"]["maximum"])
        visit = visits[operation.id][0]
        for count, status in ((1, 200), (largest, 200), (largest + 1, 422), (0, 422), (-1, 422), ("x", 422), ("", 422)):
            response = client.ask(target(visit, **{counted["name"]: str(count)}))
            assert response.status == status, (visit, count, response.body)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.required], ids=lambda operation: operation.id)
def test_each_required_parameter_is_required_and_named_in_the_error(
    operation: Operation, client: Client, visits: dict[str, list[Visit]]
) -> None:
    name, path, key, query = visits[operation.id][0]
    for required in operation.required:
        assert required in query, "the walk asks with all that is required"
        without = {k: v for k, v in query.items() if k != required}
        response = client.ask(target((name, path, key, without)))
        assert response.status == 422
        assert f'"field":"{required}"'.encode() in response.body


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.choices], ids=lambda operation: operation.id)
def test_a_value_outside_of_an_enumeration_is_refused(
    operation: Operation, client: Client, visits: dict[str, list[Visit]]
) -> None:
    for name in operation.choices:
        response = client.ask(target(visits[operation.id][0], **{name: "SOMETHING_ELSE"}))
        assert response.status == 422, (name, response.body)
        assert f'"field":"{name}"'.encode() in response.body


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{" in o.path], ids=lambda operation: operation.id)
def test_an_id_that_does_not_exist_is_not_found(
    operation: Operation, client: Client, visits: dict[str, list[Visit]]
) -> None:
    name, path, key, query = visits[operation.id][0]
    segments = operation.path.split("/")
    for place, segment in enumerate(segments):
        if segment.startswith("{") and segment != "{audienceType}":
            parts = path.split("/")
            parts[place] = "nonesuch"
            assert client.ask(target((name, "/".join(parts), key, query))).status == 404, parts


def test_the_small_workspace_is_replicated_with_at_most_700_requests_and_has_some_thousand_records() -> None:
    client = Client(Sandbox(now=lambda: NOW))
    requests = records = 0
    for visit in every_request(Client(client.sandbox)):
        client.requests = 0
        if visit[2]:
            largest = {"listFiltersForSpace": 10, "listAudiences": 200}.get(visit[0], 1000)
            size = {} if "count" in visit[3] else {"pagination.count": largest}
            rows = client.every(visit[1], visit[2], **visit[3], **size)
            records += len(rows)
        else:
            response = client.ask(target(visit))
            records += records_in(response.body) if visit[0] == "listLabels" else 0
        requests += client.requests
    assert requests <= 710
    assert 1500 <= records <= 4000


def test_every_list_has_at_least_two_records_somewhere(client: Client, visits: dict[str, list[Visit]]) -> None:
    found: Counter[str] = Counter()
    for visit in (visit for of_operation in visits.values() for visit in of_operation):
        response = client.ask(target(visit))
        found[visit[0]] += records_in(response.body) if response.status == 200 else 0
    few = {operation for operation, records in found.items() if records < 2}
    assert few == {"getWorkspace", "echo"}
