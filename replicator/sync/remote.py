"""The workspace's records that edits are about, each asked for once."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from replicator.convert import time_text
from replicator.errors import ConfigError, NotFound
from replicator.extract import shaped
from replicator.hints import TRAIL
from replicator.merge.values import same
from replicator.segment.client import Ask
from replicator.segment.decode import OffContract, decode
from replicator.segment.pages import Broken, pages, record
from replicator.sync.decide import bare_name, columns_of
from replicator.sync.written import RULES, SOURCES, identity, written

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.catalog.model import Object
    from replicator.edits import Edit
    from replicator.segment.client import Answer, Client

Record = Mapping[str, Any]


@dataclass
class Remote:
    """One look at the workspace; `forget` what was written since."""

    client: Client
    #: What Segment appends to the names of functions.
    suffix: str = ""
    #: By the ids of the plans that this push made, how they were known here before.
    made_plans: dict[str, str] = field(default_factory=dict)
    _rules: dict[str, dict[tuple[Any, ...], Record] | None] = field(default_factory=dict)
    _listed: dict[str, list[Record]] = field(default_factory=dict)

    def of(self, thing: Object, edit: Edit) -> Record | None:
        """The record that the edit is about; of a creation, the one of the same natural key."""
        if thing.name == RULES:
            return self.rule(edit.known_as)
        if edit.kind != "create":
            return self.record(thing, edit.id)
        return next(self.alike(thing, edit), None)

    def record(self, thing: Object, identifier: str) -> Record | None:
        """By its id; None where it is gone."""
        param = written(thing).param
        try:
            found = record(self.client, written(thing).get, {param: identifier}, stability="stable")
        except NotFound:
            return None
        if isinstance(found, Broken):
            raise ConfigError(f"{thing.name} {identifier}: the record cannot be read ({found.reason}).")
        return found

    def has(self, thing: Object, edit: Edit) -> bool:
        """Whether the record is still there, for as few requests as it can be known."""
        if thing.name == RULES:
            return self.rule(edit.known_as) is not None
        return any(each.get("id") == edit.id for each in self.listed(thing))

    def alike(self, thing: Object, edit: Edit) -> Iterator[Record]:
        """The records of the same natural key, whole."""
        yield from self.named(thing, {each.name: each.local for each in edit.fields})

    def named(self, thing: Object, columns: Mapping[str, Any]) -> Iterator[Record]:
        """The records whose natural key is that of the columns, whole."""
        wanted = self.natural(thing, columns)
        for listed in self.listed(thing):
            if self.natural(thing, columns_of(thing, listed)) == wanted:
                whole = self.record(thing, str(listed["id"]))
                if whole is not None:
                    yield whole

    def made(self, thing: Object, sent: Mapping[str, Any], known: Container[str]) -> list[Record]:
        """The records, whole, that a creation whose answer was lost may have made; `known` were there before.

        What exactly Segment appends to a function's name is written nowhere: with another ending in parentheses than
        the workspace's name a record counts if it has the code that was sent.
        """
        found = [each for each in self.named(thing, sent) if each["id"] not in known]
        if found or "code" not in thing.editable:
            return found
        begins = f"{bare_name(sent, self.suffix).get('display_name')} ("
        for listed in self.listed(thing):
            name = str(listed.get("displayName"))
            if listed["id"] not in known and name.startswith(begins) and name.endswith(")"):
                whole = self.record(thing, str(listed["id"]))
                found += [whole] if whole is not None and same(whole.get("code"), sent.get("code")) else []
        return found

    def natural(self, thing: Object, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        """What people know the record by; the kind of a function is that of its object."""
        plain = bare_name(columns, self.suffix)
        return tuple(plain.get(name) for name in thing.natural if name in thing.editable)

    def listed(self, thing: Object) -> list[Record]:
        """All records as the listing has them."""
        if thing.name not in self._listed:
            self._listed[thing.name] = self._pages(thing, {})
        return self._listed[thing.name]

    def rules(self, plan: str) -> dict[tuple[Any, ...], Record] | None:
        """The plan's rules by type, key and version; None where there is no such plan."""
        if plan not in self._rules:
            # One plan at a time, however many are edited: 2,000 rules are some megabytes.
            self._rules.clear()
            self._rules[plan] = self._rules_of(plan)
        return self._rules[plan]

    def sources(self, plan: str) -> set[str]:
        """The ids of the sources that the plan is connected to."""
        from replicator.catalog import by_name

        return {str(each.get("id")) for each in self._pages(by_name[SOURCES], {"trackingPlanId": plan})}

    def lacks_plan(self, edit: Edit) -> bool:
        """Of an edited rule: the workspace has no such plan, and nobody added one here either."""
        plan = str(edit.known_as.get("tracking_plan_id"))
        return not plan.startswith("new:") and self.rules(plan) is None

    def _rules_of(self, plan: str) -> dict[tuple[Any, ...], Record] | None:
        from replicator.catalog import by_name

        if plan.startswith("new:"):
            return None
        try:
            return {identity(each): each for each in self._pages(by_name[RULES], {"trackingPlanId": plan})}
        except NotFound:
            return None

    def rule(self, known_as: Mapping[str, Any]) -> Record | None:
        """The rule of that plan, type, key and version."""
        return (self.rules(str(known_as.get("tracking_plan_id"))) or {}).get(identity(known_as))

    def renamed(self, edit: Edit) -> str | None:
        """The key of the one rule that is as the edited one was, which is not there any more."""
        schema = next((each.base for each in edit.fields if each.name == "json_schema"), None)
        known = edit.known_as
        alike = [
            each["key"]
            for each in (self.rules(str(known.get("tracking_plan_id"))) or {}).values()
            if each.get("key")
            and same((each["type"], each["version"]), (known.get("type"), known.get("version")))
            and same(each.get("jsonSchema"), schema)
        ]
        return str(alike[0]) if len(alike) == 1 else None

    def _pages(self, thing: Object, params: Mapping[str, str]) -> list[Record]:
        found: list[Record] = []
        for page in pages(self.client, thing.listing, params, stability=thing.stability):
            whole = [each for each in page.records if not isinstance(each, Broken)]
            found += shaped(thing, whole, 0)
        return found

    def anew(self) -> datetime:
        """Looks anew at what may be written over; when, by the workspace's clock."""
        self._rules.clear()
        return self.client.time()

    def events(self, since: datetime, about: str | None) -> list[Record]:
        """What the audit trail has of that time, of all records or one."""
        from replicator.catalog import by_name

        only = {"resourceId": about} if about else {}
        return self._pages(by_name[TRAIL], {"startTime": time_text(since), **only})

    def forget(self, *plans: str) -> None:
        """What was written is asked for anew."""
        self._listed.clear()
        for plan in plans:
            self._rules.pop(plan, None)


def suffix_of(client: Client) -> str:
    """What Segment appends to the names of functions."""
    name = workspace(client)[1]
    return f" ({name})" if name else ""


def workspace(client: Client) -> tuple[str, str]:
    """Id and name of the workspace that the token belongs to."""

    def read(answer: Answer) -> tuple[str, str]:
        found = decode(answer.body, ()).data.get("workspace")
        if not isinstance(found, dict) or not isinstance(found.get("id"), str):
            raise OffContract("its `workspace` has no id")
        return found["id"], str(found.get("name") or "")

    return client.fetch(Ask("getWorkspace", "/", {}, "stable", None), read)
