"""What the API sends, or a table turns out to be, that nobody expected: nothing is lost, each thing is told once."""

from __future__ import annotations

from typing import Any

import pytest

from replicator.selection import selections
from replicator.settings import ObjectSettings
from replicator.target import evolve
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, result


def told(replica: Replica, name: str) -> list[str]:
    rows = replica.books("schema_changes", f"WHERE object = '{name}'")
    return sorted(row["change"] for row in rows if not row["change"].startswith("create table"))


def every_source(change: Any) -> net.Fault:
    def altered(found: dict[str, Any]) -> None:
        for each in found["sources"]:
            change(each)

    return net.data(altered)


def sources(replica: Replica, **asked: Any) -> Any:
    return result(replica.run("Sources", extended="off", **asked), "Sources")


def test_a_new_field_is_kept_and_written_down_once(replica: Replica) -> None:
    replica.network.on("/sources", every_source(lambda each: each.update({"brandNew": 1, "odd\x00\udc00": 2})))
    for _ in range(2):
        assert sources(replica).drift["brandNew"] == "unknown to the catalog"
    first, second = told(replica, "Sources")
    assert first == "field brandNew: unknown to the catalog; kept in _extra"
    assert second.startswith("field odd")
    replica.network.heal()
    replica.network.on("/sources", every_source(lambda each: each.update(another=1)))
    sources(replica)
    assert told(replica, "Sources")[0] == "field another: unknown to the catalog; kept in _extra"
    assert len(told(replica, "Sources")) == 3


@pytest.mark.parametrize("done", [True, False])
def test_a_change_of_the_schema_is_written_down_once_although_its_run_was_cut_short_by_it(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> None:
    sources(replica)
    replica.do("ALTER TABLE sources DROP COLUMN slug")
    apply = evolve.apply

    def cut_short(*told: Any) -> None:
        if done:
            apply(*told)
        raise KeyboardInterrupt

    monkeypatch.setattr(evolve, "apply", cut_short)
    with pytest.raises(KeyboardInterrupt):
        sources(replica)
    monkeypatch.undo()
    for _ in range(2):
        sources(replica)
    assert [change for change in told(replica, "Sources") if "slug" in change] == ["add column slug to table sources"]
    assert all(row["slug"] for row in replica.rows("sources"))


def test_a_field_of_another_type_is_kept_beside_its_column_and_written_down(replica: Replica) -> None:
    sources(replica)
    replica.network.on("/sources", every_source(lambda each: each.update(slug={"text": each["slug"]})))
    sources(replica)
    assert told(replica, "Sources") == ["field slug: an object that its column cannot hold; kept in _extra"]
    assert all("slug" in str(row["_extra"]) for row in replica.rows("sources"))


def test_a_field_that_no_record_has_any_more_leaves_its_column_as_it_was(replica: Replica) -> None:
    sources(replica)
    slugs = {row["id"]: row["slug"] for row in replica.rows("sources")}
    assert len(slugs) > 10
    replica.network.on("/sources", every_source(lambda each: each.pop("slug")))
    counted = sources(replica)
    assert (counted.status, counted.vanished, counted.updated) == ("done", ("slug",), len(slugs))
    assert {row["id"]: row["slug"] for row in replica.rows("sources")} == slugs
    assert sources(replica).updated == 0
    assert told(replica, "Sources") == ["column slug: no record has its field any more; its values are kept"]
    replica.network.heal()
    replica.network.on("/sources", every_source(lambda each: each.update(slug="back")))
    assert sources(replica).vanished == ()
    assert {row["slug"] for row in replica.rows("sources")} == {"back"}


def test_a_field_that_a_few_records_lost_is_lost_with_them(replica: Replica) -> None:
    """No schema has changed: the last records that had it have it no longer."""
    replica.run("Transformations")
    assert 0 < len(replica.rows("transformations")) <= 10

    def altered(found: dict[str, Any]) -> None:
        for each in found["transformations"]:
            del each["enabled"]

    replica.network.on("/transformations", net.data(altered))
    assert result(replica.run("Transformations"), "Transformations").vanished == ()
    assert {row["enabled"] for row in replica.rows("transformations")} == {None}
    assert not [each for each in told(replica, "Transformations") if each.startswith("column")]


def test_what_a_weaker_token_sees_empty_is_told(replica: Replica) -> None:
    sources(replica)
    keys = {row["id"]: row["write_keys"] for row in replica.rows("sources")}
    replica.network.on("/sources", every_source(lambda each: each.update(writeKeys=[])))
    for _ in range(2):
        assert sources(replica).withheld == ("write_keys",)
    assert {row["id"]: row["write_keys"] for row in replica.rows("sources")} == keys
    assert told(replica, "Sources") == [
        "column write_keys: sent empty, as to a token without rights; its values are kept"
    ]


def test_a_column_that_somebody_gave_another_type_is_written_down(replica: Replica) -> None:
    sources(replica)
    replica.do("ALTER TABLE sources DROP COLUMN enabled")
    replica.do("ALTER TABLE sources ADD COLUMN enabled TEXT")
    for _ in range(2):
        assert sources(replica).status == "failed"
    (change,) = told(replica, "Sources")
    assert "of table sources is" in change


@pytest.mark.parametrize("mode", ["drop", "null"])
def test_what_is_masked_has_not_vanished(one: Replica, mode: Any) -> None:
    sources(one)
    mask = {"metadata.name": mode, "name": "null"}
    assert sources(one, selections=selections(objects={"Sources": ObjectSettings(mask=mask)})).vanished == ()


def test_an_empty_listing_says_nothing_about_fields(one: Replica) -> None:
    sources(one)
    one.network.on("/sources", net.listing("sources", lambda found: []))
    assert sources(one).vanished == ()
    assert told(one, "Sources") == []
