"""A listing that was cut off goes on or begins anew; who lost the lease cannot commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from replicator.errors import RunLocked
from replicator.target import lease
from replicator.target.schema import object_table
from tests.contract.replica import Replica, another_process, plan, plans

Make = Callable[..., Replica]


def cut_off(replica: Replica, count: int = 10) -> None:
    stage = replica.stage()
    stage.begin(status="reading", listing_began_at=replica.now())
    replica.read(stage, plans(count), page=5, done=False)


def test_a_killed_listing_goes_on_where_it_stopped(plans_replica: Replica) -> None:
    cut_off(plans_replica)
    second = plans_replica.begin_run("run-2")
    stage = second.stage()
    checkpoint = stage.resumable()[""]
    assert (checkpoint.cursor, checkpoint.position, checkpoint.staged, checkpoint.done) == ("page 2", 10, 10, False)
    second.read(stage, plans(15)[10:], staged=checkpoint.staged)
    assert second.publish(stage).inserted == 15
    assert second.stage().resumable() == {}


@pytest.mark.parametrize(
    "loss", ["DELETE FROM {stage} WHERE id = 'plan_0003'", "DELETE FROM {stage}", "DROP TABLE {stage}"]
)
def test_a_stage_that_lost_rows_is_not_gone_on_with(plans_replica: Replica, loss: str) -> None:
    cut_off(plans_replica)
    stage = plans_replica.stage()
    quote = plans_replica.target.engine.dialect.identifier_preparer
    plans_replica.execute(loss.format(stage=quote.format_table(stage.table)))
    assert stage.resumable() == {}
    assert plans_replica.load(plans(3)).inserted == 3


def test_a_run_that_was_taken_over_publishes_nothing_into_an_empty_table_either(plans_replica: Replica) -> None:
    old = plans_replica.staged(plans(6))
    new = plans_replica.take_over("run-2")
    with pytest.raises(RunLocked, match="took over"):
        plans_replica.publish(old)
    assert not new.rows()


def test_a_run_that_was_taken_over_can_neither_stage_nor_publish(plans_replica: Replica) -> None:
    plans_replica.load(plans(5))
    old = plans_replica.staged(plans(6))
    new = plans_replica.take_over("run-2")
    for late in (lambda: plans_replica.read(old, plans(7)), lambda: plans_replica.publish(old), old.begin):
        with pytest.raises(RunLocked, match="took over"):
            late()
    assert new.stage().resumable()[""].staged == 6
    assert len(new.rows()) == 5
    assert new.load(plans(5)).unchanged == 5


def test_a_second_run_is_refused_and_told_who_holds_the_replica(plans_replica: Replica) -> None:
    with pytest.raises(RunLocked, match=r"Run run-1 \(\S+ process \d+, since .* UTC\) is replicating into"):
        lease.acquire(plans_replica.target, plans_replica.books, "run-2")


def test_a_run_whose_process_is_gone_is_taken_over_at_once(plans_replica: Replica) -> None:
    leases = plans_replica.books.leases
    with plans_replica.target.begin() as connection:
        connection.execute(update(leases).values(holder=another_process()))
    assert lease.acquire(plans_replica.target, plans_replica.books, "run-2").epoch == plans_replica.lease.epoch + 1


def _heard_of(replica: Replica, seconds: float, holder: str) -> None:
    """The lease is held by that process, whose last heartbeat is so old by the database's clock."""
    books = replica.books
    with replica.target.begin() as connection:
        beat = replica.target.dialect.now(connection) - timedelta(seconds=seconds)
        connection.execute(update(books.leases).values(holder=holder))
        connection.execute(update(books.runs).values(heartbeat_at=beat, holder=holder))


@pytest.mark.kinds("postgresql", "mariadb", "mysql")
def test_a_run_of_another_machine_is_taken_over_after_ten_seconds_without_a_heartbeat(plans_replica: Replica) -> None:
    elsewhere = "elsewhere process 77 pid:[1]@another-boot abcdef01"
    _heard_of(plans_replica, 5, elsewhere)
    with pytest.raises(RunLocked, match="wait for it to end"):
        lease.acquire(plans_replica.target, plans_replica.books, "run-2")
    _heard_of(plans_replica, 11, elsewhere)
    assert lease.acquire(plans_replica.target, plans_replica.books, "run-2").epoch == plans_replica.lease.epoch + 1


def test_a_run_whose_process_is_seen_to_be_there_is_given_a_minute(plans_replica: Replica) -> None:
    _heard_of(plans_replica, 50, lease.holder())
    with pytest.raises(RunLocked, match="wait for it to end"):
        lease.acquire(plans_replica.target, plans_replica.books, "run-2")
    _heard_of(plans_replica, 61, lease.holder())
    assert lease.acquire(plans_replica.target, plans_replica.books, "run-2").epoch == plans_replica.lease.epoch + 1


def test_of_many_runs_that_begin_at_once_one_gets_the_replica(plans_replica: Replica) -> None:
    with plans_replica.target.begin() as connection:
        connection.execute(plans_replica.books.leases.delete())
    got: list[Any] = []

    def begin(name: str) -> None:
        try:
            got.append(lease.acquire(plans_replica.target, plans_replica.books, "run-1"))
        except RunLocked as refused:
            got.append(refused)

    threads = [threading.Thread(target=begin, args=(f"run-{at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len([each for each in got if isinstance(each, lease.Lease)]) == 1


def test_a_reader_sees_the_old_rows_or_the_new_ones(plans_replica: Replica) -> None:
    plans_replica.load(plans(200, name="old"))
    table = object_table(plans_replica.target, plans_replica.layout)
    query = select(func.count(), func.min(table.c.name), func.max(table.c.name)).where(table.c._deleted_at.is_(None))
    seen, over = set(), threading.Event()

    def read() -> None:
        while not over.is_set():
            with plans_replica.target.reading() as connection:
                seen.add(tuple(connection.execute(query).one()))

    reader = threading.Thread(target=read)
    reader.start()
    plans_replica.load([plan(at, name="new") for at in range(20, 320)])
    over.set()
    reader.join()
    assert seen <= {(200, "old", "old"), (300, "new", "new")}
