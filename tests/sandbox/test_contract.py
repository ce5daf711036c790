"""Every answer, held against openapi.json."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.calls import Write
from replicator.sandbox.routes import ROUTES
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, Operation, at, indexed, media_type, operations, problems, write_operations
from tests.sandbox.valid import Valid, prepared, valid_writes
from tests.sandbox.walk import Visit, every_request, records_in, target, with_previews

OPERATIONS = operations()
WRITES = write_operations()
EVERY = [*(("GET", operation) for operation in OPERATIONS), *WRITES]
if not OPERATIONS:
    pytest.skip("the API contract is not there", allow_module_level=True)


@pytest.fixture(scope="module")
def visits(client: Client) -> dict[str, list[Visit]]:
    by_operation = defaultdict(list)
    for visit in every_request(client):
        by_operation[visit[0]].append(visit)
    by_operation["getAudiencePreview"] += with_previews(client)
    return by_operation


@pytest.fixture(scope="module")
def valid() -> dict[str, Valid]:
    return valid_writes(prepared())


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


@pytest.mark.parametrize(("method", "operation"), EVERY, ids=lambda part: getattr(part, "id", part))
def test_the_route_says_of_the_operation_what_the_contract_says(method: str, operation: Operation) -> None:
    route = next(route for route in ROUTES if route.operation == operation.id)
    assert (route.method, route.path) == (method, operation.path)
    assert list(route.versions) == operation.versions
    assert route.limit == operation.spec.get("x-rate-limit-per-minute")
    assert [route.feature] if route.feature else operation.spec.get("x-requires-feature", []) == []
    assert operation.status == (route.answer.status if isinstance(route.answer, Write) else 200)


def test_each_operation_of_the_contract_has_a_route_and_there_are_no_others() -> None:
    assert len(EVERY) == 201
    assert Counter(route.operation for route in ROUTES) == Counter(operation.id for _, operation in EVERY)


@pytest.mark.parametrize(("method", "operation"), WRITES, ids=lambda part: getattr(part, "id", part))
def test_each_write_answers_as_the_contract_says_in_each_version(
    method: str, operation: Operation, valid: dict[str, Valid]
) -> None:
    asked = valid[operation.id]
    path = at(operation.path, **asked.ids)
    for version in (*operation.versions, None):
        # The beta version names the record in its body too.
        again = asked.ids if (operation.id, version) == ("updateTransformation", "v1beta") else {}
        prepared().write(method, path, asked.body and asked.body | again, version=version, **indexed(asked.query))


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
