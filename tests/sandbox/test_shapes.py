"""What is refused, which field the refusal names, and in which words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from replicator.sandbox.bodies import BODIES
from replicator.sandbox.messages import Refusal
from replicator.sandbox.shapes import FLAG, FREE, NUMBER, TEXT, Fields, Mapped, Nullable, Number, Shape, check

AUDIENCE_SCHEDULE = BODIES["addAudienceScheduleToAudience"]
RULE = {"type": "TRACK", "key": "Order Completed", "jsonSchema": {}, "version": 1}
RULES = BODIES["replaceRulesInTrackingPlan"]


def refusal(shape: Shape, value: Any, *, strict: bool = False) -> tuple[str, str]:
    with pytest.raises(Refusal) as raised:
        check(shape, value, strict=strict)
    assert raised.value.status == 422
    error = raised.value.errors[0]
    assert error["type"] == "input-validation"
    return error["field"], error["message"]


@pytest.mark.parametrize(
    ("shape", "value", "problem"),
    [
        (TEXT, 1, "must be a string"),
        (TEXT, None, "must be a string"),
        (NUMBER, "1", "must be a number"),
        (NUMBER, True, "must be a number"),
        (NUMBER, math.nan, "must be a number"),
        (Number(0, 23), 24, "must be less than or equal to 23"),
        (Number(0, 23), -0.5, "must be greater than or equal to 0"),
        (FLAG, 1, "must be a boolean"),
        (FLAG, "true", "must be a boolean"),
        (FREE, [], "must be of type object"),
        (Nullable(TEXT), 1, "must be a string"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_it_must_be(shape: Shape, value: Any, problem: str) -> None:
    assert refusal(Fields({"it": shape}), {"it": value}) == ("it", f'"it" {problem}')


@pytest.mark.parametrize(
    ("shape", "value"),
    [(NUMBER, 1), (NUMBER, 1.0), (Number(0, 1), 1), (Nullable(TEXT), None), (TEXT, ""), (FREE, {"a": [None]})],
)
def test_what_fits_comes_back_as_it_was(shape: Shape, value: Any) -> None:
    assert check(Fields({"it": shape}), {"it": value}) == {"it": value}


def test_a_field_that_is_missing_is_named_by_its_whole_path() -> None:
    keyless = {"type": "TRACK", "version": 1}
    assert refusal(RULES, {}) == ("rules", '"rules" is required')
    assert refusal(RULES, {"rules": [RULE, keyless]}) == ("rules.1.jsonSchema", '"rules.1.jsonSchema" is required')


def test_of_several_problems_the_first_missing_field_is_told() -> None:
    assert refusal(BODIES["createSource"], {"enabled": "yes"})[0] == "slug"


def test_one_item_too_many_is_refused_and_the_last_one_that_fits_is_not() -> None:
    check(RULES, {"rules": [RULE] * 200})
    field, message = refusal(RULES, {"rules": [RULE] * 201})
    assert (field, message) == ("rules", '"rules" must contain less than or equal to 200 items')


def test_a_value_that_is_not_among_the_choices_is_told_all_of_them() -> None:
    field, message = refusal(BODIES["createFilterForDestination"], destination_filter(type="KEEP"))
    assert field == "actions.0.type"
    assert message == '"actions.0.type" must be one of [ALLOW_PROPERTIES, DROP, DROP_PROPERTIES, SAMPLE]'


def destination_filter(**action: Any) -> dict[str, Any]:
    return {"sourceId": "s", "if": "true", "actions": [action], "title": "t", "enabled": True}


@pytest.mark.parametrize("unhashable", [[], {}])
def test_a_choice_may_be_anything_and_is_refused_all_the_same(unhashable: Any) -> None:
    assert refusal(BODIES["createFilterForDestination"], destination_filter(type=unhashable))[0] == "actions.0.type"


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_a_body_that_is_no_object_is_refused_as_a_whole(body: Any) -> None:
    assert refusal(BODIES["createLabel"], body) == ("body", '"body" must be of type object')


def test_a_field_that_the_api_does_not_know_is_left_out_at_every_depth() -> None:
    label = {"key": "environment", "value": "prod"}
    assert check(BODIES["createLabel"], {"label": label | {"colour": "red"}, "id": 1}) == {"label": label}


def test_if_strict_a_field_that_the_api_does_not_know_is_refused() -> None:
    label = {"key": "environment", "value": "prod", "colour": "red"}
    refused = refusal(BODIES["createLabel"], {"label": label}, strict=True)
    assert refused == ("label.colour", '"label.colour" is not allowed')
    assert check(FREE, {"any": {"thing": 1}}, strict=True) == {"any": {"thing": 1}}


def test_a_value_under_a_key_of_the_users_own_is_named_by_that_key() -> None:
    assert refusal(Mapped(TEXT), {"first.name": 1})[0] == "first.name"


@pytest.mark.parametrize(
    "config", [{"interval": "1d"}, {"days": [0, 6], "hours": [9], "timezone": "Europe/Berlin"}, None]
)
def test_each_kind_of_schedule_fits(config: Any) -> None:
    body = {"strategy": "PERIODIC", "config": config}
    assert check(AUDIENCE_SCHEDULE, body) == body
    assert check(AUDIENCE_SCHEDULE, body, strict=True) == body


@pytest.mark.parametrize(
    ("config", "field", "problem"),
    [
        ({"days": [1], "hours": [9]}, "config.timezone", "is required"),
        ({"days": ["monday"], "hours": [9], "timezone": "UTC"}, "config.days.0", "must be a number"),
        ({"interval": 5}, "config.interval", "must be a string"),
        ({}, "config", "does not match any of the allowed types"),
        ("daily", "config", "must be of type object"),
    ],
)
def test_what_fits_no_kind_of_schedule_is_told_the_problem_of_the_kind_most_alike(
    config: Any, field: str, problem: str
) -> None:
    assert refusal(AUDIENCE_SCHEDULE, {"strategy": "PERIODIC", "config": config}) == (field, f'"{field}" {problem}')
