"""Which records pass a condition."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.catalog import by_name
from replicator.errors import ConfigError
from replicator.selection import selections
from replicator.settings import ObjectSettings
from replicator.where import TESTS, Condition, parsed, wanted
from tests.properties.records import KEYED, THING, records, values


def passes(record: Any, **where: Any) -> bool:
    found = list(parsed(THING, where))
    conditions = [each for each in found if isinstance(each, Condition)]
    assert conditions == found, found
    return wanted(record, {}, conditions)


@pytest.mark.parametrize(
    ("where", "yes", "no"),
    [
        ({"name": "a"}, ["a"], ["A", "", None, 1, ["a"]]),
        ({"name": ["a", "b"]}, ["a", "b"], ["c", None]),
        ({"name": {"not": ["a", "b"]}}, ["c", "", None], ["a", "b"]),
        ({"name": {"like": "a*z"}}, ["az", "abcz"], ["AZ", "azb", None, 7]),
        ({"name": {"like": "a*", "not": "ab"}}, ["a", "abc"], ["ab", "b"]),
        ({"name": {"present": True}}, ["", 7], [None]),
        ({"name": {"present": False}}, [None], ["", 7]),
        ({"enabled": True}, [True], [False, None, 1, "true"]),
        ({"count": 3}, [3, 3.0, Decimal(3)], [4, None, "3", True]),
        ({"ratio": {"from": 0.5, "below": 2}}, [0.5, 1, Decimal("1.99")], [0.49, 2, None, "1", True]),
        ({"settings": {"present": True}}, [{}, 0, ""], [None]),
        (
            {"created_at": {"from": "2026-01-31"}},
            ["2026-01-31T00:00:00Z", "2026-01-31T00:00:00.000001Z", "2026-01-31T01:00:00+01:00"],
            ["2026-01-30T23:59:59.999999Z", "2026-01-31T00:30:00+01:00", "no time", None, 7],
        ),
        ({"created_at": "2026-01-31T12:00:00+01:00"}, ["2026-01-31T11:00:00.000Z"], ["2026-01-31T12:00:00Z"]),
    ],
)
def test_what_passes_and_what_does_not(where: dict[str, Any], yes: list[Any], no: list[Any]) -> None:
    (name,) = where
    field = THING.column(name).field
    assert [each for each in yes if not passes({field: each}, **where)] == []
    assert [each for each in no if passes({field: each}, **where)] == []
    assert passes({}, **where) is passes({field: None}, **where), "what is not sent is as null"


def test_all_conditions_must_hold() -> None:
    where = {"name": "a", "enabled": True}
    assert passes({"name": "a", "enabled": True}, **where)
    assert not passes({"name": "a", "enabled": False}, **where)


def test_what_the_listing_was_asked_for_can_be_asked_for_too() -> None:
    found = [each for each in parsed(KEYED, {"plan_id": "p1"}) if isinstance(each, Condition)]
    assert wanted({"planId": "other"}, {"planId": "p1"}, found)
    assert not wanted({"planId": "p1"}, {"planId": "p2"}, found)


@given(records, st.sampled_from([c.name for c in THING.columns]), st.sampled_from(TESTS), values)
def test_a_condition_is_refused_or_answers_for_every_record(
    record: dict[str, Any], name: str, test: str, said: Any
) -> None:
    (found,) = parsed(THING, {name: {test: said}})
    if isinstance(found, Condition):
        assert wanted(record, {}, [found]) in {True, False}
    else:
        assert found.startswith(f"HostileThings.{name}")


def test_wrong_conditions_are_all_told() -> None:
    where = {
        "nam": "a",
        "name": True,
        "enabled": {"like": "x"},
        "metadata": "a",
        "tracking_plan_id": "x",
        "slug": {"from": "a"},
        "settings": {"present": 1},
    }
    with pytest.raises(ConfigError) as error:
        selections(objects={"Sources": ObjectSettings(where=where)})
    for told in (
        "object.Sources.where: Sources has no column nam",
        "object.Sources.where: Sources.name is compared with text",
        "object.Sources.where: Sources.enabled is compared with true or false",
        "object.Sources.where: Sources.metadata is compared with nothing but { present = true }",
        "object.Sources.where: Sources.tracking_plan_id takes a request for each record",
        "object.Sources.where: Sources.slug holds a text, which `from` cannot be asked of so",
        "object.Sources.where: Sources.settings: present is true or false",
    ):
        assert told in str(error.value)


def test_conditions_change_no_fingerprint_and_another_order_of_them_is_no_other_listing() -> None:
    assert [c.name for c in by_name["Sources"].columns if c.name == "enabled"]
    one, other = ({"enabled": True, "name": "a"}, {"name": "a", "enabled": True})
    first, second = (selections(objects={"Sources": ObjectSettings(where=each)})["Sources"] for each in (one, other))
    assert first == second
