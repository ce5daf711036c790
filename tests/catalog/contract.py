"""The contract as the catalog's tests ask it: operations, the records in their answers, the table of objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from replicator.catalog.model import Object, Shape

Schema = dict[str, Any]
_FIRST_ROW = 2


@dataclass(frozen=True)
class Operation:
    path: str
    spec: Schema
    schemas: dict[str, Schema]

    @property
    def parameters(self) -> dict[str, Schema]:
        """Without cursors; the names as the contract lists them."""
        return {p["name"]: p for p in self.spec.get("parameters", []) if not p["name"].endswith("cursor")}

    @property
    def sizes(self) -> dict[str, int]:
        """The parameters that choose a size of page, and the largest they take."""
        return {
            name: parameter["schema"]["maximum"]
            for name, parameter in self.parameters.items()
            if name == "count" or name.endswith(".count")
        }

    @property
    def data(self) -> dict[str, Schema]:
        """The properties of `data`, as the most stable version answers."""
        content = self.spec["responses"]["200"]["content"]
        answer = self.resolve(content[f"application/vnd.segment.{self.spec['x-versions'][0]}+json"]["schema"])
        return dict(self.resolve(answer["properties"]["data"])["properties"])

    def reference(self, schema: Schema) -> str:
        """The name of the schema that a property points at, null aside."""
        return str(_not_null(schema).get("$ref", "")).rpartition("/")[2]

    def resolve(self, schema: Schema) -> Schema:
        while name := self.reference(schema):
            schema = self.schemas[name]
        return _not_null(schema)

    def fields(self, obj: Object) -> dict[str, Schema] | None:
        """The properties of one row of that object as this listing sends it; None where the contract states none."""
        found: dict[str, Schema] = {}
        for item in obj.listing.items:
            match obj.listing.shape:
                case Shape.MAP:
                    return None
                case Shape.STRINGS:
                    found[obj.listing.scalar] = self.data[item]["items"]
                case Shape.ONE | Shape.DATA:
                    found |= self.resolve(self.data[item])["properties"]
                case Shape.LIST | Shape.LISTS:
                    found |= self.resolve(self.data[item]["items"])["properties"]
        if obj.listing.shape is Shape.DATA:
            found = self.data
        if obj.explode:
            element = self.resolve(found.pop(obj.explode.field)["items"])
            found |= {obj.explode.into: element} if obj.explode.into else element["properties"]
        return found

    def got(self, item: str) -> dict[str, Schema]:
        """The properties of the record that this get by id answers, with what lies beside it."""
        beside = {name: schema for name, schema in self.data.items() if name != item}
        return dict(self.resolve(self.data[item])["properties"]) | beside

    def kind(self, schema: Schema) -> str:
        """text, boolean, number or json."""
        declared = self.resolve(schema).get("type")
        kinds = {declared} if isinstance(declared, str) else set(declared or ()) - {"null"}
        names = {"string": "text", "boolean": "boolean", "number": "number"}
        return names.get(kinds.pop(), "json") if len(kinds) == 1 else "json"


@dataclass(frozen=True)
class Contract:
    document: Schema
    table: dict[str, dict[str, str]]

    @property
    def gets(self) -> dict[str, Operation]:
        schemas = self.document["components"]["schemas"]
        return {
            methods["get"]["operationId"]: Operation(path, methods["get"], schemas)
            for path, methods in self.document["paths"].items()
            if "get" in methods
        }

    def listing(self, obj: Object) -> Operation:
        return self.gets[obj.listing.operation]

    def detail(self, obj: Object) -> Operation | None:
        return self.gets[obj.detail.operation] if obj.detail else None

    def fields(self, obj: Object) -> dict[str, tuple[Operation, Schema]]:
        """Every property that the listing or the get by id can send of that object."""
        detail = self.detail(obj)
        sent: dict[str, tuple[Operation, Schema]] = {}
        if detail and obj.detail:
            sent |= {name: (detail, schema) for name, schema in detail.got(obj.detail.item).items()}
        listing = self.listing(obj)
        return sent | {name: (listing, schema) for name, schema in (listing.fields(obj) or {}).items()}


def may_be_null(schema: Schema) -> bool:
    types = [schema.get("type"), *(choice.get("type") for choice in schema.get("anyOf", []))]
    return any(declared == "null" or (isinstance(declared, list) and "null" in declared) for declared in types)


def _not_null(schema: Schema) -> Schema:
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return choices[0] if len(choices) == 1 else schema


def readable_objects(resources: str) -> dict[str, dict[str, str]]:
    """The table of resources.md: object -> heading -> cell."""
    lines = [line for line in resources.partition("## Audit event names")[0].splitlines() if line.startswith("|")]
    headings = _cells(lines[0])
    rows = (dict(zip(headings, _cells(line), strict=True)) for line in lines[_FIRST_ROW:])
    return {re.sub(r" \(.*", "", row["Object"]): row for row in rows}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
