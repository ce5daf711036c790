"""From an answer's `data` to records, for each shape that the catalog knows, and the get by id."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.catalog.model import Detail, Listing, Paging, Shape
from replicator.errors import NoPath, NotFound, UnexpectedResponse
from replicator.sandbox import Sandbox
from replicator.segment.decode import Broken
from replicator.segment.pages import record
from tests.segment.conftest import Connect
from tests.segment.test_pages import Answers, listing, read, records

SOURCE = Detail(operation="getSource", path="/sources/{sourceId}", item="source", params={"sourceId": "id"})


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_never_sent(connect: Connect, value: str) -> None:
    answers = Answers({"source": {}})
    with pytest.raises(NoPath, match="no path can hold"):
        record(connect(answers), SOURCE, {"sourceId": value}, stability="stable")
    assert answers.targets == []


def test_an_id_that_is_longer_than_a_path_may_be_is_never_sent(connect: Connect) -> None:
    answers = Answers({"source": {}})
    with pytest.raises(NoPath, match="getSource: the record above it has an id of 70000 characters"):
        record(connect(answers), SOURCE, {"sourceId": "E" * 70_000}, stability="stable")
    assert answers.targets == []
    assert record(connect(answers), SOURCE, {"sourceId": "E" * 10_000}, stability="stable") == {}


@pytest.mark.parametrize(
    ("shape", "data", "expected"),
    [
        (Shape.LIST, {"things": [{"id": 1}, {}]}, [{"id": 1}, {}]),
        (Shape.LIST, {"things": [None, 1]}, [Broken(b"null", "it is no object"), Broken(b"1", "it is no object")]),
        (Shape.STRINGS, {"things": ["a@b.c", ""]}, [{"name": "a@b.c"}, {"name": ""}]),
        (Shape.STRINGS, {"things": [{"x": 1}]}, [Broken(b'{"x": 1}', "it is no string")]),
        (Shape.ONE, {"things": {"id": 1}, "beside": 2}, [{"id": 1}]),
        (Shape.ONE, {"things": None}, []),
        (Shape.DATA, {"enabled": True, "schedule": None}, [{"enabled": True, "schedule": None}]),
        (Shape.MAP, {"things": {"a": {"x": 1}, "b": 2}}, [{"name": "a", "value": {"x": 1}}, {"name": "b", "value": 2}]),
        (
            Shape.MAP,
            {"things": [{"name": "a", "x": 1}, "b"]},
            [{"name": "a", "value": {"name": "a", "x": 1}}, {"name": "b", "value": "b"}],
        ),
        (Shape.MAP, {"things": {"name": "a", "x": 1}}, [{"name": "a", "value": {"name": "a", "x": 1}}]),
        (Shape.MAP, {"things": [{"x": 1}]}, [Broken(b'{"x": 1}', "it has no `name`")]),
        (Shape.MAP, {"things": {}}, []),
    ],
)
def test_each_shape_gives_its_records(connect: Connect, shape: Shape, data: Any, expected: list[Any]) -> None:
    items = () if shape is Shape.DATA else ("things",)
    thing = Listing(operation="o", path="/o", items=items, shape=shape, paging=Paging.NONE, scalar="name")
    assert records(connect(Answers(data)), thing) == expected


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("data", [b"{}", b'{"data":null}', {"other": []}, {"things": 7}])
def test_no_shape_takes_an_answer_without_its_records_for_an_empty_page(
    connect: Connect, shape: Shape, data: Any
) -> None:
    items = () if shape is Shape.DATA else ("things",)
    thing = Listing(operation="o", path="/o", items=items, shape=shape, paging=Paging.NONE, scalar="name")
    answers = Answers(data)
    if (shape is Shape.DATA and isinstance(data, dict)) or (shape is Shape.ONE and data == {"things": 7}):
        assert len(records(connect(answers), thing)) == 1
    else:
        with pytest.raises(UnexpectedResponse):
            read(connect(answers), thing)
        assert len(answers.targets) == 3


@pytest.mark.parametrize("shape", [Shape.LIST, Shape.STRINGS, Shape.ONE, Shape.DATA, Shape.MAP, Shape.LISTS])
def test_one_bad_record_never_loses_the_page_of_any_shape(connect: Connect, shape: Shape) -> None:
    bad = {
        Shape.LIST: b'[{"id":"a"},{"v":NaN}]',
        Shape.LISTS: b'[{"id":"a"},{"v":NaN}]',
        Shape.STRINGS: b'["a",NaN]',
        Shape.MAP: b'[{"name":"a"},{"v":NaN}]',
        Shape.ONE: b'{"v":NaN}',
        Shape.DATA: b"NaN",
    }[shape]
    items = () if shape is Shape.DATA else ("things",)
    thing = Listing(operation="o", path="/o", items=items, shape=shape, paging=Paging.NONE, scalar="name")
    (page,) = read(connect(Answers(b'{"data":{"things":%s,"pagination":{"totalEntries":2.0}}}' % bad)), thing)
    assert sum(isinstance(found, Broken) for found in page.records) == 1
    assert len(page.records) == (1 if shape in (Shape.ONE, Shape.DATA) else 2)
    assert (page.plain, page.total) == (False, 2)


def test_a_get_by_id_gives_the_record_and_what_lies_beside_it(connect: Connect) -> None:
    answers = Answers({"source": {"id": "a"}, "trackingPlanId": None})
    assert record(connect(answers), SOURCE, {"sourceId": "a"}, stability="stable") == {
        "id": "a",
        "trackingPlanId": None,
    }
    assert answers.targets == ["/sources/a"]


def test_a_get_by_id_that_answers_null_is_none_and_a_404_is_not_found(connect: Connect) -> None:
    assert record(connect(Answers({"source": None})), SOURCE, {"sourceId": "a"}, stability="stable") is None
    with pytest.raises(NotFound, match=r"GET /sources/nobody%40example\.com: it is not there"):
        record(connect(Sandbox()), SOURCE, {"sourceId": "nobody@example.com"}, stability="stable")


@pytest.mark.parametrize("data", [{}, {"source": []}, {"source": "x"}, b'{"data":null}'])
def test_a_get_by_id_without_its_item_is_an_error(connect: Connect, data: Any) -> None:
    with pytest.raises(UnexpectedResponse):
        record(connect(Answers(data)), SOURCE, {"sourceId": "a"}, stability="stable")


@pytest.mark.parametrize(
    "body", [b'{"data":{"source":{"v":NaN}}}', b'{"data":{"source":{"id":"a"},"trackingPlanId":NaN}}']
)
def test_a_get_by_id_that_is_no_json_is_broken(connect: Connect, body: bytes) -> None:
    assert isinstance(record(connect(Answers(body)), SOURCE, {"sourceId": "a"}, stability="stable"), Broken)


def test_duplicates_and_totals_that_do_not_fit_are_left_to_the_caller(connect: Connect) -> None:
    answers = Answers({"things": [{"id": "a"}, {"id": "a"}], "pagination": {"totalEntries": 7}})
    (page,) = read(connect(answers), listing())
    assert (page.records, page.total) == ([{"id": "a"}] * 2, 7)


@pytest.mark.parametrize("total", [7.0, "7"])
def test_a_total_that_is_written_in_another_way_is_a_count_still(connect: Connect, total: Any) -> None:
    (page,) = read(connect(Answers({"things": [], "pagination": {"totalEntries": total}})), listing())
    assert page.total == 7


@pytest.mark.parametrize("total", [None, "", "many", "-7", "٣", True, -1, 1.5, {}], ids=repr)
def test_a_total_that_is_no_count_is_none(connect: Connect, total: Any) -> None:
    (page,) = read(connect(Answers({"things": [], "pagination": {"totalEntries": total}})), listing())
    assert page.total is None
