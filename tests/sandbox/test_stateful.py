"""schemathesis goes from answer to request through the whole contract: no 5xx, and no answer that the contract forbids.

REPLICATOR_SANDBOX_CASES says how many requests: a fifth of them by turns to every operation, the others in scenarios of
up to 30, each in a workspace of its own, over a socket. Each shard takes its part, from a seed of its own.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from jsonschema import Draft202012Validator

from replicator.sandbox import Request, Response
from replicator.sandbox.server import running
from tests.sandbox.contract import Operation, contract, problems
from tests.sandbox.links import linked
from tests.sandbox.valid import prepared

CASES = int(os.environ.get("REPLICATOR_SANDBOX_CASES", "5000"))
CHAINED = CASES * 4 // 5
SHARDS = 4
STEPS = 30
AUTHORIZED = {"Authorization": "Bearer sandbox"}
#: What the contract states in words, beside the statuses that its operations list.
STATED = {400, 401, 403, 404, 405, 406, 409, 413, 415, 422}

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)
pytestmark = pytest.mark.slow


@dataclass
class Workspace:
    """Made anew for each scenario; the server asks whichever there is."""

    asked: Any = field(default_factory=prepared)

    def __call__(self, request: Request) -> Response:
        response: Response = self.asked.sandbox(request)
        return response


@dataclass
class Seen:
    envelope: Draft202012Validator
    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def take(self, case: Any, response: Any) -> None:
        self.operations[case.operation.label] += 1
        self.statuses[response.status_code] += 1
        found = self._problems(case.operation, response)
        asked = f"{case.operation.label} {case.path_parameters} {case.query} {case.body!r:.300}"
        self.wrong += [f"{asked}: {each}" for each in found]

    def _problems(self, operation: Any, response: Any) -> list[str]:
        if response.status_code < 300:
            known = Operation(operation.path, contract()["paths"][operation.path][operation.method])
            return problems(known, response.headers["content-type"][0], response.content, response.status_code)
        if response.status_code in STATED:
            return [error.message for error in self.envelope.iter_errors(json.loads(response.content))]
        return [f"the contract knows no {response.status_code}"]

    @property
    def good(self) -> float:
        return sum(count for status, count in self.statuses.items() if status < 300) / self.statuses.total()


@pytest.fixture
def seen() -> Seen:
    reference = {"$ref": "#/components/schemas/RequestErrorEnvelope"}
    return Seen(Draft202012Validator(reference | {"components": contract()["components"]}))


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.openapi.from_dict(linked())


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def url(workspace: Workspace) -> Iterator[str]:
    with running(workspace) as url:
        yield url


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_chain_of_requests_meets_a_5xx_or_an_answer_that_the_contract_forbids(
    shard: int, workspace: Workspace, url: str, seen: Seen, schema: Any
) -> None:
    class Machine(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            workspace.asked = prepared()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": AUTHORIZED, "base_url": url}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            seen.take(case, response)

    rounds = 0
    while seen.operations.total() < CHAINED / SHARDS:
        seed(SHARDS * rounds + shard)(Machine).run(settings=_settings(10))
        rounds += 1
    assert not seen.wrong, "\n".join(seen.wrong[:20])
    # Chains that met nothing but refusals would prove nothing.
    assert seen.good > 1 / 3, seen.statuses


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_operation_answers_what_is_made_for_it_with_a_5xx_or_what_the_contract_forbids(
    shard: int, workspace: Workspace, url: str, seen: Seen, schema: Any
) -> None:
    operations = [each.ok() for each in schema.get_all_operations()][shard::SHARDS]
    for operation in operations:
        workspace.asked = prepared()

        @seed(shard)
        @_settings(1 + (CASES - CHAINED) // 190)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            seen.take(case, case.call(base_url=url, headers=AUTHORIZED))

        ask()
    assert not seen.wrong, "\n".join(seen.wrong[:20])
    assert len(seen.operations) == len(operations)
    assert seen.operations.total() >= (CASES - CHAINED) / SHARDS


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
