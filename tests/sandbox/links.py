"""The contract with what it leaves out, for a machine that goes from answer to request: links, and ids that exist.

The contract names no links. An answer of `POST /sources` holds the id that `PATCH /sources/{sourceId}` wants, as its
path says; so does each list. A request body that names other records is hopeless without ids of the workspace: next to
what the schema allows stands one body that it takes (valid.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.sandbox.contract import contract, write_operations
from tests.sandbox.valid import prepared, valid_writes

_METHODS = ("get", "post", "put", "patch", "delete")


def linked() -> dict[str, Any]:
    """A copy of the contract, with links and bodies that the workspace of `prepared` takes."""
    spec = deepcopy(contract())
    spec.pop("security")
    for path, methods in spec["paths"].items():
        for method in {"get", "post"} & methods.keys():
            operation = methods[method]
            pointer = _id_in(spec, operation)
            if pointer:
                _add_links(spec, path, operation, pointer)
    _add_bodies(spec)
    return spec


def _add_links(spec: dict[str, Any], path: str, operation: dict[str, Any], pointer: str) -> None:
    """From an answer to each operation on what lies below the path, by the answered id."""
    links = {}
    below = re.compile(re.escape(path) + r"/\{(\w+)\}(/.*)?")
    for other, methods in spec["paths"].items():
        match = below.fullmatch(other)
        if not match or "{" in (match[2] or ""):
            continue
        above = {name: f"$request.path.{name}" for name in re.findall(r"\{(\w+)\}", path)}
        for method in _METHODS:
            if method in methods:
                target = methods[method]["operationId"]
                links[target] = {"operationId": target, "parameters": above | {match[1]: pointer}}
    if links:
        _good(operation)["links"] = links


def _good(operation: dict[str, Any]) -> dict[str, Any]:
    return next(answer for status, answer in operation["responses"].items() if status.startswith("2"))


def _id_in(spec: dict[str, Any], operation: dict[str, Any]) -> str | None:
    """Where an answer holds the id of a record."""
    for content in _good(operation).get("content", {}).values():
        data = _resolved(spec, _resolved(spec, content["schema"])["properties"]["data"])
        for name, schema in _properties(spec, data):
            if "id" in schema.get("properties", {}):
                return f"$response.body#/data/{name}/id"
            item = _resolved(spec, schema.get("items", {}))
            if "id" in item.get("properties", {}):
                return f"$response.body#/data/{name}/0/id"
    return None


def _properties(spec: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        yield name, _resolved(spec, each)


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _add_bodies(spec: dict[str, Any]) -> None:
    valid = valid_writes(prepared())
    for method, operation in write_operations():
        body = valid[operation.id].body
        contents = spec["paths"][operation.path][method.lower()].get("requestBody", {}).get("content", {})
        for content in contents.values() if body else ():
            content.pop("example", None)
            content["schema"] = {"anyOf": [{"enum": [body]}, content["schema"]]}
