"""The catalog against the contract: what the API says of itself is what the catalog says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from replicator.catalog import LEFT_OUT, OBJECTS, by_name
from replicator.catalog.model import Object, Paging, Shape, Type, Window, snake_case
from tests.catalog.contract import Contract, Operation, may_be_null

LEFT_OUT_GETS = {"Echo": "echo", "AudiencePreviews": "getAudiencePreview"}
WINDOWS: Mapping[Window | None, frozenset[str]] = {
    None: frozenset(),
    Window.PERIOD: frozenset({"period"}),
    Window.EVENTS: frozenset({"startTime", "endTime"}),
    Window.VOLUME: frozenset({"startTime", "endTime", "granularity"}),
}
#: One schema serves the listing and the get; that the listing leaves these out is known from recorded answers alone.
MISSING_FROM_LISTING = {("Users", "permissions")}
#: Keys that the table puts into words, or that hold more than it names, so that two partitions never share a row.
JUDGED_KEYS = {
    "EventsVolume": {"granularity", "source_id", "event_name", "event_type", "time"},
    "IngressSuccessMetrics": {"source_id", "granularity", "event_name", "event_type", "time"},
    "IngressFailedMetrics": {"source_id", "granularity", "event_name", "event_type", "discard_reason", "time"},
    "SourceRegulations": {"source_id", "id"},
    "SourceLatestLivePlugin": {"id"},
    "AudienceSchedules": {"space_id", "audience_id", "id"},
    "EventPropertySampleValues": {"space_id", "event_name", "property_name", "property_type", "position"},
    "ReverseETLSyncStatuses": {"model_id", "subscription_id", "sync_id"},
    "DestinationDeliveryMetrics": {
        "destination_id",
        "source_id",
        "granularity",
        "start_time",
        "end_time",
        "metric_name",
    },
}
JUDGED_KEYS["FilteredAtSourceMetrics"] = JUDGED_KEYS["IngressFailedMetrics"]
JUDGED_KEYS["EgressSuccessMetrics"] = JUDGED_KEYS["IngressSuccessMetrics"] | {"destination_config_id"}
JUDGED_KEYS["EgressFailedMetrics"] = JUDGED_KEYS["IngressFailedMetrics"] | {"destination_config_id"}
JUDGED_KEYS["FilteredAtDestinationMetrics"] = JUDGED_KEYS["EgressFailedMetrics"]

each_object = pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj.name)


def times(field: str) -> bool:
    return field.endswith("At") or field in {"timestamp", "time", "start", "end", "nextExecution"}


def asked(obj: Object) -> Iterator[set[str]]:
    """The parameters that one partition of the listing fills, for each of its kinds of parent."""
    always = {re.sub(r"\.\d+$", "", name) for name in obj.listing.query} | obj.each.keys() | WINDOWS[obj.window]
    for params in [parent.params for parent in obj.parents] or [{}]:
        yield always | params.keys()


def test_every_row_of_the_table_is_an_object_or_left_out_with_a_reason(api: Contract) -> None:
    assert len(api.table) == 79
    assert by_name.keys() | LEFT_OUT.keys() == api.table.keys()
    assert not by_name.keys() & LEFT_OUT.keys()


def test_every_get_operation_is_a_listing_a_detail_or_adds_nothing_to_a_listing(api: Contract) -> None:
    assert len(api.gets) == 100
    used = {obj.listing.operation for obj in OBJECTS} | {obj.detail.operation for obj in OBJECTS if obj.detail}
    listed = {
        operation.reference(operation.data[item].get("items", operation.data[item]))
        for operation, items in ((api.listing(obj), obj.listing.items) for obj in OBJECTS)
        for item in items
    }
    assert used <= api.gets.keys()
    assert LEFT_OUT_GETS.keys() == LEFT_OUT.keys()
    for name in api.gets.keys() - used - set(LEFT_OUT_GETS.values()):
        operation = api.gets[name]
        (record,) = operation.data.values()
        assert operation.reference(record) in listed, f"{name} answers what no listing does"


@each_object
def test_the_listing_is_the_operation_that_the_table_names(obj: Object, api: Contract) -> None:
    assert obj.listing.path == api.listing(obj).path
    endpoints = api.table[obj.name]["Read endpoints"].split("<br>")
    assert f"GET {obj.listing.path}" in endpoints
    if obj.detail:
        assert f"GET {obj.detail.path}" in endpoints


@each_object
def test_every_property_of_a_row_is_a_column_or_left_to_extra(obj: Object, api: Contract) -> None:
    fields = [column.field for column in obj.columns if not column.given]
    sent = api.fields(obj)
    if obj.listing.shape is Shape.MAP:
        assert fields == [obj.listing.scalar, "value"]
        return
    assert sent.keys() == {*fields, *obj.left_to_extra}
    assert len(fields) == len(set(fields))


@each_object
def test_columns_hold_the_types_that_the_contract_declares(obj: Object, api: Contract) -> None:
    sent = api.fields(obj)
    for column in obj.columns:
        if column.field in sent and not column.given:
            operation, schema = sent[column.field]
            kind = operation.kind(schema)
            expected = Type.TIMESTAMP if kind == "text" and times(column.field) else Type(kind)
            assert column.type is expected, column.name


@each_object
def test_columns_are_nullable_where_the_contract_lets_null_be_sent(obj: Object, api: Contract) -> None:
    null = {field for field, (_, schema) in api.fields(obj).items() if may_be_null(schema)}
    assert {column.field for column in obj.columns if column.nullable} == null


@each_object
def test_detail_columns_are_those_that_the_listing_lacks(obj: Object, api: Contract) -> None:
    listed = api.listing(obj).fields(obj)
    if listed is None:
        listed = {column.field: {} for column in obj.columns}
    known = {field for name, field in MISSING_FROM_LISTING if name == obj.name}
    lacking = {column.field for column in obj.columns if not column.given and column.field not in listed} | known
    assert {column.field for column in obj.columns if column.detail} == lacking
    assert bool(lacking) == bool(obj.detail)


@each_object
def test_given_columns_hold_what_the_request_says_and_no_record_does(obj: Object, api: Contract) -> None:
    listing = obj.listing
    carried = {listing.given_as.get(name, name) for parameters in asked(obj) for name in parameters}
    carried |= {listing.position, *listing.lifted} | ({"kind"} if listing.shape is Shape.LISTS else set())
    sent = api.listing(obj).fields(obj) or {}
    for column in obj.columns:
        if column.given:
            assert column.field in carried
            assert column.field not in sent
    # What a request carries is either a property of the record or must not look like one.
    assert not listing.given_as.keys() & carried


@each_object
def test_lifted_fields_are_nested_in_the_record(obj: Object, api: Contract) -> None:
    operation = api.listing(obj)
    for path in obj.listing.lifted.values():
        fields = operation.fields(obj) or {}
        for step in path[:-1]:
            fields = operation.resolve(fields[step])["properties"]
        assert path[-1] in fields


@each_object
def test_every_partition_fills_what_the_listing_requires_and_nothing_unknown(obj: Object, api: Contract) -> None:
    parameters = api.listing(obj).parameters
    required = {name for name, parameter in parameters.items() if parameter.get("required")}
    for filled in asked(obj):
        assert required <= filled <= parameters.keys()
    assert set(re.findall(r"{(\w+)}", obj.listing.path)) <= required
    assert obj.listing.given_as.keys() <= parameters.keys()


@each_object
def test_fixed_values_are_among_those_that_the_contract_allows(obj: Object, api: Contract) -> None:
    parameters = api.listing(obj).parameters
    fixed = {name: (value,) for name, value in obj.listing.query.items()} | dict(obj.each)
    for name, values in fixed.items():
        allowed = parameters[re.sub(r"\.\d+$", "", name)]["schema"].get("enum")
        assert allowed is None or set(values) <= set(allowed)


def test_audience_types_are_those_that_audiences_have(api: Contract) -> None:
    audiences = api.listing(by_name["Audiences"])
    allowed = (audiences.fields(by_name["Audiences"]) or {})["audienceType"]["enum"]
    assert by_name["SupportedAudienceDestinations"].each["audienceType"] == tuple(allowed)
    for parent in by_name["AudienceSchedules"].parents:
        assert set(parent.where["audience_type"]) <= set(allowed)


@each_object
def test_paging_is_of_the_contracts_kind_and_of_its_largest_size(obj: Object, api: Contract) -> None:
    assert obj.listing.paging is paging(api.listing(obj))
    sizes = set(api.listing(obj).sizes.values())
    assert not sizes or sizes == {obj.listing.page_size}


def paging(operation: Operation) -> Paging:
    match sorted(operation.sizes):
        case []:
            return Paging.NONE
        case ["pagination.count"]:
            return Paging.CURSOR
        case ["count"]:
            return Paging.BARE
        case names:
            assert {name.removesuffix("Pagination.count") for name in names} <= operation.data.keys()
            return Paging.EACH


@each_object
def test_stability_features_permissions_and_rates_are_the_contracts(obj: Object, api: Contract) -> None:
    listing, detail = api.listing(obj).spec, api.detail(obj)
    assert obj.stability == listing["x-stability"]
    assert obj.features == tuple(listing.get("x-requires-feature", ()))
    assert obj.permissions == tuple(listing.get("x-requires-permission", ()))
    assert obj.listing.rate == listing.get("x-rate-limit-per-minute")
    if detail and obj.detail:
        assert obj.detail.rate == detail.spec.get("x-rate-limit-per-minute")


@each_object
def test_the_get_by_id_is_addressed_by_columns(obj: Object, api: Contract) -> None:
    detail = api.detail(obj)
    if detail and obj.detail:
        assert obj.detail.path == detail.path
        assert obj.detail.params.keys() == set(re.findall(r"{(\w+)}", detail.path))
        for column in obj.detail.params.values():
            assert obj.column(column)


@each_object
def test_writes_are_those_of_the_table_and_exist(obj: Object, api: Contract) -> None:
    cell = api.table[obj.name]["Writes"]
    told = [re.sub(r"^(C|U|D|sub): ", "", write) for write in cell.split("<br>")] if cell != "-" else []
    assert list(obj.writes) == told
    for write in obj.writes:
        method, path = write.split(" ")
        assert method.lower() in api.document["paths"][path]


@each_object
def test_audit_events_are_those_of_the_table_and_of_the_writes(obj: Object, api: Contract) -> None:
    cell = api.table[obj.name]["Audit events named on the writes"]
    assert list(obj.events) == ([] if cell == "-" else cell.split("; "))
    named = set[str]()
    for write in obj.writes:
        method, path = write.split(" ")
        named |= set(api.document["paths"][path][method.lower()].get("x-audit-events", ()))
    assert set(obj.events) <= named


@each_object
def test_keys_are_those_of_the_table(obj: Object, api: Contract) -> None:
    words = re.findall(r"[a-z]\w*", api.table[obj.name]["Key"].replace("within", ""))
    named = {snake_case(word) for word in words}
    assert set(obj.key) == JUDGED_KEYS.get(obj.name, named)
