"""The shapes of the writes, held against openapi.json: field by field, and by what a JSON-Schema validator accepts."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from replicator.sandbox.bodies import BODIES, QUERIES, VARIANTS, body_of
from replicator.sandbox.messages import Refusal
from replicator.sandbox.shapes import (
    Anything,
    Either,
    Fields,
    Flag,
    Many,
    Mapped,
    Nullable,
    Number,
    Shape,
    Text,
    check,
)
from tests.sandbox.contract import contract, media_type

OPERATIONS = {
    spec["operationId"]: spec
    for methods in contract()["paths"].values()
    for method, spec in methods.items()
    if method in ("post", "put", "patch", "delete")
}
if not OPERATIONS:
    pytest.skip("the API contract is not there", allow_module_level=True)
SCHEMAS = contract()["components"]["schemas"]

#: Each operation that takes a body, in each of its versions.
SENT = [
    pytest.param(name, version, id=f"{name}-{version}")
    for name, spec in OPERATIONS.items()
    if "requestBody" in spec
    for version in spec["x-versions"]
]
#: Each shape once, in a version that has it.
SHAPES = [
    pytest.param(name, version, id=f"{name}-{version}")
    for name, version in [*((name, OPERATIONS[name]["x-versions"][0]) for name in BODIES), *VARIANTS]
]
_SAYS_NOTHING_OF_VALUES = {"x-from", "x-limit-stated-in", "description", "title"}


def schema_of(name: str, version: str) -> dict[str, Any]:
    return dict(OPERATIONS[name]["requestBody"]["content"][media_type(version)]["schema"])


def shape_of(name: str, version: str) -> Shape:
    shape = body_of(name, version)
    assert shape is not None
    return shape


def expected(schema: dict[str, Any]) -> Shape:
    """The shape that says what this schema says; fails on a schema that says what no shape can."""
    if "$ref" in schema:
        return expected(SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    schema = {key: value for key, value in schema.items() if key not in _SAYS_NOTHING_OF_VALUES}
    kinds = schema.pop("anyOf", None)
    if kinds is not None:
        assert not schema
        shapes = [expected(kind) for kind in kinds if kind != {"type": "null"}]
        shape = shapes[0] if len(shapes) == 1 else Either(tuple(s for s in shapes if isinstance(s, Fields)))
        return Nullable(shape) if {"type": "null"} in kinds else shape
    kind = schema.pop("type", None)
    if isinstance(kind, list):
        kind, null = kind
        assert null == "null"
        return Nullable(expected({**schema, "type": kind}))
    return _expected_of(kind, schema)


def _expected_of(kind: str | None, rest: dict[str, Any]) -> Shape:
    shape: Shape
    match kind:
        case None:
            shape = Anything()
        case "string":
            shape = Text(tuple(rest.pop("enum", ())))
        case "number":
            shape = Number(rest.pop("minimum", -math.inf), rest.pop("maximum", math.inf))
        case "boolean":
            shape = Flag()
        case "array":
            most = min(rest.pop("maxItems", math.inf), rest.pop("x-stated-max-items", math.inf))
            shape = Many(expected(rest.pop("items")), most)
        case "object" if "additionalProperties" in rest:
            free = rest.pop("additionalProperties")
            shape = Mapped(Anything() if free is True else expected(free))
        case "object":
            required = rest.pop("required", ())
            fields = {name: expected(part) for name, part in rest.pop("properties").items()}
            shape = Fields(
                {name: fields.pop(name) for name in required},
                fields,
            )
        case _:
            pytest.fail(f"no shape for {kind}")
    assert not rest, rest
    return shape


@pytest.mark.parametrize(("name", "version"), SENT)
def test_the_shape_of_each_body_says_what_its_schema_says(name: str, version: str) -> None:
    schema = schema_of(name, version)
    stated = expected(schema)
    if name == "createCloudSourceRegulation":
        # The limit is stated for the API in general (resources.md, "Rate limits"), not at this operation.
        assert isinstance(stated, Fields)
        stated = Fields({**stated.required, "subjectIds": Many(Text(), 5000)}, stated.optional)
    assert shape_of(name, version) == stated


def test_every_operation_with_a_body_has_a_shape_and_no_other_has() -> None:
    assert len(OPERATIONS) == 101
    assert BODIES.keys() == {name for name, spec in OPERATIONS.items() if "requestBody" in spec}
    assert {(name, version) for name, version in VARIANTS if version not in OPERATIONS[name]["x-versions"]} == set()


def test_the_request_that_names_no_version_is_checked_as_the_most_stable_one() -> None:
    for name, shape in BODIES.items():
        content = OPERATIONS[name]["requestBody"]["content"]
        if "application/json" in content:
            most_stable = media_type(OPERATIONS[name]["x-versions"][0])
            assert content["application/json"]["schema"] == content[most_stable]["schema"]
        assert shape_of(name, OPERATIONS[name]["x-versions"][0]) == shape


def test_the_examples_of_the_contract_fit() -> None:
    examples = [
        (name, content["example"])
        for name, spec in OPERATIONS.items()
        for content in spec.get("requestBody", {"content": {}})["content"].values()
        if "example" in content
    ]
    assert examples
    for name, example in examples:
        assert check(BODIES[name], example, strict=True) == example, name


def test_what_removals_take_from_the_query_is_what_the_contract_says() -> None:
    stated = {
        name: Fields({p["name"]: expected(p["schema"]) for p in spec["parameters"] if p["in"] == "query"})
        for name, spec in OPERATIONS.items()
        if any(p["in"] == "query" for p in spec.get("parameters", ()))
    }
    rules = stated["removeRulesFromTrackingPlan"].required["rules"]
    assert isinstance(rules, Many)
    # The limit is stated for every request that carries rules (resources.md, "Updates").
    stated["removeRulesFromTrackingPlan"] = Fields({"rules": Many(rules.item, 200)})
    assert stated == QUERIES
    required = [p["required"] for s in OPERATIONS.values() for p in s.get("parameters", ()) if p["in"] == "query"]
    assert all(required)


TEXT = st.text(max_size=6)
LEAVES = st.none() | st.booleans() | st.integers(-3, 300) | st.floats(-2, 2) | TEXT
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2))


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """What fits a shape."""
    match shape:
        case Anything():
            return JSON
        case Text(choices):
            return st.sampled_from(choices) if choices else TEXT
        case Number(least, most):
            low, high = max(least, -1e9), min(most, 1e9)
            return st.integers(int(low), int(high)) | st.floats(low, high)
        case Flag():
            return st.booleans()
        case Many(item, most):
            return st.lists(values(item), max_size=int(min(most, 2)))
        case Mapped(value):
            return st.dictionaries(TEXT, values(value), max_size=2)
        case Fields(required, optional):
            return st.fixed_dictionaries(
                {name: values(part) for name, part in required.items()},
                optional={name: values(part) for name, part in optional.items()},
            )
        case Either(kinds):
            return st.one_of([values(kind) for kind in kinds])
        case Nullable(inner):
            return st.none() | values(inner)


Path = tuple[str | int, ...]


def places(shape: Shape, value: Any, path: Path = ()) -> Iterator[tuple[Path, Shape]]:
    """All of the places in a value, each with its shape. A union is one place."""
    yield path, shape
    match shape:
        case Many(item):
            for at, part in enumerate(value):
                yield from places(item, part, (*path, at))
        case Mapped(inner):
            for key, part in value.items():
                yield from places(inner, part, (*path, key))
        case Fields():
            for name, part in shape.all.items():
                if name in value:
                    yield from places(part, value[name], (*path, name))
        case Nullable(inner) if value is not None:
            yield from list(places(inner, value, path))[1:]
        case _:
            pass


def put(value: Any, path: Path, part: Any) -> Any:
    """The value with another part at this place."""
    if not path:
        return part
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], part)
    return changed


def misfit(shape: Shape) -> Any:
    """What is never of this shape."""
    match shape:
        case Text() | Many():
            return {"a": 1}
        case Number():
            return True
        case Flag():
            return 1
        case Mapped() | Fields() | Either():
            return []
        case Nullable(inner):
            return misfit(inner)
        case Anything():
            pytest.fail("everything fits")


def refused_field(shape: Shape, value: Any) -> str:
    with pytest.raises(Refusal) as raised:
        check(shape, value)
    assert raised.value.status == 422
    return str(raised.value.errors[0]["field"])


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path) or "body"


FEW = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def validator(name: str, version: str) -> Draft202012Validator:
    return Draft202012Validator({**schema_of(name, version), "components": contract()["components"]})


@pytest.mark.parametrize(("name", "version"), SHAPES)
@given(data=st.data())
@FEW
def test_what_fits_a_shape_is_valid_by_the_contract_and_comes_back_whole(
    name: str, version: str, data: st.DataObject
) -> None:
    shape = shape_of(name, version)
    body = data.draw(values(shape))
    assert validator(name, version).is_valid(body)
    assert check(shape, body, strict=True) == body
    assert check(shape, body) == body


@pytest.mark.parametrize(("name", "version"), SHAPES)
@given(data=st.data())
@FEW
def test_a_body_that_was_changed_somewhere_is_accepted_if_and_only_if_the_contract_accepts_it(
    name: str, version: str, data: st.DataObject
) -> None:
    shape = shape_of(name, version)
    body = data.draw(values(shape))
    path, _ = data.draw(st.sampled_from(list(places(shape, body))))
    changed = put(body, path, data.draw(JSON))
    try:
        check(shape, changed)
        accepted = True
    except Refusal:
        accepted = False
    assert accepted == validator(name, version).is_valid(changed), changed


@pytest.mark.parametrize(("name", "version"), SHAPES)
@given(data=st.data())
@FEW
def test_a_value_of_the_wrong_type_is_refused_by_its_name(name: str, version: str, data: st.DataObject) -> None:
    shape = shape_of(name, version)
    body = data.draw(values(shape))
    wrong = [(path, part) for path, part in places(shape, body) if not isinstance(part, Anything)]
    path, part = data.draw(st.sampled_from(wrong))
    assert refused_field(shape, put(body, path, misfit(part))) == dotted(path)


def requires(shape: Shape) -> bool:
    """Whether a body of this shape may hold a field that it must not be without."""
    match shape:
        case Fields():
            return bool(shape.required) or any(map(requires, shape.all.values()))
        case Many(inner) | Mapped(inner) | Nullable(inner):
            return requires(inner)
        case _:
            return False


@pytest.mark.parametrize(("name", "version"), [p for p in SHAPES if requires(shape_of(*map(str, p.values)))])
@given(data=st.data())
@FEW
def test_a_required_field_that_is_missing_is_refused_by_its_name(name: str, version: str, data: st.DataObject) -> None:
    shape = shape_of(name, version)
    body = data.draw(values(shape))
    required = [
        (path, field) for path, part in places(shape, body) if isinstance(part, Fields) for field in part.required
    ]
    assume(required)
    path, field = data.draw(st.sampled_from(required))
    holder = body
    for step in path:
        holder = holder[step]
    without = {key: part for key, part in holder.items() if key != field}
    assert refused_field(shape, put(body, path, without)) == dotted((*path, field))
