"""Arrays in the query of a removal, as each of the SDKs writes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.sandbox.bodies import QUERIES
from replicator.sandbox.messages import Refusal
from replicator.sandbox.query import Query

RULES = QUERIES["removeRulesFromTrackingPlan"]
ONE = {"key": "Order Completed", "type": "TRACK", "version": 1}
OTHER = {"type": "IDENTIFY", "version": 2}


def refused(query: str, shape: str = "removeRulesFromTrackingPlan") -> str:
    with pytest.raises(Refusal) as raised:
        Query(query).read(QUERIES[shape])
    assert raised.value.status == 422
    return str(raised.value)


@pytest.mark.parametrize(
    "query",
    [
        "rules.0.key=Order+Completed&rules.0.type=TRACK&rules.0.version=1&rules.1.type=IDENTIFY&rules.1.version=2",
        "rules.0[key]=Order+Completed&rules.0[type]=TRACK&rules.0[version]=1&rules.1[type]=IDENTIFY&rules.1[version]=2",
        "rules[0][key]=Order+Completed&rules[0][type]=TRACK&rules[0][version]=1&rules[1][type]=IDENTIFY&rules[1][version]=2",
        "rules.10.version=2&rules.10.type=IDENTIFY&rules.9.version=1.0&rules.9.type=TRACK&rules.9.key=Order%20Completed",
        'rules=[{"key":"Order Completed","type":"TRACK","version":1},{"type":"IDENTIFY","version":2}]',
        'rules={"key":"Order Completed","type":"TRACK","version":1}&rules={"type":"IDENTIFY","version":2}',
        'rules[]={"key":"Order Completed","type":"TRACK","version":1}&rules[]={"type":"IDENTIFY","version":2}',
        'rules.0={"key":"Order Completed","type":"TRACK","version":1}&rules.1={"type":"IDENTIFY","version":2}',
    ],
)
def test_every_way_to_write_rules_says_the_same(query: str) -> None:
    assert Query(query).read(RULES) == {"rules": [ONE, OTHER]}
    brackets_encoded = query.replace("[", "%5B").replace("]", "%5D")
    assert Query(brackets_encoded).read(RULES) == {"rules": [ONE, OTHER]}


@pytest.mark.parametrize(
    "query",
    ["emails.0=a@x.example&emails.1=b@x.example", "emails[]=a@x.example&emails[]=b@x.example",
     "emails=a@x.example&emails=b@x.example", "emails[0]=a@x.example&emails[1]=b@x.example"],
)  # fmt: skip
@pytest.mark.parametrize("operation", ["removeUsersFromUserGroup", "deleteInvites"])
def test_every_way_to_write_addresses_says_the_same(query: str, operation: str) -> None:
    assert Query(query).read(QUERIES[operation]) == {"emails": ["a@x.example", "b@x.example"]}


def test_what_is_removed_is_required() -> None:
    assert refused("") == refused("rules=") == refused("rules=[]") == '"rules" is required'
    assert refused("emails=&emails.0=", "deleteInvites") == '"emails" is required'
    assert refused("userIds[]=", "deleteUsers") == '"userIds" is required'
    assert refused("sourceId=", "removeSourceFromTrackingPlan") == '"sourceId" is required'


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("rules.0.key=a&rules.0.version=1", '"rules.0.type" is required'),
        ("rules.0.type=TRACK", '"rules.0.version" is required'),
        ("rules.0.type=TRACK&rules.0.version=one", '"rules.0.version" must be a number'),
        ("rules.0.type=TRACK&rules.0.version=nan", '"rules.0.version" must be a number'),
        ('rules=[{"type":"TRACK","version":NaN}]', '"rules.0.version" must be a number'),
        ("rules.0.type=ALIAS&rules.0.version=1",
         '"rules.0.type" must be one of [COMMON, GROUP, IDENTIFY, PAGE, SCREEN, TRACK]'),
        ("rules=Order+Completed", '"rules" must be of type object'),
        ("rules=1", '"rules.0" must be of type object'),
        ("rules.0=Order+Completed", '"rules.0" must be of type object'),
        ("rules=" + "[" * 100_000, '"rules" must be of type object'),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_is_refused_by_its_place(query: str, problem: str) -> None:
    assert refused(query) == problem


def test_more_rules_than_the_api_takes_at_once_are_refused() -> None:
    rules = "&".join(f"rules.{index}.type=IDENTIFY&rules.{index}.version={index}" for index in range(201))
    assert refused(rules) == '"rules" must contain less than or equal to 200 items'


def test_an_index_without_sense_is_no_item() -> None:
    indexes = ("9" * 5000, "-1", "x", "²", "")
    assert [Query(f"rules.{index}.type=TRACK").items("rules") for index in indexes] == [[]] * 5


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.fixed_dictionaries({"type": KEYS, "key": KEYS}), max_size=12))
def test_whatever_the_values_are_the_indexed_forms_carry_them(rules: list[dict[str, Any]]) -> None:
    for form in ("rules.{}.{}", "rules.{}[{}]", "rules[{}][{}]"):
        pairs = [(form.format(at, name), value) for at, rule in enumerate(rules) for name, value in rule.items()]
        for query in (urlencode(pairs), urlencode(pairs[::-1]), urlencode(pairs, quote_via=quote, safe="[]")):
            assert Query(query).items("rules") == rules
