"""A database that fails: one sentence with the next step, and nothing half-written."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, literal, make_url, select, text

from replicator.errors import ConfigError, TargetError, TargetUnusable
from replicator.target.database import open_target
from tests.contract.replica import Replica, plan, plans
from tests.databases import Database, server

Make = Callable[..., Replica]


SERVERS = pytest.mark.kinds("postgresql", "mariadb", "mysql")


def sentence(caught: Any) -> str:
    said = str(caught.value)
    assert "\n" not in said
    assert "pw-canary" not in said
    return said


@SERVERS
def test_a_server_that_is_down_is_named(database: Database) -> None:
    url = make_url(database.url).set(port=1, password="pw-canary").render_as_string(hide_password=False)
    with pytest.raises(TargetUnusable) as caught:
        open_target(url)
    assert "nothing listens there" in sentence(caught)


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_server_that_takes_connections_and_says_nothing_did_not_answer_in_time(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://u:pw-canary@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        began = time.monotonic()
        with pytest.raises(TargetUnusable) as caught:
            open_target(url)
        assert time.monotonic() - began < 6
    assert "did not answer in time" in sentence(caught)


@SERVERS
def test_a_wrong_user_and_a_missing_database_are_told_apart(database: Database) -> None:
    missing = make_url(database.url).set(database="not_there").render_as_string(hide_password=False)
    with pytest.raises(TargetUnusable, match=r"database .*does not exist"):
        open_target(missing)
    wrong = make_url(database.url).set(username="nobody", password="pw-canary").render_as_string(hide_password=False)
    with pytest.raises(TargetUnusable) as caught:
        open_target(wrong)
    assert "user" in sentence(caught)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "oracle://x/y", "sqlite://", "postgresql://u:pw-canary@host:port/x", "sqlite:///no/such/folder/x.db"],
)
def test_an_impossible_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_target(url)
    sentence(caught)


def test_a_file_that_is_no_database_is_refused(tmp_path: Any) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to look at, truly" * 20)
    with pytest.raises(TargetUnusable, match="not a SQLite database"):
        open_target(f"sqlite:///{tmp_path / 'x.db'}")


READ_ONLY = {
    "SQLite": "PRAGMA query_only = 1",
    "PostgreSQL": "SET default_transaction_read_only = on",
    "MySQL": "SET SESSION TRANSACTION READ ONLY",
}


def test_a_read_only_database_stops_the_run(plans_replica: Replica) -> None:
    from sqlalchemy import event

    plans_replica.load(plans(3))
    before = plans_replica.rows()
    plans_replica.target.engine.dispose()

    @event.listens_for(plans_replica.target.engine, "connect")
    def _read_only(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(READ_ONLY[plans_replica.target.dialect.title])
        cursor.close()
        if plans_replica.target.dialect.title == "PostgreSQL":
            connection.commit()

    with pytest.raises(TargetUnusable, match="read-only"):
        plans_replica.load(plans(4))
    assert plans_replica.rows() == before


@pytest.mark.kinds("sqlite")  # the only one that can be told how large it may become
def test_a_full_disk_stops_the_run_and_leaves_the_rows(plans_replica: Replica) -> None:
    from sqlalchemy import event

    plans_replica.load(plans(3))
    before = plans_replica.rows()
    plans_replica.target.engine.dispose()

    @event.listens_for(plans_replica.target.engine, "connect")
    def _small(connection: Any, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    with pytest.raises(TargetUnusable, match="disk is full"):
        plans_replica.load(plans(300, name="x" * 1000))
    assert plans_replica.rows() == before


@pytest.mark.kinds("sqlite")
def test_a_file_that_another_process_writes_is_waited_for(database: Database) -> None:
    other = sqlite3.connect(make_url(database.url).database or "", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE of_another (id)")
    other.execute("BEGIN IMMEDIATE")
    made = threading.Timer(0.5, other.execute, ["COMMIT"])
    made.start()
    try:
        target = open_target(database.url)
        assert made.finished.is_set()
        target.close()
    finally:
        made.join()
        other.close()


KILL = {
    "PostgreSQL": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "MySQL": ("SELECT connection_id()", "KILL {}"),
}


@SERVERS
def test_a_connection_killed_before_the_commit_loses_nothing(plans_replica: Replica, database: Database) -> None:
    title = plans_replica.target.dialect.title
    plans_replica.load(plans(3))
    before = plans_replica.rows()
    admin = create_engine(server(database.kind), isolation_level="AUTOCOMMIT")
    mine, kill = KILL[title]

    def cut(connection: Any, _counts: object) -> None:
        session = connection.execute(text(mine)).scalar()
        with admin.connect() as other:
            other.execute(text(kill.format(session)))

    with pytest.raises(TargetUnusable):
        plans_replica.load(plans(5), also=cut)
    admin.dispose()
    assert plans_replica.rows() == before
    stage = plans_replica.stage()
    assert stage.resumable()[""].done
    assert plans_replica.publish(stage).inserted == 2


@SERVERS
def test_a_deadlock_is_tried_again(plans_replica: Replica) -> None:
    raises = {
        "PostgreSQL": "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$",
        "MySQL": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213",
    }[plans_replica.target.dialect.title]
    tries: list[int] = []

    def deadlock(connection: Any, _counts: object) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            connection.exec_driver_sql(raises)
        return {}

    assert plans_replica.load(plans(3), also=deadlock).inserted == 3
    assert len(tries) == 3
    tries.clear()

    def always(connection: Any, _counts: object) -> None:
        tries.append(1)
        connection.exec_driver_sql(raises)

    with pytest.raises(TargetUnusable, match="five tries"):
        plans_replica.load([plan(9)], also=always, extent="none")
    assert len(tries) == 5


@pytest.mark.kinds("postgresql")
def test_a_value_that_the_driver_refuses_is_no_lost_connection(plans_replica: Replica) -> None:
    """psycopg refuses NUL by itself: no SQLSTATE comes with that."""
    target = plans_replica.target
    with pytest.raises(TargetError) as caught, target.explained(), target.reading() as connection:
        connection.execute(select(literal("a\0b")))
    assert type(caught.value) is TargetError
    assert "refused a statement" in sentence(caught)
