"""The filter query language."""

from __future__ import annotations

import pytest

from replicator.sandbox.fql import BadConditionError, condition

EVENT = {
    "event": "Button Clicked",
    "type": "track",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}},
    "properties": {"features": ["discounts", "dark-mode"], "total": 3, "paid": True, "item name": "Größe L"},
}


@pytest.mark.parametrize(
    "text",
    [
        "event = 'Button Clicked'",
        "type = 'identify' or type = 'track'",
        'event = "Button Clicked" and type = "track"',
        'event = "Button Clicked" AND type = "track"',  # as openapi.json has it in an example
        'event = "Another one" OR type = "track"',
        "match( context.library.version, '1.*' )",
        "type = 'track' and ( event = 'Click' or match( event, 'Button *' ) )",
        "'dark-mode' in properties.features",
        "context.path.path = null",
        "properties.total >= 3 and properties.total < 3.5",
        "properties.paid and properties.paid != 1",
        r"properties.item\ name = 'Größe L'",
        "length(properties.features) = 2",
        "lowercase(event) = 'button clicked'",
        "typeof(properties.features) = 'list'",
        "!(type = 'identify')",
        "all",
    ],
)
def test_a_condition_is_met_and_its_opposite_is_not(text: str) -> None:
    assert condition(text)(EVENT)
    assert not condition(f"!({text})")(EVENT)


@pytest.mark.parametrize(
    "text", ["", "type =", "(type", "type)", "foo(1)", "a b", "'x", "contains(a)", "!" * 999 + "a", "(" * 999 + "a"]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(BadConditionError):
        condition(text)
