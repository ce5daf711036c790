"""Tables that have to be changed while others read them, hold them, or have made something of them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from replicator import tables
from replicator.catalog import by_name
from replicator.errors import RunLocked
from replicator.rows import Layout
from replicator.run import holding
from replicator.target import evolve, lease
from replicator.target.alterations import Altered, SchemaChange
from replicator.target.bookkeeping import Bookkeeping, bookkeeping
from replicator.target.database import Target
from tests.databases import Database
from tests.scenarios.replica import Replica, result


def changes(replica: Replica) -> list[SchemaChange]:
    with replica.target.reading() as connection:
        found = evolve.plan(replica.target, connection, [Layout(by_name["Labels"], by_name["Labels"].columns)])
    return [each for each in found if not isinstance(each, Altered)]


@pytest.mark.kinds("postgresql", "mariadb")
def test_whoever_reads_a_table_that_has_to_be_changed_holds_other_readers_up_for_seconds_only(replica: Replica) -> None:
    replica.run("Sources", extended="off")
    replica.do("ALTER TABLE sources DROP COLUMN slug")
    with replica.target.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM sources")).all()
        going_on = threading.Thread(target=replica.run, args=("Sources",), kwargs={"extended": "off"})
        going_on.start()
        time.sleep(1)
        began = time.monotonic()
        with replica.target.engine.connect() as other:
            other.execute(text("SELECT count(*) FROM sources")).all()
        waited = time.monotonic() - began
        reader.rollback()
    going_on.join()
    assert 1 < waited < 15, "until the change gave way"
    assert all(row["slug"] for row in replica.rows("sources"))


@pytest.mark.kinds("postgresql", "mariadb")
def test_a_table_that_is_held_all_the_time_fails_alone(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replicator.target.database._TRIES", 1)
    replica.run("Sources", "Labels", extended="off")
    replica.do("ALTER TABLE sources DROP COLUMN slug")
    with replica.target.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM sources")).all()
        done = replica.run("Sources", "Labels", extended="off")
    assert result(done, "Labels").status == "done"
    failed = result(done, "Sources")
    assert failed.status == "failed"
    assert "The tables cannot be changed (add column slug to table sources): Cannot change" in str(failed.error)
    assert "somebody reads or locks the table all the time" in str(failed.error)
    assert done.exit_code == 3


@pytest.mark.kinds("postgresql")
def test_a_view_of_a_column_that_has_to_be_widened_fails_that_object_alone(replica: Replica) -> None:
    replica.run("Sources", "Labels", extended="off")
    replica.do("ALTER TABLE sources ALTER COLUMN slug TYPE varchar(50)")
    replica.do("CREATE VIEW slugs AS SELECT slug FROM sources")
    done = replica.run("Sources", "Labels", extended="off")
    assert (result(done, "Sources").status, result(done, "Labels").status) == ("failed", "done")
    assert "widen column slug of table sources" in str(result(done, "Sources").error)


def test_a_run_that_another_one_took_over_from_changes_no_table(replica: Replica) -> None:
    replica.run("Labels")
    replica.do("ALTER TABLE labels DROP COLUMN description")
    todo = changes(replica)
    with holding(replica.target, "test") as (ledger, held):
        stale = replace(held, epoch=held.epoch - 1)
        with pytest.raises(RunLocked, match="took over"):
            tables.changed(replica.target, stale, todo, lambda *_: None)
        assert [str(each) for each in changes(replica)] == ["add column description to table labels"]
        assert tables.changed(replica.target, held, todo, lambda *_: None) == {}
        assert changes(replica) == []
        ledger.withdraw()


def test_a_run_that_waited_for_the_lock_is_not_left_for_dead_by_the_one_before(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.run("Labels")
    acquire, runs = lease.acquire, bookkeeping(replica.target.dialect).runs

    def acquired_late(target: Target, books: Bookkeeping, run_id: str) -> lease.Lease:
        with target.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(status="failed", error="killed"))
        return acquire(target, books, run_id)

    monkeypatch.setattr(lease, "acquire", acquired_late)
    with holding(replica.target, "test") as (ledger, _):
        (row,) = replica.books("runs", f"WHERE id = '{ledger.run_id}'")
        assert (row["status"], row["error"], row["finished_at"]) == ("running", None, None)
        ledger.withdraw()


@pytest.mark.kinds("mariadb", "mysql")
def test_no_lock_of_a_table_is_waited_for_longer_than_a_minute(database: Database, replica: Replica) -> None:
    with replica.target.reading() as connection:
        assert connection.execute(text("SELECT @@lock_wait_timeout")).scalar() == 60
