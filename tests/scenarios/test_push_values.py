"""What a person may write into a column: it reaches Segment as it is, or its row alone is refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator import exact
from replicator.sandbox import Request, Response
from tests.scenarios.network import Network, text
from tests.scenarios.replica import Replica
from tests.scenarios.test_edits import pending, set_schema
from tests.scenarios.test_push import ALL, first, pushed, quiet

RULES = "TrackingPlanRules"


def rules(replica: Replica) -> list[dict[str, Any]]:
    """Two rules of one plan."""
    found = replica.rows("tracking_plan_rules", "WHERE type = 'TRACK' ORDER BY tracking_plan_id, _key")
    return [each for each in found if each["tracking_plan_id"] == found[0]["tracking_plan_id"]][:2]


def there(replica: Replica, rule: dict[str, Any]) -> Any:
    """The rule's schema in the workspace, less what the sandbox adds."""
    plan = rule["tracking_plan_id"]
    found = replica.network.write("GET", f"/tracking-plans/{plan}/rules?pagination.count=200")["rules"]
    names = ("type", "key", "version")
    (schema,) = [each["jsonSchema"] for each in found if all(each.get(name) == rule[name] for name in names)]
    return {name: value for name, value in schema.items() if name != "properties"}


def schema_of(replica: Replica, rule: dict[str, Any]) -> Any:
    found = replica.rows("tracking_plan_rules", f"WHERE _key = '{rule['_key']}'")[0]["json_schema"]
    return exact.load(found) if isinstance(found, str) else found


def put(replica: Replica, rule: dict[str, Any], schema: Any) -> None:
    """What somebody else makes of the rule in the workspace."""
    known = {name: rule[name] for name in ("type", "key", "version")}
    body = {"rules": [{**known, "jsonSchema": schema}]}
    replica.network.write("PATCH", f"/tracking-plans/{rule['tracking_plan_id']}/rules", body)


def bodies(network: Network) -> list[bytes]:
    """Fills with the bodies of what is written from now on."""
    found: list[bytes] = []

    def keep(request: Request, answer: Response) -> Response:
        found.extend([request.body] if request.method == "PATCH" else [])
        return answer

    network.on("*", keep)
    return found


def test_a_number_that_no_float_holds_is_sent_as_the_number_that_it_is(single: Replica) -> None:
    rule, _ = rules(single)
    put(single, rule, {"description": "theirs", "maximum": 424242})
    single.network.on("*", text(b"424242", b"9999999999999999.99", needed=False))
    single.run(*ALL)
    sent = bodies(single.network)
    set_schema(single, rule, json.dumps(schema_of(single, rule) | {"description": "ours"}))
    pushed(single)
    (body,) = sent
    assert b'"maximum":9999999999999999.99' in body


def test_a_schema_that_a_text_editor_left_in_utf8_bytes_is_sent_as_its_text(single: Replica) -> None:
    was = first(single, "source_functions")
    code = "// ours: ü\r\n"
    single.do("UPDATE source_functions SET code = :code WHERE id = :id", code=code.encode(), id=was["id"])
    assert [each.outcome for each in pushed(single)] == ["done"]
    assert single.network.write("GET", f"/functions/{was['id']}")["function"]["code"] == code
    assert first(single, "source_functions")["code"] == code
    quiet(single)


def test_bytes_that_are_no_text_are_refused(single: Replica) -> None:
    was = first(single, "source_functions")
    single.do("UPDATE source_functions SET code = :code WHERE id = :id", code=b"\xff\xfe", id=was["id"])
    assert [each.error for each in pushed(single)] == ["code has to be a text in UTF-8"]
    assert single.run(*ALL).objects
    assert [each.refused for each in pending(single, "SourceFunctions")] == [("code has to be a text in UTF-8",)]


_OBJECT = "json_schema has to be a JSON object"
_BAD = {
    "no JSON": ('{"description": "a comma too much",}', _OBJECT),
    "a number": ("5", _OBJECT),
    "a text": ('"text"', _OBJECT),
    "nothing": ("", _OBJECT),
    "NaN": ('{"maximum": NaN}', _OBJECT),
    "no number": ('{"maximum": 1e9999999999999999999}', _OBJECT),
    "deep": ('{"a":' * 95 + "1" + "}" * 95, "json_schema is nested deeper than 90 levels"),
    "as deep as its record may not be": ('{"a":' * 90 + "1" + "}" * 90, "json_schema is nested deeper than 90 levels"),
    "half a character": (r'{"a": "\ud800"}', "json_schema is not Unicode: it holds half a character"),
    "half a key": (r'{"\ud800": 1}', "json_schema is not Unicode: it holds half a character"),
}


@pytest.mark.parametrize("bad", _BAD)
def test_what_is_no_json_object_is_refused_and_the_rows_beside_it_are_sent(single: Replica, bad: str) -> None:
    mine, other = rules(single)
    function = first(single, "source_functions")
    written, why = _BAD[bad]
    set_schema(single, mine, written)
    set_schema(single, other, '{"description": "fine"}')
    single.do("UPDATE source_functions SET code = '// fine' WHERE id = :id", id=function["id"])
    was = there(single, mine)
    (edit,) = [each for each in pending(single, RULES) if each.id == mine["_key"]]
    assert edit.refused == (why,)
    str(edit.fields).encode()
    done = {each.step.id: (each.outcome, each.error) for each in pushed(single)}
    assert done == {mine["_key"]: ("refused", why), other["_key"]: ("done", None), function["id"]: ("done", None)}
    assert there(single, mine) == was
    assert {each.status for each in single.run(*ALL).objects} == {"done"}
    assert [each.id for each in pending(single, RULES)] == [mine["_key"]]


def test_json_of_thousands_of_levels_is_refused_and_fails_no_run(single: Replica) -> None:
    mine, other = rules(single)
    set_schema(single, mine, '{"a":' * 5000 + "1" + "}" * 5000)
    set_schema(single, other, '{"description": "fine"}')
    assert {each.outcome for each in pushed(single)} == {"refused", "done"}
    assert {each.status for each in single.run(*ALL).objects} == {"done"}
    assert [(each.id, len(each.refused)) for each in pending(single, RULES)] == [(mine["_key"], 1)]


def test_a_schema_as_deep_as_a_record_may_be_goes_both_ways(filled: Replica) -> None:
    mine, other = rules(filled)
    deepest: Any = 1
    for _ in range(88):
        deepest = {"a": deepest}
    set_schema(filled, mine, json.dumps({"a": deepest}))
    put(filled, other, {"a": deepest})
    filled.run(*ALL)
    set_schema(filled, other, json.dumps({"a": deepest, "description": "ours"}))
    assert [each.outcome for each in pushed(filled)] == ["done", "done"]
    assert there(filled, mine)["a"] == there(filled, other)["a"] == deepest
    quiet(filled)
    filled.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=mine["_key"])
    assert [each.outcome for each in pushed(filled)] == ["done"]


@pytest.mark.kinds("sqlite", "postgresql")
def test_a_version_that_is_no_number_is_refused(replica: Replica) -> None:
    replica.run(*ALL)
    mine, _ = rules(replica)
    infinite = "'NaN'" if replica.engine.dialect.name == "postgresql" else "9e999"
    replica.do(f"UPDATE tracking_plan_rules SET version = {infinite} WHERE _key = '{mine['_key']}'")
    assert [each.outcome for each in pushed(replica)] == ["refused"]


def test_what_no_database_holds_exactly_can_be_edited_again(filled: Replica) -> None:
    rule, _ = rules(filled)
    put(filled, rule, {"maximum": 2**64, "const": "a\0b", "description": "theirs"})
    filled.run(*ALL)
    stored = schema_of(filled, rule)
    set_schema(filled, rule, json.dumps(stored | {"description": "ours"}))
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert there(filled, rule) == {"maximum": 2**64, "const": "a\0b", "description": "ours"}
    set_schema(filled, rule, json.dumps(schema_of(filled, rule) | {"maximum": 7, "const": "ab"}))
    assert [each.outcome for each in pushed(filled)] == ["done"]
    assert there(filled, rule) == {"maximum": 7, "const": "ab", "description": "ours"}
    quiet(filled)


def test_what_no_database_holds_exactly_can_be_deleted(filled: Replica) -> None:
    rule, _ = rules(filled)
    put(filled, rule, {"maximum": 2**64, "const": "a\0b"})
    filled.run(*ALL)
    filled.do("DELETE FROM tracking_plan_rules WHERE _key = :key", key=rule["_key"])
    assert [(each.step.action, each.outcome) for each in pushed(filled)] == [("delete", "done")]
    quiet(filled)


def test_half_a_character_of_the_workspace_goes_back_as_it_came(single: Replica) -> None:
    rule, _ = rules(single)
    put(single, rule, {"const": "HALF", "description": "theirs"})
    single.network.on("*", text(b"HALF", rb"\ud800", needed=False))
    single.run(*ALL)
    sent = bodies(single.network)
    set_schema(single, rule, json.dumps(schema_of(single, rule) | {"description": "ours"}))
    # The sandbox takes no such text.
    assert [each.outcome for each in pushed(single)] == ["refused"]
    (body,) = sent
    assert rb'"const":"\ud800"' in body
