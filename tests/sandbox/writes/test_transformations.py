"""Transformations: what is written shows in every read, and goes away with the source."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, contract
from tests.sandbox.writes.passing import events

if not contract()["paths"]:
    pytest.skip("the API contract is not there", allow_module_level=True)

Row = dict[str, Any]
BULLET = "•"


@pytest.fixture
def client() -> Client:
    return Client(Sandbox(now=lambda: NOW))


def every(client: Client) -> list[Row]:
    return client.every("/transformations", "transformations")


def body(client: Client, **more: Any) -> Row:
    source = client.every("/sources", "sources")[0]["id"]
    return {"name": "Rename", "sourceId": source, "enabled": True, "if": "event = 'Bad Event'"} | more


def create(client: Client, **more: Any) -> Row:
    made: Row = client.write("POST", "/transformations", body(client, **more))["transformation"]
    return made


def get(client: Client, identifier: str) -> Row:
    found: Row = client.data(f"/transformations/{identifier}")["transformation"]
    return found


def test_a_created_transformation_is_the_last_of_the_list(client: Client) -> None:
    before = every(client)
    metadata = client.every("/catalog/destinations", "destinationsCatalog")[1]["id"]
    given = {
        "destinationMetadataId": metadata,
        "newEventName": "Good Event",
        "propertyRenames": [{"oldName": "a", "newName": "b"}],
        "propertyValueTransformations": [{"propertyPaths": ["properties.x"], "propertyValue": "0"}],
        "fqlDefinedProperties": [{"fql": "lowercase(properties.email)", "propertyName": "email"}],
    }
    made = create(client, **given)
    assert body(client, **given).items() <= made.items()
    assert made["workspaceId"] == client.data("/")["workspace"]["id"]
    assert every(client) == [*before, made]
    assert get(client, made["id"]) == made
    assert events(client, 1) == [("Transformation Created", "transformation", made["id"])]


def test_the_lists_of_a_transformation_are_there_when_they_are_empty(client: Client) -> None:
    made = create(client)
    assert made["propertyRenames"] == made["propertyValueTransformations"] == made["fqlDefinedProperties"] == []
    assert not {"destinationMetadataId", "newEventName", "drop"} & made.keys()


def test_an_update_changes_what_it_names_and_answers_the_whole(client: Client) -> None:
    for before in (every(client)[1], create(client, drop=True)):
        changed = client.write("PATCH", f"/transformations/{before['id']}", {"enabled": False, "if": "type='group'"})
        assert changed["transformation"] == before | {"enabled": False, "if": "type='group'"}
        assert get(client, before["id"]) == changed["transformation"] in every(client)
        assert events(client, 1) == [("Transformation Updated", "transformation", before["id"])]


def test_beta_repeats_the_id_in_the_body_which_is_no_field_of_the_record(client: Client) -> None:
    identifier = create(client)["id"]
    given = {"transformationId": identifier, "name": "Other"}
    changed = client.write("PATCH", f"/transformations/{identifier}", given, version="v1beta")["transformation"]
    assert changed["name"] == "Other"
    assert "transformationId" not in changed
    assert client.refused("PATCH", f"/transformations/{identifier}", {"name": "x"}, version="v1beta") == (
        422,
        "transformationId",
    )


def test_the_key_of_a_hash_never_comes_back(client: Client) -> None:
    hashing = {"algorithm": "HMAC_SHA256", "key": "hunter2-hunter2", "encoding": "HEX", "paths": ["properties.email"]}
    made = create(client, hashPropertiesConfiguration=hashing)
    masked = made["hashPropertiesConfiguration"]
    assert BULLET in masked["key"]
    assert masked | {"key": ""} == hashing | {"key": ""}
    again = client.write("PATCH", f"/transformations/{made['id']}", {"hashPropertiesConfiguration": masked})
    assert again["transformation"] == made
    assert b"hunter2-" not in client.ask("/transformations").body


def test_a_masked_key_that_is_written_back_as_it_was_read_changes_nothing(client: Client) -> None:
    before = next(row for row in every(client) if "hashPropertiesConfiguration" in row)
    body = {"hashPropertiesConfiguration": before["hashPropertiesConfiguration"]}
    assert client.write("PATCH", f"/transformations/{before['id']}", body)["transformation"] == before


def test_a_deleted_transformation_is_gone(client: Client) -> None:
    before = every(client)
    for identifier in (before[0]["id"], create(client)["id"]):
        assert client.write("DELETE", f"/transformations/{identifier}") == {"status": "SUCCESS"}
        assert client.ask(f"/transformations/{identifier}").status == 404
        assert client.refused("DELETE", f"/transformations/{identifier}")[0] == 404
        assert events(client, 1) == [("Transformation Deleted", "transformation", identifier)]
    assert every(client) == before[1:]


def test_the_transformations_of_a_deleted_source_are_gone_with_it(client: Client) -> None:
    before = every(client)
    source = before[0]["sourceId"]
    made, other = create(client, sourceId=source), create(client)
    client.write("PATCH", f"/transformations/{other['id']}", {"sourceId": source})
    client.write("DELETE", f"/sources/{source}")
    assert every(client) == [row for row in before if row["sourceId"] != source]
    assert client.ask(f"/transformations/{made['id']}").status == 404


def test_what_does_not_exist_is_not_found(client: Client) -> None:
    assert client.refused("POST", "/transformations", body(client, sourceId="nope"))[0] == 404
    assert client.refused("POST", "/transformations", body(client, destinationMetadataId="nope"))[0] == 404
    assert client.refused("PATCH", "/transformations/nope", {"name": "x"})[0] == 404
    identifier = create(client)["id"]
    assert client.refused("PATCH", f"/transformations/{identifier}", {"sourceId": "nope"})[0] == 404


def test_wrong_input_is_refused_with_its_field(client: Client) -> None:
    for name in ("name", "sourceId", "enabled", "if"):
        given = {key: value for key, value in body(client).items() if key != name}
        assert client.refused("POST", "/transformations", given) == (422, name)
    paths = {"propertyPaths": ["a"] * 11, "propertyValue": "0"}
    wrong = body(client, propertyValueTransformations=[paths])
    assert client.refused("POST", "/transformations", wrong) == (422, "propertyValueTransformations.0.propertyPaths")
    both = body(client, fqlDefinedProperties=[{"fql": "1", "propertyName": name} for name in "ab"])
    assert client.refused("POST", "/transformations", both) == (422, "fqlDefinedProperties")
