"""The two sides of a two-way sync: the workspace behind a network that goes wrong, and databases that people edit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from replicator.errors import ReplicatorError, TargetError
from replicator.options import Options
from replicator.run import RunResult
from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.content.functions import functions
from replicator.sandbox.content.protocols import RULES, tracking_plans
from replicator.sandbox.faults import Faulty, fault_of_text
from replicator.segment.limits import Limits
from replicator.sync.model import Done, Policy, Step
from replicator.sync.resolve import Side, resolve
from replicator.sync.session import Allowed, apply, plan
from tests.model.mishaps import DEATH, Clock, Died
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects

WORDS = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions")
COUNTS = {"TrackingPlans": 2, "RulesPerPlan": 3, "SourceFunctions": 2, "AuditEvents": 0, "Users": 1}
TABLES = {"plan": "tracking_plans", "function": "source_functions", "rule": "tracking_plan_rules"}
KINDS = {"TrackingPlans": "plan", "SourceFunctions": "function", "TrackingPlanRules": "rule"}
#: Every value that anybody writes is one of its own, so that it can be looked for everywhere.
VALUE = re.compile(r"Value \d+")


def values_in(*things: Any) -> set[str]:
    return set(VALUE.findall(json.dumps(things, default=str)))


class Wire(Network):
    """The sandbox as the program meets it: with faults, a log of what had an effect, and people who act meanwhile."""

    def __init__(self) -> None:
        super().__init__(Sandbox(counts=COUNTS))
        self.faulty = Faulty(super().__call__, sleep=lambda _: None)
        #: Called before each request of the program, with it.
        self.before: Callable[[Request], None] = lambda _: None

    def __call__(self, request: Request) -> Response:
        self.before(request)
        return self.faulty(request)

    def goes_wrong(self, *faults: str) -> None:
        self.faulty.faults.replace(*map(fault_of_text, faults))

    def heal(self) -> None:
        super().heal()
        self.faulty.faults.replace()
        self.before = lambda _: None

    def records(self, kind: str) -> list[dict[str, Any]]:
        """From the sandbox's own state, as no answer could show it wrongly."""
        world = self.sandbox.world
        match kind:
            case "plan":
                return [dict(each) for each in world.table(tracking_plans)]
            case "function":
                return [dict(each) for each in world.table(functions) if each["resourceType"] == "SOURCE"]
            case _:
                plans = [each["id"] for each in world.table(tracking_plans)]
                return [{"plan": plan_, **rule} for plan_ in plans for rule in RULES.of(world, plan_)]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {kind: self.records(kind) for kind in TABLES}

    def sent(self) -> set[str]:
        """All values that any write of the program put into the workspace."""
        return values_in([entry.body for entry in self.faulty.log.read(lambda entry: entry.effect)])


@dataclass
class Site:
    """One database of the workspace. `known` runs after each thing that the program did."""

    replica: Replica
    wire: Wire
    policy: Policy = "error"
    #: What a person saw in a plan and may still apply.
    planned: list[Step] = field(default_factory=list)
    #: Plans and functions that people deleted here, and that nobody decided to have back.
    wished: set[str] = field(default_factory=set)

    @property
    def allowed(self) -> Allowed:
        return Allowed(push=True, deletes=True, deploy=True, policy=self.policy, many_deletes=frozenset(WORDS))

    @property
    def _client(self) -> Any:
        clock = Clock()
        return self.replica.client(limits=Limits(clock=clock), sleep=clock.sleep)

    def pull(self) -> RunResult:
        clock = Clock()
        waits = {"limits": Limits(clock=clock), "sleep": clock.sleep}
        return self.replica.run(*WORDS, allow_deletes=frozenset(WORDS), client=waits)

    def push(self, planned: Sequence[Step] | None = None) -> list[Done]:
        with self._client as client:
            return apply(self.replica.target, client, Options(objects=objects(*WORDS)), self.allowed, planned)

    def plan(self) -> list[Step]:
        with self._client as client:
            return plan(self.replica.target, client, Options(objects=objects(*WORDS)), self.allowed)

    def resolve(self, conflict: str, side: Side) -> None:
        with self._client as client:
            resolve(self.replica.target, client, Options(objects=objects(*WORDS)), conflict, side)

    def attempt(self, deed: Callable[[], object]) -> str | None:
        """Does that, and gives what went wrong with it; the process is alive afterwards, and the net whole."""
        try:
            with suppress(Died):
                deed()
        except TargetError:
            raise
        except ReplicatorError as error:
            return str(error)
        finally:
            DEATH.is_over()
            self.wire.heal()
        return None

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return self.replica.live(TABLES[kind])

    def keys(self) -> set[str]:
        return {row["_key"] if kind == "rule" else row["id"] for kind in TABLES for row in self.rows(kind)}

    def row(self, name: str, key: str) -> list[dict[str, Any]]:
        return [row for row in self.rows(KINDS[name]) if key in (row.get("_key"), row.get("id"))]

    def remove(self, name: str, key: str) -> None:
        column = "_key" if name == "TrackingPlanRules" else "id"
        self.replica.do(f"DELETE FROM {TABLES[KINDS[name]]} WHERE {column} = :key", key=key)

    def json(self, parameter: str) -> str:
        return f"CAST(:{parameter} AS jsonb)" if self.replica.engine.dialect.name == "postgresql" else f":{parameter}"

    def quoted(self, name: str) -> str:
        return self.replica.engine.dialect.identifier_preparer.quote_identifier(name)

    def kept(self) -> set[str]:
        """All values that wait here: in rows, in conflicts, and in what the policy overruled."""
        overruled = [row for row in self.replica.books("push_journal") if row["action"] == "pull"]
        return values_in([self.rows(kind) for kind in TABLES], self.replica.books("conflicts"), overruled)
