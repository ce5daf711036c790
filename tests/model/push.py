"""Random histories of both sides of a two-way sync: `python -m tests.model.push [--histories N] [--seed S]`.

Plans, rules and functions are edited, added and deleted here and there, pulled and pushed, with answers lost after
their effect, refusals that hide one, and edits made while a push is under way. At the end conflicts are decided by
chance, and both sides must agree within two cycles and stay so; what only one side ever wrote must be what it wrote
last, and what a person added must be there at most once.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from replicator.errors import ReplicatorError, UsageError
from replicator.options import Options
from replicator.sandbox import Request, Response, Sandbox
from replicator.sync.resolve import resolve
from replicator.sync.session import Allowed, apply, plan
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, objects

WORDS = ("TrackingPlans", "TrackingPlanRules", "SourceFunctions")
COUNTS = {"TrackingPlans": 2, "RulesPerPlan": 3, "SourceFunctions": 2}
FREE = Allowed(push=True, deletes=True, deploy=True, many_deletes=frozenset(WORDS))
STEPS = 14


class History:
    """One history; `told` says what was done, for whoever has to understand a failure."""

    def __init__(self, url: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.network = Network(Sandbox(counts=COUNTS))
        self.replica = Replica(url, self.network)
        self.told: list[str] = []
        self.count = 0
        #: What each side wrote last, by (kind, id, field).
        self.ours: dict[tuple[str, str, str], str] = {}
        self.theirs: dict[tuple[str, str, str], str] = {}
        self.added: list[str] = []
        self.gone: set[str] = set()

    def perform(self) -> None:
        self.pull()
        for _ in range(STEPS):
            step = self.random.choice(
                (
                    *(self.edit_here, self.edit_here, self.edit_there, self.edit_there, self.add_here),
                    *(self.delete_here, self.delete_there, self.pull, self.push, self.push_with_trouble),
                )
            )
            step()
        self.end()

    def value(self) -> str:
        self.count += 1
        return f"Value {self.count}"

    def pull(self) -> None:
        self.told.append("pull")
        self.replica.run(*WORDS, allow_deletes=frozenset(WORDS))

    def push(self) -> None:
        self.told.append("push")
        with self.replica.client() as client:
            done = apply(self.replica.target, client, Options(objects=objects(*WORDS)), FREE)
        self.told.append(f"  {Counter((each.step.action, each.outcome) for each in done)}")

    def push_with_trouble(self) -> None:
        kind = self.random.choice(("lost", "refused", "meanwhile"))
        method = self.random.choice(("PATCH", "POST", "DELETE"))
        self.told.append(f"push, {kind} at each {method}")
        left = [self.random.randint(1, 3)]

        def trouble(request: Request, answer: Response) -> Response:
            if request.method != method or not left[0]:
                return answer
            left[0] -= 1
            if kind == "meanwhile":
                self.edit_here()
                return answer
            return net.error(502 if kind == "lost" else 503)(request, answer)

        self.network.on("*", trouble)
        with suppress(ReplicatorError):
            self.push()
        self.network.heal()

    def _rows(self, table: str) -> list[dict[str, Any]]:
        return [row for row in self.replica.live(table) if not str(row.get("id", "")).startswith("new:")]

    def edit_here(self) -> None:
        kind = self.random.choice(("plan", "function", "rule"))
        table = {"plan": "tracking_plans", "function": "source_functions", "rule": "tracking_plan_rules"}[kind]
        rows = self._rows(table)
        if not rows:
            return
        row, value = self.random.choice(rows), self.value()
        match kind:
            case "rule":
                key, field, written = row["_key"], "json_schema", json.dumps({"title": value})
                self.replica.do("UPDATE tracking_plan_rules SET json_schema = :v WHERE _key = :k", v=written, k=key)
            case "plan":
                key, field = row["id"], self.random.choice(("name", "description"))
                self.replica.do(f"UPDATE tracking_plans SET {field} = :v WHERE id = :k", v=value, k=key)
            case _:
                key, field = row["id"], self.random.choice(("code", "description"))
                self.replica.do(f"UPDATE source_functions SET {field} = :v WHERE id = :k", v=value, k=key)
        if kind != "rule":
            self.ours[kind, key, field] = value
        self.told.append(f"here {kind} {key} {field} = {value}")

    def edit_there(self) -> None:
        kind = self.random.choice(("plan", "function", "rule"))
        value = self.value()
        if kind == "rule":
            plan_ = self.random.choice(self.plans())["id"] if self.plans() else None
            rules = self.rules(plan_) if plan_ else []
            if not rules:
                return
            rule = {k: v for k, v in self.random.choice(rules).items() if k in {"type", "key", "version"}}
            body = {"rules": [{**rule, "jsonSchema": {"title": value}}]}
            self.network.write("PATCH", f"/tracking-plans/{plan_}/rules", body)
            self.told.append(f"there rule {plan_} {rule} = {value}")
            return
        records = self.plans() if kind == "plan" else self.functions()
        if not records:
            return
        record = self.random.choice(records)
        field = self.random.choice(("name", "description") if kind == "plan" else ("code", "description"))
        path = "/tracking-plans/" if kind == "plan" else "/functions/"
        self.network.write("PATCH", path + record["id"], {field: value})
        self.theirs[kind, record["id"], field] = value
        self.told.append(f"there {kind} {record['id']} {field} = {value}")

    def add_here(self) -> None:
        name = self.value()
        self.added.append(name)
        self.replica.do("INSERT INTO tracking_plans (name, type) VALUES (:n, 'LIVE')", n=name)
        self.told.append(f"here added {name}")

    def delete_here(self) -> None:
        rows = self._rows("source_functions")
        if rows:
            key = self.random.choice(rows)["id"]
            self.gone.add(key)
            self.replica.do("DELETE FROM source_functions WHERE id = :k", k=key)
            self.told.append(f"here deleted {key}")

    def delete_there(self) -> None:
        kind = self.random.choice(("plan", "function"))
        records = self.plans() if kind == "plan" else self.functions()
        if records:
            key = self.random.choice(records)["id"]
            self.gone.add(key)
            self.network.write("DELETE", ("/tracking-plans/" if kind == "plan" else "/functions/") + key)
            self.told.append(f"there deleted {key}")

    def plans(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]
        return found

    def rules(self, plan_: str) -> list[dict[str, Any]]:
        path = f"/tracking-plans/{plan_}/rules?pagination.count=200"
        found: list[dict[str, Any]] = self.network.write("GET", path)["rules"]
        return found

    def functions(self) -> list[dict[str, Any]]:
        listed = self.network.write("GET", "/functions?resourceType=SOURCE&pagination.count=200")["functions"]
        return [self.network.write("GET", f"/functions/{each['id']}")["function"] for each in listed]

    def end(self) -> None:
        """Every conflict is decided; then two cycles end in the same on both sides."""
        self.push()
        for _ in range(20):
            conflicts = self.replica.books("conflicts")
            if not conflicts:
                break
            with self.replica.client() as client:
                side = self.random.choice(("ours", "theirs"))
                self.told.append(f"resolve {conflicts[0]['object']} {conflicts[0]['record_id']} {side}")
                asked = Options(objects=objects(*WORDS))
                try:
                    resolve(self.replica.target, client, asked, conflicts[0]["id"], side)  # type: ignore[arg-type]
                except UsageError:
                    # A rule whose plan is gone cannot be had back by itself.
                    resolve(self.replica.target, client, asked, conflicts[0]["id"], "theirs")
            self.push()
        for _ in range(2):
            self.pull()
            self.push()
        self.network.written.clear()
        run = self.replica.run(*WORDS, allow_deletes=frozenset(WORDS))
        self.push()
        assert not self.network.written, f"a third cycle writes {self.network.written}"
        assert sum(each.inserted + each.updated + each.deleted for each in run.objects) == 0, run.objects
        with self.replica.client() as client:
            left = plan(self.replica.target, client, Options(objects=objects(*WORDS)), FREE)
        assert not left, left
        self.compare()

    def compare(self) -> None:
        plans = {each["id"]: (each["name"], each.get("description")) for each in self.plans()}
        assert plans == {row["id"]: (row["name"], row["description"]) for row in self.replica.live("tracking_plans")}
        functions = {each["id"]: (each["code"], each.get("description")) for each in self.functions()}
        rows = self.replica.live("source_functions")
        assert functions == {row["id"]: (row["code"], row["description"]) for row in rows}
        rules = sorted((key, *_rule(each)) for key in plans for each in self.rules(key))
        here = self.replica.live("tracking_plan_rules")
        assert rules == sorted((row["tracking_plan_id"], *_rule(row)) for row in here)
        for kind, found, fields in (
            ("plan", plans, ("name", "description")),
            ("function", functions, ("code", "description")),
        ):
            for key, values in found.items():
                for field, value in zip(fields, values, strict=True):
                    ours, theirs = self.ours.get((kind, key, field)), self.theirs.get((kind, key, field))
                    if key not in self.gone and (ours or theirs):
                        assert value in {ours, theirs}, (
                            f"{kind} {key} {field} is {value}: {ours} or {theirs} was written"
                        )
        names = Counter(name for name, _ in plans.values())
        assert all(names[name] <= 1 for name in self.added), names


def _rule(each: dict[str, Any]) -> tuple[Any, ...]:
    schema = each.get("jsonSchema", each.get("json_schema"))
    read = json.loads(schema) if isinstance(schema, str) else schema
    return each["type"], each.get("key") or "", float(each["version"]), json.dumps(read, sort_keys=True)


def run(seed: int, folder: Path) -> None:
    """One history on SQLite; raises AssertionError with what was done."""
    history = History(f"sqlite:///{folder / f'{seed}.db'}", seed)
    try:
        history.perform()
    except Exception as error:
        done = "\n".join(history.told)
        raise AssertionError(f"history {seed}: {type(error).__name__}: {error}\n{done}") from error
    finally:
        history.replica.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model.push", description=__doc__)
    parser.add_argument("--histories", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (%(default)s)")
    options = parser.parse_args(arguments)
    began, broken = time.monotonic(), 0
    for seed in range(options.seed, options.seed + options.histories):
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(seed, Path(folder))
            except AssertionError as error:
                broken += 1
                sys.stdout.write(f"{error}\n\n")
    sys.stdout.write(f"{options.histories} histories, {broken} broken, {time.monotonic() - began:.0f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
