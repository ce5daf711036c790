"""What people do on both sides: in a database by SQL, and in the workspace as its app would.

Who writes over a value, or deletes the record that has it, has seen it: it is `seen`, and nobody has to keep it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.model.sides import TABLES, Site, Wire, values_in

_LINES = 7


class Deeds:
    """One history's people. `told` says what they did, for whoever has to understand a failure."""

    def __init__(self, chance: random.Random, wire: Wire) -> None:
        self.random, self.wire = chance, wire
        self.told: list[str] = []
        #: All values that were written by people, each of them by the side that wrote it.
        self.written: dict[str, str] = {}
        self.seen: set[str] = set()
        #: How to take back an edit that no API would accept.
        self.spoiled: list[tuple[Site, str, dict[str, Any]]] = []

    def value(self, side: str) -> str:
        value = f"Value {len(self.written) + 1}"
        self.written[value] = side
        return value

    def _saw(self, before: Any, after: Any = None) -> None:
        self.seen |= values_in(before) - values_in(after)

    # In a database.

    def edit_here(self, site: Site) -> None:
        kind = self.random.choice(("plan", "function", "rule", "rule"))
        if rows := site.rows(kind):
            self._edit_here(site, kind, self.random.choice(rows))

    def _edit_here(self, site: Site, kind: str, row: dict[str, Any]) -> None:
        value = self.value("here")
        name, new = self._edited(kind, row, value)
        key = "_key" if kind == "rule" else "id"
        given = site.json("new") if name == "json_schema" else ":new"
        said = ", _edited_at = CURRENT_TIMESTAMP" if site.policy == "newest" and self.random.random() < 0.7 else ""
        table = TABLES[kind]
        site.replica.do(f"UPDATE {table} SET {name} = {given}{said} WHERE {key} = :key", new=new, key=row[key])
        self._saw(row[name], new)
        self.told.append(f"here {kind} {row[key]} {name} = {new!r}")

    def _edited(self, kind: str, row: dict[str, Any], value: str) -> tuple[str, str]:
        if kind == "rule":
            return "json_schema", json.dumps(self._schema(row["json_schema"], value))
        name = self.random.choice(("name", "description") if kind == "plan" else ("code", "code", "description"))
        return name, self._code(row["code"], value) if name == "code" else value

    def _schema(self, schema: Any, value: str) -> dict[str, Any]:
        """Another title of one of three properties, or another one of the whole."""
        found = json.loads(schema) if isinstance(schema, str) else dict(schema or {})
        place = self.random.choice(("$schema", "one", "two", "three"))
        if place == "$schema":
            return {**found, "title": value}
        parts = dict(found.get("definitions") or {})
        return {**found, "definitions": {**parts, place: {"title": value, "type": "string"}}}

    def _code(self, code: str | None, value: str) -> str:
        lines = (code or "").split("\n")
        lines += [f"// line {at}" for at in range(len(lines), _LINES)]
        lines[self.random.randrange(len(lines))] = f"// {value}"
        return "\n".join(lines)

    def add_here(self, site: Site) -> None:
        value, kind = self.value("here"), self.random.choice(("plan", "function", "rule"))
        match kind:
            case "plan":
                site.replica.do("INSERT INTO tracking_plans (name, type) VALUES (:n, 'LIVE')", n=value)
            case "function":
                sql = "INSERT INTO source_functions (display_name, code) VALUES (:n, '// code')"
                site.replica.do(sql, n=value)
            case _:
                self._add_rule_here(site, value)
        self.told.append(f"here {kind} {value} added")

    def _add_rule_here(self, site: Site, value: str) -> None:
        """Below a plan that may be as new as the rule."""
        plans = site.rows("plan")
        if not plans:
            self.seen.add(value)
            return
        columns = f"tracking_plan_id, type, {site.quoted('key')}, version, json_schema"
        schema = site.json("schema")
        site.replica.do(
            f"INSERT INTO tracking_plan_rules ({columns}) VALUES (:plan, 'TRACK', :key, 1, {schema})",
            plan=self.random.choice(plans)["id"],
            key=value,
            schema="{}",
        )

    def delete_here(self, site: Site) -> None:
        kind = self.random.choice(("plan", "function", "function", "rule", "rule"))
        rows = site.rows(kind)
        if not rows:
            return
        row, key = self.random.choice(rows), "_key" if kind == "rule" else "id"
        if kind == "plan":
            # Its rules go with it: whoever deletes a plan has seen them.
            mine = [rule for rule in site.rows("rule") if rule["tracking_plan_id"] == row["id"]]
            self._saw(mine)
            site.replica.do("DELETE FROM tracking_plan_rules WHERE tracking_plan_id = :key", key=row["id"])
        site.replica.do(f"DELETE FROM {TABLES[kind]} WHERE {key} = :key", key=row[key])
        self._saw(row)
        if not str(row[key]).startswith("new:"):
            site.wished.add(row[key])
        self.told.append(f"here {kind} {row[key]} deleted")

    def rename_here(self, site: Site) -> None:
        rows = [row for row in site.rows("rule") if row["type"] == "TRACK"]
        if rows:
            row, value = self.random.choice(rows), self.value("here")
            sql = f"UPDATE tracking_plan_rules SET {site.quoted('key')} = :new WHERE _key = :key"
            site.replica.do(sql, new=value, key=row["_key"])
            self._saw(row["key"])
            self.told.append(f"here rule {row['key']} renamed {value}")

    def spoil_here(self, site: Site) -> None:
        """An edit that the program or the API refuses; it stays until somebody takes it back."""
        kind, name, bad = self.random.choice((("plan", "slug", "ours"), ("function", "logo_url", "no address")))
        rows = [row for row in site.rows(kind) if not row["id"].startswith("new:")]
        if rows:
            table, row = TABLES[kind], self.random.choice(rows)
            site.replica.do(f"UPDATE {table} SET {name} = :bad WHERE id = :key", bad=bad, key=row["id"])
            was = f"(SELECT {name} FROM {table}_base b WHERE b.id = {table}.id)"
            back = f"UPDATE {table} SET {name} = {was} WHERE id = :key"
            self.spoiled.append((site, back, {"key": row["id"]}))
            self.told.append(f"here {kind} {row['id']} {name} spoiled")

    # In the workspace.

    def edit_there(self, _: Site | None = None) -> None:
        kind = self.random.choice(("plan", "function", "rule", "rule"))
        records = self.wire.records(kind)
        if not records:
            return
        record, value = self.random.choice(records), self.value("there")
        if kind == "rule":
            schema = self._schema(record["jsonSchema"], value)
            self._patch_rule(record, {"jsonSchema": schema})
            self._saw(record["jsonSchema"], schema)
            return
        field = self.random.choice(("name", "description") if kind == "plan" else ("code", "code", "description"))
        new = self._code(record["code"], value) if field == "code" else value
        path = "/tracking-plans/" if kind == "plan" else "/functions/"
        self.wire.write("PATCH", path + record["id"], {field: new})
        self._saw(record.get(field), new)
        self.told.append(f"there {kind} {record['id']} {field} = {new!r}")

    def _patch_rule(self, rule: dict[str, Any], change: dict[str, Any]) -> None:
        known = {name: rule[name] for name in ("type", "key", "version", "jsonSchema") if name in rule}
        self.wire.write("PATCH", f"/tracking-plans/{rule['plan']}/rules", {"rules": [known | change]})
        self.told.append(f"there rule {rule.get('key')} of {rule['plan']}: {json.dumps(change)}")

    def rename_there(self, _: Site | None = None) -> None:
        rules = [rule for rule in self.wire.records("rule") if rule["type"] == "TRACK"]
        if rules:
            rule = self.random.choice(rules)
            self._patch_rule(rule, {"newKey": self.value("there")})
            self._saw(rule["key"])

    def add_there(self, _: Site | None = None) -> None:
        value = self.value("there")
        self.wire.write("POST", "/tracking-plans", {"name": value, "type": "LIVE"})
        self.told.append(f"there plan {value} added")

    def delete_there(self, _: Site | None = None) -> None:
        kind = self.random.choice(("plan", "function", "rule", "rule"))
        records = self.wire.records(kind)
        if not records:
            return
        record = self.random.choice(records)
        self._saw(record)
        match kind:
            case "rule":
                query = "&".join(f"rules.0.{n}={record[n]}" for n in ("type", "key", "version") if n in record)
                self.wire.write("DELETE", f"/tracking-plans/{record['plan']}/rules?{query.replace(' ', '%20')}")
            case "plan":
                self._saw([rule for rule in self.wire.records("rule") if rule["plan"] == record["id"]])
                self.wire.write("DELETE", f"/tracking-plans/{record['id']}")
            case _:
                self.wire.write("DELETE", f"/functions/{record['id']}")
        self.told.append(f"there {kind} {record.get('id') or record.get('key')} deleted")

    def once(self, deed: Callable[[], None], method: str, nth: int) -> Callable[[Any], None]:
        """To be done before the nth request of that method."""
        left = [nth]

        def perhaps(request: Any) -> None:
            if request.method == method:
                left[0] -= 1
                if not left[0]:
                    deed()

        return perhaps
