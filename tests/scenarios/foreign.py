"""Another API of the same contract: it knows nothing but openapi.json, and answers with whatever that allows.

Where the sandbox is a likely workspace, this one is an unlikely one: optional fields come and go from record to record,
nullable ones are null, texts, numbers and ids are as odd as JSON lets them be, pages are short, and the cursor is any
text. What it answers follows from its seed and the request alone, so a walk finds what a run found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from replicator.sandbox import Request, Response
from tests.sandbox.contract import Operation, contract, operations

Record = dict[str, Any]
Schema = Mapping[str, Any]

#: Of a record: texts that its children's paths, or its own identity, are made of.
_NAMES = re.compile(r"(?:^|[a-z])(?:id|slug|email|emails|name|key|trait|collection|subjectIds|invites)$", re.IGNORECASE)
_MOMENTS = re.compile(r"(?:At|^timestamp|^time|^start|^end|Time)$")
#: What says which other listings a record has, or must be one of the contract's values for another reason.
_KINDS = {"type", "resourceType", "audienceType", "propertyType", "metricName", "subjectType"}
#: Does not say what is listed: its order, and until when, which is another moment in each request.
_HOW = {"sortBy", "sortDir", "endTime"}
#: By operation: what tells its records apart that no text of theirs does.
_APART = {
    "listRulesFromTrackingPlan": ("type", "key", "version"),
    "getDestinationDeliveryMetrics": ("metricName",),
}
_TEXTS = (
    *("", " ", "a ", " a", "null", "NULL", "true", "0", "-1", "1e5", "NaN", "[]", "{}", '"', "'", "\\", "\\N", "\\n"),
    *("\t", "\n", "\r\n", "a,b", "a;b", "%s", ":x", "$1", "2026-02-30", "2026-01-01", "2026-01-01T00:00:00Z"),
    *("é", "e\u0301", "İ", "ß", "日本語", "😀", "👩\u200d👩\u200d👧", "\u2028", "\ufeff", "\u202e", "\x7f", "\x01"),
    *("•" * 8, "x" * 300, "ü" * 5000, "<b>&amp;</b>", "-- ; DROP TABLE users"),
)
_NUMBERS = (0, 1, -1, 1.0, 0.1, -0.5, 2**31, 2**53, -(2**53), 2**53 + 1, 1e21, 1e-7, 123456.789)
_ODD_IDS = (
    "a b",
    "a/b",
    "a?b#c",
    "100%",
    "ü",
    "😀",
    "a+b",
    "a=b&c",
    "a;b",
    "a:b",
    "a.b",
    "..a",
    "%2F",
    "'\"",
    "\uff21",
)


class Foreign:
    """A server of the contract's reading half; call it with a request."""

    def __init__(self, seed: str, *, now: datetime, generation: int = 0) -> None:
        self.seed, self.now = seed, now
        #: Another one has other values in some of the records, lacks some, and has others.
        self.generation = generation
        #: By id: in which generation it was listed last, and as what.
        self._listed: dict[str, tuple[int, Record]] = {}

    def __call__(self, request: Request) -> Response:
        parts = urlsplit(request.target)
        operation, names = _at(parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        last = operation.path.rsplit("/", 1)[-1]
        listed = self._listed.get(names[last[1:-1]]) if last.startswith("{") else None
        if last.startswith("{") and (listed is None or listed[0] != self.generation):
            return Response(404, (("Content-Type", "application/json"),), b'{"errors": [{"type": "NotFound"}]}')
        data = self._data(operation, names, query, request.headers.get("accept", "*/*"), listed[1] if listed else {})
        body = json.dumps({"data": data}, ensure_ascii=len(parts.path) % 2 == 0).encode()
        headers = {"Content-Type": "application/json", "X-RateLimit-Consumed": "1", "X-RateLimit-Remaining": "100000"}
        headers["X-RateLimit-Reset"] = format_datetime(self.now + timedelta(minutes=1), usegmt=True)
        headers["Date"] = format_datetime(self.now, usegmt=True)
        return Response(200, tuple(headers.items()), body)

    def _data(
        self, operation: Operation, names: Mapping[str, str], query: Record, accept: str, listed: Record
    ) -> Record:
        contents = operation.spec["responses"][str(operation.status)]["content"]
        schema = _resolved(contents.get(accept, contents["application/json"])["schema"])
        data = _resolved(schema["properties"]["data"])
        how = {*_HOW, "startTime"} if operation.id == "listAuditEvents" else _HOW
        filters = {k: v for k, v in sorted(query.items()) if "pagination" not in k.lower() and k not in how}
        for each in ("count", "cursor") if operation.counted else ():
            filters.pop(each, None)
        own = f"{operation.path} {sorted(names.items())} {filters}"
        made = {
            name: self._property(operation, name, _resolved(each), own, {**query, **names}, listed)
            for name, each in data["properties"].items()
            if not name.lower().endswith("pagination")
        }
        for name in [name for name in data["properties"] if name.lower().endswith("pagination")]:
            key = next(iter(made)) if name == "pagination" else name.removesuffix("Pagination")
            if isinstance(made[key], list):
                made[key], made[name] = self._page(made[key], query, name, own)
            else:
                made[name] = {"current": ""}
        return made

    def _property(
        self, operation: Operation, name: str, schema: Schema, own: str, asked: Record, listed: Record
    ) -> Any:
        if schema.get("type") == "array":
            return list(self._rows(operation, name, _resolved(schema["items"]), own, asked))
        made = _Maker(Random(f"{self.seed} {own} {name}"), self.now).value(schema, name, 0)
        return {**made, **listed} if isinstance(made, dict) else made

    def _rows(self, operation: Operation, name: str, schema: Schema, own: str, query: Record) -> Iterator[Any]:
        depth = operation.path.count("{")
        count = Random(f"{self.seed} {own} count").choice((3, 9) if not depth else (0, 1, 2, 2))
        seen = set()
        for at in range(count):
            # What happened does not change.
            past = operation.id == "listAuditEvents"
            born = 6 if past else Random(f"{self.seed} {own} {name} {at} born").randrange(6)
            if (self.generation and born == 0) or (not self.generation and born == 1):
                continue
            changed = self.generation if born == 2 else 0
            maker = _Maker(Random(f"{self.seed} {own} {name} {at}"), self.now, changed, query)
            made = maker.value(schema, name, 0)
            if past and datetime.fromisoformat(made["timestamp"]) < _since(query):
                continue
            apart = json.dumps([made.get(each) for each in _APART.get(operation.id, ())] or at)
            if apart in seen:
                continue
            seen.add(apart)
            if isinstance(made, dict) and isinstance(made.get("id"), str):
                self._listed[made["id"]] = self.generation, made
            yield made

    def _page(self, rows: list[Any], query: Record, prefix: str, own: str) -> tuple[list[Any], Record]:
        random = Random(f"{self.seed} {own} page")
        asked = int(query.get(f"{prefix}.count") or query.get("count") or 200)
        size = min(asked, random.choice((1, 2, 4, 1000)))
        cursor = query.get(f"{prefix}.cursor") or query.get("cursor") or ""
        at = int(cursor.split("=")[1]) if cursor else 0
        pagination: Record = {"current": cursor}
        if at + size < len(rows):
            pagination["next"] = f"ü/+&={at + size}"
        elif random.random() < 0.5:
            pagination["next"] = None
        if random.random() < 0.5:
            pagination["totalEntries"] = len(rows)
        return rows[at : at + size], pagination


class _Maker:
    """Values of a schema. `changed` makes another value of what is neither a name nor a kind."""

    def __init__(self, random: Random, now: datetime, changed: int = 0, query: Mapping[str, str] | None = None) -> None:
        self.random, self.now, self.changed, self.query = random, now, changed, query or {}
        self.again = Random(f"{random.random()} {changed}")

    def value(self, schema: Schema, name: str, depth: int) -> Any:
        schema = _resolved(schema)
        if "anyOf" in schema:
            choices = schema["anyOf"] if depth else schema["anyOf"][:1]
            return self.value(self.random.choice(choices), name, depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            if not (depth == 1 and _NAMES.search(name)) and self.again.random() < 0.3:
                return None
            kind = next(each for each in kind if each != "null")
        match kind:
            case "object" if schema.get("properties"):
                return self._object(schema, depth)
            case "array":
                least = 1 if name == "series" or _NAMES.search(name) else 0
                count = self.random.randint(least, min(schema.get("maxItems", 3), 3))
                return [self.value(schema["items"], name, depth + 1) for _ in range(count)]
            case "string":
                return self._text(schema, name)
            case _:
                return self._other(kind, name)

    def _other(self, kind: str | None, name: str) -> Any:
        match kind:
            case "object":
                return {self._key(): self._any(2) for _ in range(self.again.randrange(4))}
            case "number" if name == "version":
                return self.random.randrange(10**6)
            case "number" | "integer":
                return self.again.choice(_NUMBERS if kind == "number" else (0, 1, -1, 10, 2**31, 2**40))
            case "boolean":
                return self.again.random() < 0.5
            case "null":
                return None
            case _:
                return self._any(2)

    def _object(self, schema: Schema, depth: int) -> Record:
        required = {*schema.get("required", ()), *(v for k, v in self.query.items() if k.startswith("groupBy"))}
        made = {}
        for name, each in schema["properties"].items():
            if depth == 0 and name in self.query and name not in ("id", "resourceType"):
                # What is listed under a parent says so.
                made[name] = self.query[name]
            elif name in required or name == "id" or self.random.random() < (0.7 if depth < 4 else 0.0):
                made[name] = self.value(each, name, depth + 1)
        if self.random.random() < 0.2:
            made[f"unheardOf{self.random.randrange(3)}"] = self._any(2)
        items = list(made.items())
        self.random.shuffle(items)
        return dict(items)

    def _text(self, schema: Schema, name: str) -> str:
        if "enum" in schema:
            odd = name not in _KINDS and self.again.random() < 0.1
            return "UNHEARD_OF" if odd else str((self.random if name in _KINDS else self.again).choice(schema["enum"]))
        if _MOMENTS.search(name):
            return self._moment(name)
        if _NAMES.search(name):
            own = "".join(self.random.choice("abcXYZ019_-") for _ in range(12))
            return (self.random.choice(_ODD_IDS) if self.random.random() < 0.2 else "") + own
        return self.again.choice(_TEXTS)

    def _moment(self, name: str) -> str:
        random = self.random
        if name == "time" and "startTime" in self.query:
            start = datetime.fromisoformat(self.query["startTime"]).replace(tzinfo=UTC)
            moment = start + timedelta(seconds=random.randrange(int((self.now - start).total_seconds())))
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if name.endswith("At") and random.random() < 0.1:
            return "0001-01-01T00:00:00.000Z"
        moment = self.now - timedelta(microseconds=random.randrange(60 * 86400 * 10**6))
        form = random.choice(("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.000Z", "ms", "offset"))
        if form == "ms":
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        if form == "offset":
            return moment.strftime("%Y-%m-%dT%H:%M:%S+02:00")
        return moment.strftime(form)

    def _key(self) -> str:
        return self.again.choice(("a", "A", "", "a.b", "a b", "$x", "ü", "0", "id", "nested", '"', "x" * 70))

    def _any(self, depth: int) -> Any:
        match self.again.randrange(8 if depth else 5):
            case 0:
                return None
            case 1:
                return self.again.random() < 0.5
            case 2:
                return self.again.choice(_NUMBERS)
            case 3 | 4:
                return self.again.choice(_TEXTS)
            case 5 | 6:
                return {self._key(): self._any(depth - 1) for _ in range(self.again.randrange(4))}
            case _:
                return [self._any(depth - 1) for _ in range(self.again.randrange(4))]


def _since(query: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(query.get("startTime", "2000-01-01T00:00:00Z"))


@cache
def _resolved_reference(reference: str) -> Schema:
    found: Any = contract()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return _resolved(found)


def _resolved(schema: Schema) -> Schema:
    return _resolved_reference(schema["$ref"]) if "$ref" in schema else schema


@cache
def _routes() -> list[tuple[list[str], Operation]]:
    routes = [(operation.path.split("/"), operation) for operation in operations()]
    return sorted(routes, key=lambda route: sum(part.startswith("{") for part in route[0]))


def _at(path: str) -> tuple[Operation, dict[str, str]]:
    parts = path.split("/")
    for pattern, operation in _routes():
        if len(pattern) == len(parts) and all(a.startswith("{") or a == b for a, b in zip(pattern, parts, strict=True)):
            names = {a[1:-1]: unquote(b) for a, b in zip(pattern, parts, strict=True) if a.startswith("{")}
            return operation, names
    raise AssertionError(f"The contract has no GET {path}.")
