"""Everything that the API shows lies in the tables, value by value; a second run changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from replicator.catalog import OBJECTS
from replicator.catalog.model import snake_case
from replicator.options import layouts
from replicator.rows import rebuild
from replicator.run import Options
from tests.scenarios.replica import Replica, objects, result
from tests.scenarios.walk import Found, Walk

PERIOD = "2026-10-01"
#: Fields whose values are secrets wherever they occur.
SECRET = {"writeKeys", "settings", "encryptedSettings", "previewWebhookUrl", "destinationMapping", "connectionSettings"}
#: Where `settings` say what settings there are, without their values.
OPEN = {
    *("SourceFunctions", "DestinationFunctions", "FunctionVersions"),
    *("InsertDestinationFunctions", "InsertSourceFunctions", "InsertTransformationFunctions"),
}
#: The only time without an instant: the API's way to say "not" (resources.md).
ZERO = "0001-01-01T00:00:00"


@pytest.mark.timeout(120)
def test_every_value_of_every_record_is_in_its_row_and_a_second_run_writes_nothing(replica: Replica) -> None:
    run = replica.run("all", periods=(PERIOD,))
    assert (run.status, run.exit_code, run.error) == ("done", 0, None), [each for each in run.objects if each.error]
    assert not [each.unseen for each in run.objects if each.unseen]
    asked = len(replica.network.asked)
    assert run.requests == asked
    # The check of the workspace, and regulations that two listings show.
    twice = {target for target, times in Counter(replica.network.asked).items() if times > 1}
    assert {target for target in twice if not target.startswith("/regulations/")} == {"/"}

    walk = Walk(
        replica.network.sandbox, period=PERIOD, volume=_window(replica, "volume"), summary=_window(replica, "-metrics")
    )
    found = walk.everything()
    assert found.keys() == {thing.name for thing in OBJECTS}
    for thing in OBJECTS:
        _Check(replica, thing.name, walk.identity[thing.name]).holds(found[thing.name])

    before, bookkeeping = replica.contents(but=()), replica.books("quarantine")
    again = replica.run("all", periods=(PERIOD,))
    assert (again.status, again.requests) == ("done", asked)
    assert {(each.inserted, each.updated, each.deleted, each.duplicates) for each in again.objects} == {(0, 0, 0, 0)}
    assert replica.contents(but=()) == before
    assert replica.books("quarantine") == bookkeeping == []


def _window(replica: Replica, path: str) -> dict[str, str]:
    """The window that the run asked for, the same wherever that path was asked."""
    asked = [
        dict(parse_qsl(urlsplit(target).query)) for target in replica.network.asked if path in urlsplit(target).path
    ]
    (window,) = {tuple(each[name] for name in ("startTime", "endTime", "granularity")) for each in asked}
    start, end = (datetime.fromisoformat(text) for text in window[:2])
    assert (start.hour, start.minute, window[2]) == (0, 0, "DAY")
    assert (end - start).days == 12
    return dict(zip(("startTime", "endTime", "granularity"), window, strict=True))


class _Check:
    """One object's rows against its records."""

    def __init__(self, replica: Replica, name: str, identity: tuple[str, ...]) -> None:
        self.name, self.identity = name, identity
        (self.layout,) = layouts(objects(name), Options(objects=())).values()
        self.rows = replica.rows(self.layout.object.table)
        self.stored = replica.stored(self.layout)
        self.masks: dict[str, str] = {}

    def holds(self, found: list[Found]) -> None:
        by_key = {self._key({snake_case(k): v for k, v in row.items()}): row for row in self.rows}
        assert len(by_key) == len(self.rows), f"{self.name}: rows that the key does not tell apart"
        expected = {
            self._key({snake_case(k): v for k, v in {**each.given, **each.record}.items()}): each for each in found
        }
        assert len(expected) == len(found), f"{self.name}: the walk's own key is too short"
        assert by_key.keys() == expected.keys(), f"{self.name}: other records"
        rebuilt = {self._key(row): rebuild(self.layout, row) for row in self.stored}
        for key, each in expected.items():
            self._compare(by_key[key], rebuilt[key], each, key)

    def _key(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(_plain(values.get(snake_case(name))) for name in self.identity)

    def _compare(self, row: Mapping[str, Any], rebuilt: Mapping[str, Any], found: Found, key: object) -> None:
        assert row["_deleted_at"] is None
        extra = _parsed(row["_extra"]) or {}
        for name, value in found.record.items():
            where = (self.name, key, name)
            secret = name in SECRET and not (name == "settings" and self.name in OPEN)
            self._same(rebuilt[name], value, secret, (*where, "rebuilt"))
            column = snake_case(name)
            if name in extra:
                self._same(extra[name], value, secret, (*where, "in _extra"))
            elif isinstance(value, str) and value.startswith(ZERO):
                assert row[column] is None, where
            else:
                held = _parsed(row[column]) if isinstance(value, dict | list) else row[column]
                self._same(held, value, secret, (*where, "in its column"))
        for name, value in found.given.items():
            if name not in found.record and snake_case(name) in row:
                assert _plain(row[snake_case(name)]) == _plain(value), (self.name, name)
        assert rebuilt.keys() == found.record.keys() - {column.field for column in self.layout.columns if column.given}

    def _same(self, held: Any, sent: Any, secret: bool, where: tuple[object, ...]) -> None:
        match sent:
            case dict():
                assert held.keys() == sent.keys(), where
                for key, value in sent.items():
                    self._same(held[key], value, secret, (*where, key))
            case list():
                assert len(held) == len(sent), where
                for at, value in enumerate(sent):
                    self._same(held[at], value, secret, (*where, str(at)))
            case bool():
                assert held in (sent, int(sent)), where
            case None:
                assert held is None, where
            case _ if secret:
                assert str(held).startswith("masked:"), where
                assert self.masks.setdefault(str(sent), held) == held, (*where, "two masks of one value")
            case _:
                assert _plain(held) == _plain(sent), where


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _plain(value: Any) -> str:
    """Text that is the same for the same value, however a database holds it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == "-" and value[10:11] in ("T", " "):
        return _plain(datetime.fromisoformat(value))
    if isinstance(value, int | float) or type(value).__name__ == "Decimal":
        return repr(float(value))
    return repr(value)


def test_children_are_counted_by_parent(one: Replica) -> None:
    one.run("TrackingPlanRules", "AudienceDestinations")
    rules = Counter(row["tracking_plan_id"] for row in one.rows("tracking_plan_rules"))
    for plan in one.rows("tracking_plans"):
        walk = Walk(one.network.sandbox, period="", volume={}, summary={})
        assert rules[plan["id"]] == len(list(walk.pages(f"/tracking-plans/{plan['id']}/rules", "rules")))
    assert len(rules) == len(one.rows("tracking_plans")) > 1
    assert result(one.run("TrackingPlanRules"), "TrackingPlanRules").unchanged == sum(rules.values())
