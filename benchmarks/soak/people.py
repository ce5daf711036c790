"""People on both sides: they edit rows in SQL and records in the workspace, and remember what they wrote.

Every value is written once, so that what became of it can be looked for: in a row, in a record, in the log of requests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from .workspace import Refused

if TYPE_CHECKING:
    from .workspace import Workspace

Record = dict[str, Any]
#: Kind, id of the record, field.
Place = tuple[str, str, str]

_TABLES = {"plan": "tracking_plans", "source function": "source_functions", "function": "destination_functions"}


@dataclass
class Written:
    """What was done, as far as it has to be found again."""

    here: dict[Place, str] = field(default_factory=dict)
    there: dict[Place, str] = field(default_factory=dict)
    #: Names of plans and keys of rules: made here, made and deleted here, made there, made and deleted there.
    made: dict[str, str] = field(default_factory=dict)
    unmade: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)


class People:
    """Fields have owners: one side alone writes most of them, so that its last value must be there at the end."""

    def __init__(self, engine: Engine, workspace: Workspace, random: Random) -> None:
        self.engine, self.workspace, self.random = engine, workspace, random
        self.written = Written()
        self.count = 0
        #: What people there were not let do.
        self.refused: list[str] = []
        plans = sorted(each["id"] for each in workspace.listed("/tracking-plans", "trackingPlans"))
        self.plans: dict[str, Sequence[str]] = {"here": plans[0::3], "there": plans[1::3], "both": plans[2::3]}
        self.functions = {
            kind: sorted(each["id"] for each in workspace.listed("/functions", "functions", resourceType=word))
            for kind, word in (("source function", "SOURCE"), ("function", "DESTINATION"))
        }
        self.rules = {
            plan: sorted(
                (each["type"], each.get("key") or "", each["version"])
                for each in workspace.listed(f"/tracking-plans/{plan}/rules", "rules")
            )
            for plan in plans
        }
        self.sources = sorted(each["id"] for each in workspace.listed("/sources", "sources"))
        self.destinations = sorted(each["id"] for each in workspace.listed("/destinations", "destinations"))
        self.made_there: dict[str, list[str]] = {"plan": [], "group": [], "label": [], "rule": []}

    def act(self) -> None:
        """One thing, done on one of the sides."""
        ways = _HERE if self.random.random() < 0.5 else _THERE
        name, way, _ = self.random.choices(ways, [weight for _, _, weight in ways])[0]
        try:
            done = way(self)
        except Refused as error:
            self.refused.append(str(error))
            return
        self.written.done[name if done else f"{name}, in vain"] += 1

    def _value(self, side: str) -> str:
        self.count += 1
        return f"{side} {self.count}"

    # Here, in SQL

    def _do(self, statement: str, **values: Any) -> int:
        """Rows that it touched; 0 where the database was busy or away."""
        try:
            with self.engine.begin() as connection:
                return int(connection.execute(text(statement), values).rowcount)
        except DBAPIError:
            return 0

    def describe_here(self) -> bool:
        return self._set_here("plan", self.random.choice(self.plans["here"]), "description")

    def name_here(self) -> bool:
        return self._set_here("plan", self.random.choice(self.plans["both"]), "name")

    def function_here(self) -> bool:
        kind = self.random.choice(tuple(self.functions))
        return self._set_here(kind, self.random.choice(self.functions[kind][0::2]), "description")

    def code_here(self) -> bool:
        kind = self.random.choice(tuple(self.functions))
        return self._set_here(kind, self.random.choice(self.functions[kind][0::2]), "code")

    def _set_here(self, kind: str, key: str, column: str) -> bool:
        value = self._value("// here" if column == "code" else "Here")
        done = self._do(f"UPDATE {_TABLES[kind]} SET {column} = :v WHERE id = :k", v=value, k=key)
        if done:
            self.written.here[kind, key, column] = value
        return bool(done)

    def rule_here(self) -> bool:
        plan = self.random.choice(tuple(self.rules))
        kind, key, version = self.random.choice(self.rules[plan][0::2])
        value = self._value("Here")
        statement = (
            "UPDATE tracking_plan_rules SET json_schema = :v"
            f" WHERE tracking_plan_id = :p AND type = :t AND coalesce({self._key}, '') = :k AND version = :n"
        )
        schema = json.dumps({"type": "object", "description": value})
        done = self._do(statement, v=schema, p=plan, t=kind, k=key, n=version)
        if done:
            self.written.here["rule", f"{plan} {kind} {key} {version}", "schema"] = value
        return bool(done)

    @property
    def _key(self) -> str:
        return self.engine.dialect.identifier_preparer.quote_identifier("key")

    def add_rule_here(self) -> bool:
        name, plan = self._value("Rule here"), self.random.choice(tuple(self.rules))
        statement = (
            f"INSERT INTO tracking_plan_rules (tracking_plan_id, type, {self._key}, version, json_schema)"
            " VALUES (:p, 'TRACK', :k, 1, :v)"
        )
        return self._added(name, plan, self._do(statement, p=plan, k=name, v=json.dumps({"description": name})))

    def add_plan_here(self) -> bool:
        name = self._value("Plan here")
        return self._added(name, "", self._do("INSERT INTO tracking_plans (name, type) VALUES (:n, 'LIVE')", n=name))

    def _added(self, name: str, plan: str, done: int) -> bool:
        if done:
            self.written.made[name] = plan
        return bool(done)

    def delete_here(self) -> bool:
        """Something that was made here, whether or not the workspace knows of it yet."""
        left = sorted(self.written.made.keys() - self.written.unmade)
        if len(left) < 8:
            return False
        name = self.random.choice(left)
        table, column = ("tracking_plan_rules", self._key) if self.written.made[name] else ("tracking_plans", "name")
        done = self._do(f"DELETE FROM {table} WHERE {column} = :n", n=name)
        if done:
            self.written.unmade.add(name)
        return bool(done)

    # There, over the API

    def describe_there(self) -> bool:
        return self._set_there("plan", self.random.choice(self.plans["there"]), "description")

    def name_there(self) -> bool:
        return self._set_there("plan", self.random.choice(self.plans["both"]), "name")

    def function_there(self) -> bool:
        kind = self.random.choice(tuple(self.functions))
        column = self.random.choice(("description", "code"))
        return self._set_there(kind, self.random.choice(self.functions[kind][1::2]), column)

    def _set_there(self, kind: str, key: str, column: str) -> bool:
        value = self._value("// there" if column == "code" else "There")
        path = "/tracking-plans/" if kind == "plan" else "/functions/"
        self.workspace.write("PATCH", path + key, {column: value})
        self.written.there[kind, key, column] = value
        return True

    def rule_there(self) -> bool:
        plan = self.random.choice(tuple(self.rules))
        kind, key, version = self.random.choice(self.rules[plan][1::2])
        value = self._value("There")
        self._rule(plan, kind, key, version, value)
        self.written.there["rule", f"{plan} {kind} {key} {version}", "schema"] = value
        return True

    def _rule(self, plan: str, kind: str, key: str, version: float, value: str) -> None:
        rule = {"type": kind, "version": version, "jsonSchema": {"type": "object", "description": value}}
        body = {"rules": [rule | ({"key": key} if key else {})]}
        self.workspace.write("PATCH", f"/tracking-plans/{plan}/rules", body)

    def add_there(self) -> bool:
        kind = self.random.choice(("plan", "group", "label", "rule"))
        name = self._value(f"{kind} there")
        match kind:
            case "plan":
                self.workspace.write("POST", "/tracking-plans", {"name": name, "type": "LIVE"})
            case "group":
                self.workspace.write("POST", "/groups", {"name": name})
            case "label":
                self.workspace.write("POST", "/labels", {"label": {"key": name, "value": "x"}})
            case _:
                plan = self.random.choice(tuple(self.rules))
                self._rule(plan, "TRACK", name, 1, name)
                name = f"{plan}/{name}"
        self.made_there[kind].append(name)
        return True

    def delete_there(self) -> bool:
        kind = self.random.choice(("plan", "group", "label", "rule"))
        if len(self.made_there[kind]) < 3:
            return False
        name = self.made_there[kind].pop(0)
        match kind:
            case "label":
                self.workspace.write("DELETE", f"/labels/{quote(name)}/x")
            case "rule":
                plan, _, key = name.partition("/")
                rule = urlencode({"rules.0.type": "TRACK", "rules.0.key": key, "rules.0.version": 1})
                self.workspace.write("DELETE", f"/tracking-plans/{plan}/rules?{rule}")
            case _:
                path, key = ("/tracking-plans", "trackingPlans") if kind == "plan" else ("/groups", "userGroups")
                for each in self.workspace.listed(path, key):
                    if each["name"] == name:
                        self.workspace.write("DELETE", f"{path}/{each['id']}")
        return True

    def edit_what_may_go(self) -> bool:
        """A row of a plan that people there made, and may delete at any moment: a conflict then."""
        if not self.made_there["plan"]:
            return False
        name = self.made_there["plan"][0]
        return bool(self._do("UPDATE tracking_plans SET description = :v WHERE name = :n", v=self._value("It"), n=name))

    def rename_there(self) -> bool:
        if self.random.random() < 0.5:
            path = f"/sources/{self.random.choice(self.sources)}"
        else:
            path = f"/destinations/{self.random.choice(self.destinations)}"
        self.workspace.write("PATCH", path, {"name": self._value("There")})
        return True


Way = tuple[str, Callable[[People], bool], int]
_HERE: tuple[Way, ...] = (
    ("plan edited here", People.describe_here, 5),
    ("function edited here", People.function_here, 4),
    ("code edited here", People.code_here, 3),
    ("rule edited here", People.rule_here, 7),
    ("same field edited here", People.name_here, 1),
    ("row of a foreign plan edited here", People.edit_what_may_go, 1),
    ("rule added here", People.add_rule_here, 4),
    ("plan added here", People.add_plan_here, 2),
    ("deleted here", People.delete_here, 3),
)
_THERE: tuple[Way, ...] = (
    ("plan edited there", People.describe_there, 5),
    ("function edited there", People.function_there, 5),
    ("rule edited there", People.rule_there, 7),
    ("same field edited there", People.name_there, 1),
    ("added there", People.add_there, 5),
    ("deleted there", People.delete_there, 4),
    ("renamed there", People.rename_there, 5),
)
