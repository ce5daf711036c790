"""Records that no database takes as they are: stored reversibly or kept whole, and the rest of their page with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicator.options import layouts
from replicator.rows import rebuild
from replicator.run import Options
from replicator.sandbox import Request, Response
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, objects, result

PLACE = "NAME-OF-THE-THIRD"
#: What stands in the JSON in place of a name -> what the record then holds, or None where it is to be quarantined.
STORED: dict[str, tuple[bytes, Any]] = {
    "NUL": (rb'"a\u0000b"', "a\0b"),
    "a lone surrogate": (rb'"a\ud800b"', "a\ud800b"),
    "a huge number": (b"123456789012345678901234567890", 123456789012345678901234567890),
    "a number for a text": (b"7", 7),
    "an object for a text": (b'{"deep": [1, {"er": null}]}', {"deep": [1, {"er": None}]}),
    "an emoji": (b'"\xf0\x9f\xa6\x8a"', "\N{FOX FACE}"),
}
REFUSED: dict[str, bytes] = {
    "NaN": b"NaN",
    "depth": b"[" * 300 + b"]" * 300,
    "an absurd exponent": b"1e99999999999999999999",
    "broken UTF-8": b'"\xff\xfe"',
}


def _third_named(value: bytes) -> net.Fault:
    def altered(request: Request, answer: Response) -> Response:
        document = json.loads(answer.body)
        document["data"]["transformations"][2]["name"] = PLACE
        body = json.dumps(document).encode().replace(f'"{PLACE}"'.encode(), value)
        return Response(answer.status, answer.headers, body)

    return altered


@pytest.mark.parametrize("what", STORED)
def test_a_value_that_its_column_cannot_hold_is_stored_reversibly(replica: Replica, what: str) -> None:
    value, held = STORED[what]
    replica.network.on("/transformations", _third_named(value))
    counted = result(replica.run("Transformations"), "Transformations")
    assert (counted.status, counted.quarantined, counted.records) == ("done", 0, 8)
    (layout,) = layouts(objects("Transformations"), Options(objects=())).values()
    names = [rebuild(layout, row)["name"] for row in replica.stored(layout)]
    assert held in names
    assert all(isinstance(name, str) for name in names if name != held)
    assert result(replica.run("Transformations"), "Transformations").unchanged == 8


@pytest.mark.parametrize("what", REFUSED)
def test_a_record_that_is_no_json_value_is_kept_whole_and_its_page_with_it(replica: Replica, what: str) -> None:
    replica.run("Transformations")
    before = {row["id"]: row for row in replica.rows("transformations")}
    replica.network.on("/transformations", _third_named(REFUSED[what]))
    run = replica.run("Transformations")
    counted = result(run, "Transformations")
    assert (counted.status, counted.quarantined, counted.unchanged, counted.deleted) == ("done", 1, 7, 0)
    (kept,) = replica.books("quarantine")
    assert (kept["object"], kept["run_id"]) == ("Transformations", run.run_id)
    assert kept["reason"]
    third = [key for key in before if key in kept["record"]]
    assert len(third) == 1 or "deep" in kept["record"]
    assert {row["id"]: row for row in replica.rows("transformations")} == before, "its row stays as it was"
    assert replica.books("runs", f"WHERE id = '{run.run_id}'")[0]["quarantined"] == 1

    replica.run("Transformations")
    assert len(replica.books("quarantine")) == 1, "not once more with each run"
    replica.network.heal()
    assert result(replica.run("Transformations"), "Transformations").unchanged == 8
    assert replica.books("quarantine") == []


NO_IDS: dict[str, Any] = {"none": None, "empty": "", "an object": {"id": 1}, "true": True, "too long": "x" * 300}


@pytest.mark.parametrize("what", NO_IDS)
def test_a_record_without_a_usable_id_is_quarantined_and_its_page_kept(one: Replica, what: str) -> None:
    def change(found: dict[str, Any]) -> None:
        found["users"][4]["id"] = NO_IDS[what]

    one.network.on("/users", net.data(change))
    users = result(one.run("Users"), "Users")
    assert (users.status, users.quarantined, users.records) == ("done", 1, 10), users
    (kept,) = one.books("quarantine")
    assert "id" in kept["reason"]
    assert one.network.statuses[404] == 0


def test_a_record_that_is_no_object_is_quarantined(one: Replica) -> None:
    one.network.on("/transformations", net.listing("transformations", lambda found: [*found, "what", None, 7]))
    counted = result(one.run("Transformations"), "Transformations")
    assert (counted.status, counted.quarantined, counted.records) == ("done", 3, 8)


def test_a_quarantined_record_of_an_object_with_secrets_shows_none(one: Replica) -> None:
    def altered(request: Request, answer: Response) -> Response:
        body = answer.body.replace(b'"settings":{', b'"settings":{"password":"CANARY-9f3","n":NaN,', 1)
        return Response(answer.status, answer.headers, body)

    one.network.on("/warehouses", altered)
    assert result(one.run("Warehouses"), "Warehouses").quarantined == 1
    assert "CANARY-9f3" not in one.dump()


def test_unknown_fields_are_kept_and_told_as_drift(one: Replica) -> None:
    def change(found: dict[str, Any]) -> None:
        for each in found["transformations"]:
            each["brandNew"] = {"since": "today"}

    one.network.on("/transformations", net.data(change))
    run = one.run("Transformations")
    assert "brandNew" in result(run, "Transformations").drift
    assert all("brandNew" in row["_extra"] for row in one.rows("transformations"))
