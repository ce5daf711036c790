"""The contract that the answers are held against, and a client of a dozen lines that knows nothing else."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator

from replicator.sandbox import Request, Response, Sandbox

_FOLDER = Path(__file__).parents[3] / "shared" / "segment-api"
_VENDOR = "application/vnd.segment.{}+json"


@cache
def contract() -> dict[str, Any]:
    path = _FOLDER / "openapi.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"paths": {}}


@cache
def examples() -> dict[str, Any]:
    """Of the answers, by operation."""
    path = _FOLDER / "examples.json"
    return dict(json.loads(path.read_text())["responses"]) if path.exists() else {}


@dataclass(frozen=True)
class Operation:
    path: str
    spec: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.spec["operationId"])

    @property
    def example(self) -> Any:
        """The body of a valid request, if it has one, with ids of no workspace."""
        contents = self.spec.get("requestBody", {}).get("content", {}).values()
        return next((deepcopy(content["example"]) for content in contents if "example" in content), None)

    @property
    def status(self) -> int:
        """Of a good answer."""
        return next(int(status) for status in self.spec["responses"] if status.startswith("2"))

    @property
    def versions(self) -> list[str]:
        return list(self.spec["x-versions"])

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [p for p in self.spec.get("parameters", []) if p["in"] == "query"]

    @property
    def counted(self) -> list[dict[str, Any]]:
        """The parameters that choose a size of page."""
        return [p for p in self.parameters if p["name"] == "count" or p["name"].endswith(".count")]

    @property
    def paged(self) -> bool:
        return bool(self.counted)

    @property
    def required(self) -> list[str]:
        return [p["name"] for p in self.parameters if p.get("required")]

    @property
    def choices(self) -> list[str]:
        """The parameters that take one of a few values, and those that take several of them."""
        return [p["name"] for p in self.parameters if "enum" in p["schema"] or "enum" in p["schema"].get("items", {})]


def operations() -> list[Operation]:
    """Those that read; none where the contract is not there."""
    paths = contract()["paths"]
    return [Operation(path, methods["get"]) for path, methods in paths.items() if "get" in methods]


def write_operations() -> list[tuple[str, Operation]]:
    """The others, with their methods."""
    paths = contract()["paths"]
    return [
        (method.upper(), Operation(path, spec))
        for path, methods in paths.items()
        for method, spec in methods.items()
        if method != "get"
    ]


@cache
def _writes() -> list[tuple[str, re.Pattern[str], Operation]]:
    return [
        (method, re.compile(re.sub(r"\{[^}]*\}", "[^/]+", operation.path)), operation)
        for method, operation in write_operations()
    ]


def write_at(method: str, path: str) -> Operation:
    """The most exact one: fixed segments count more than parameters."""
    found = [operation for verb, pattern, operation in _writes() if verb == method and pattern.fullmatch(path)]
    return min(found, key=lambda operation: operation.path.count("{"))


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": contract()["components"]})


def problems(operation: Operation, media_type: str, body: bytes, status: int = 200) -> list[str]:
    """What is wrong with this answer, by the schema of its status and media type."""
    schema = operation.spec["responses"][str(status)]["content"][media_type]["schema"]
    answer = json.loads(body)
    found = [e.message for e in _validator(schema["$ref"]).iter_errors(answer)]
    # The envelope's schema leaves `data` optional, so an error would be valid too.
    return found if isinstance(answer.get("data"), dict) else [*found, "no data"]


def media_type(version: str | None) -> str:
    return _VENDOR.format(version) if version else "application/json"


class Client:
    def __init__(self, sandbox: Sandbox, *, token: str = "sandbox") -> None:  # noqa: S107 - the documented one
        self.sandbox = sandbox
        self.token = token
        self.requests = 0

    def ask(self, target: str, version: str | None = None, method: str = "GET", body: bytes = b"") -> Response:
        self.requests += 1
        headers = {"authorization": f"Bearer {self.token}"}
        if version:
            headers["accept"] = media_type(version)
        return self.sandbox(Request(method, target, headers, body))

    def write(
        self, method: str, path: str, body: Any = None, *, version: str | None = None, **query: Any
    ) -> dict[str, Any]:
        """The data of a write that succeeds; its answer is held against the contract."""
        target = path + (f"?{urlencode(query)}" if query else "")
        response = self.ask(target, version, method, b"" if body is None else json.dumps(body).encode())
        assert response.status in (200, 201), (method, target, body, response.body)
        found = write_at(method, path.partition("?")[0])
        assert problems(found, media_type(version), response.body, response.status) == [], (method, path)
        return dict(json.loads(response.body)["data"])

    def refused(
        self, method: str, path: str, body: Any = None, *, version: str | None = None, **query: Any
    ) -> tuple[int, str | None]:
        """The status and the field of a request that fails."""
        target = path + (f"?{urlencode(query)}" if query else "")
        response = self.ask(target, version, method, b"" if body is None else json.dumps(body).encode())
        assert response.status >= 400, (method, target, body, response.body)
        return response.status, json.loads(response.body)["errors"][0].get("field")

    def data(self, path: str, **query: Any) -> dict[str, Any]:
        response = self.ask(path + (f"?{urlencode(query)}" if query else ""))
        assert response.status == 200, (path, query, response.body)
        return dict(json.loads(response.body)["data"])

    def every(self, path: str, key: str, **query: Any) -> list[Any]:
        """All records of a list, page by page."""
        records: list[Any] = []
        page: dict[str, Any] = {}
        while True:
            data = self.data(path, **query, **page)
            records += data[key]
            following = data.get("pagination", {}).get("next")
            if following is None:
                return records
            name = "cursor" if "count" in query else "pagination.cursor"
            page = {name: following}


def indexed(query: dict[str, Any]) -> dict[str, str]:
    """As the wire has it: `emails.0=..`, `rules.0.key=..`."""
    found: dict[str, str] = {}
    for name, value in query.items():
        if isinstance(value, dict | list):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            found |= indexed({f"{name}.{key}": part for key, part in parts})
        else:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


def at(path: str, **ids: str) -> str:
    for name, value in ids.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path
