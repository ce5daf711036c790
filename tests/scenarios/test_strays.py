"""Edits of tables that nobody can write to through Segment's API are found, and nothing else is taken for one."""

from __future__ import annotations

from replicator import masks
from replicator.catalog import OBJECTS
from replicator.edits import Edit
from replicator.options import Options, layout_of
from replicator.run import kept_mask_key
from replicator.strays import Strays, rows
from replicator.target.bookkeeping import bookkeeping
from tests.scenarios.replica import Replica


def found(replica: Replica) -> list[Edit]:
    key = kept_mask_key(replica.target, bookkeeping(replica.target.dialect))
    strays = Strays(replica.target, masks.keyed(key), key)
    layouts = [layout_of(thing, Options(objects=())) for thing in OBJECTS if not thing.editable]
    with replica.target.reading() as connection:
        there = [layout for layout in layouts if rows(replica.target, connection, layout)]
        return [edit for layout in there for edit in strays.of(connection, layout)]


def test_c17_no_row_of_any_object_is_taken_for_edited_that_is_as_it_was_published(replica: Replica) -> None:
    run = replica.run("all", "-usage")
    assert len(run.objects) > 60
    assert found(replica) == []


def test_c17_an_edit_of_a_table_that_cannot_be_written_is_told_with_its_reason(replica: Replica) -> None:
    replica.run("Labels")
    label = replica.rows("labels", "ORDER BY _key")[0]
    replica.do("UPDATE labels SET description = 'Ours' WHERE _key = :key", key=label["_key"])
    (told,) = found(replica)
    assert (told.object, told.id, told.kind) == ("Labels", label["_key"], "update")
    why = "Labels cannot be changed through their table: the edit stays until the record changes in Segment"
    assert told.refused == (why,)
    replica.run("Labels")
    assert [edit.id for edit in found(replica)] == [label["_key"]]
