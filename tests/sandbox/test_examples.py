"""Each example of the contract is reproduced: its keys with values of its types, in one of the workspace's answers."""

from __future__ import annotations

import json
from collections import defaultdict
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.sandbox.contract import Client, examples, operations
from tests.sandbox.valid import prepared
from tests.sandbox.walk import every_request, target, with_previews

EXAMPLES = examples()
if not EXAMPLES:
    pytest.skip("the API contract is not there", allow_module_level=True)

Shape = dict[str, set[str]]
_KINDS = {dict: "object", list: "list", str: "text", bool: "flag", int: "number", float: "number", type(None): "null"}
#: Parts of answers that are only there for who asks for them.
_ASKED_FOR: dict[str, dict[str, str]] = {
    "include": {"include": "schedules"},
    "includeSampleValues": {"includeSampleValues": "true"},
    "eventName": {
        "sourceId.0": "78u8s6n3xCCoGTdHQ6fz7t",
        "eventName.0": "a",
        "eventType.0": "track",
        "appVersion.0": "1",
    },
}
_GROUPS = ("eventName", "eventType", "appVersion", "discardReason")
#: What an answer need not show, and why.
MAY_DIFFER = {
    "*/settings/*": "the user's own, or those of the kind of thing that the example shows",
    "*/mapping/*": "the user's own names",
    "listSelectiveSyncsFromWarehouseAndSource:*/properties/*": "columns of the user's own events",
    "*/defaultValue*": "of whatever option the example shows",
    "*/logos/alt": "some kinds of sources have none",
    "*/metadata/options/*": "of whatever kind of thing the example shows",
    "*/metadata/partnerOwned": "some kinds of sources have it",
    "listCredentialConsumers:data/*Pagination/*": "few things share a credential; test_paging has many that do",
    "echo:data/headers/*": "those of whoever asks",
    "*etryCount": "of failed deliveries alone; the examples are made from one schema for all metrics",
    "*/discardReason": "as above",
    "getEventsVolumeFromWorkspace:data/query/limit": "openapi.json has no parameter for it",
    "*/size/uniqueCount": "optional; a size tells the type of what it counts",
    "*/options/backfill*": "optional",
    "*/failureReason": "no preview fails",
    "*/config/interval": "of one of the strategies",
    "listSelectiveSyncsFromWarehouseAndSource:data/items/*/source": "not in its schema",
}


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    """Of each operation: all that occurs in its answers, and the kinds of value that it has there."""
    client = prepared()
    found: dict[str, Shape] = defaultdict(lambda: defaultdict(set))
    known = {operation.id: {p["name"] for p in operation.parameters} for operation in operations()}
    for visit in [*every_request(client), *with_previews(client)]:
        for query in _queries(known[visit[0]]):
            _look(client, target(visit, **query), found[visit[0]])
    return found


def _queries(parameters: set[str]) -> list[dict[str, str]]:
    asked: list[dict[str, str]] = [{}] + [query for name, query in _ASKED_FOR.items() if name in parameters]
    asked += [{name: "1"} for name in parameters if name.endswith(".count")]
    return asked + ([{f"groupBy.{n}": name} for n, name in enumerate(_GROUPS)] if "groupBy" in parameters else [])


def _look(client: Client, asked: str, found: Shape) -> None:
    response = client.ask(asked)
    if response.status == 200:
        body = json.loads(response.body)
        _walk(body, "", found)
        for name, part in body["data"].items():
            if name.lower().endswith("pagination") and part.get("next"):
                joint = "&" if "?" in asked else "?"
                following = client.ask(f"{asked}{joint}{name}.cursor={part['next']}")
                _walk(json.loads(following.body), "", found)


def _walk(value: Any, path: str, found: Shape) -> None:
    found[path.lstrip("/")].add(_KINDS[type(value)])
    parts = (
        value.items() if isinstance(value, dict) else (("*", item) for item in value) if isinstance(value, list) else ()
    )
    for name, part in parts:
        _walk(part, f"{path}/{name}", found)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_all_keys_of_the_example_are_there_with_values_of_its_types(operation: str, shapes: dict[str, Shape]) -> None:
    wanted: Shape = defaultdict(set)
    _walk(EXAMPLES[operation]["body"], "", wanted)
    here = shapes[operation]
    assert [
        (path, kinds, here.get(path))
        for path, kinds in wanted.items()
        if not kinds <= here.get(path, set()) and not _may_differ(operation, path)
    ] == []


def _may_differ(operation: str, path: str) -> bool:
    return any(fnmatchcase(f"{operation}:{path}", pattern) for pattern in MAY_DIFFER)
