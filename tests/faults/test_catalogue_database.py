"""The database's half of the catalogue of faults (docs/reliability.md), on each kind of database that has them.

What stops a run leaves its rows as they were; the run after it ends in the rows of the workspace.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, event, make_url, text

from replicator.errors import ReplicatorError
from replicator.sandbox import Request, Response, Sandbox
from replicator.target.database import open_target
from tests import databases
from tests.databases import Database
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, result, statuses

WORDS = ("Transformations", "Labels")
SERVERS = pytest.mark.kinds("postgresql", "mariadb", "mysql")
POSTGRES = pytest.mark.kinds("postgresql")
SQLITE = pytest.mark.kinds("sqlite")


@contextmanager
def on_publishing(replica: Replica, act: Callable[[Any], None], times: int = 1) -> Iterator[list[int]]:
    """Acts on the connection that is about to close the ledger's row of an object, in the publishing transaction."""
    struck: list[int] = []

    def before(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "object_state" in statement and statement.startswith("UPDATE") and len(struck) < times:
            struck.append(1)
            act(connection)

    engine = replica.target.engine
    event.listen(engine, "before_cursor_execute", before)
    try:
        yield struck
    finally:
        event.remove(engine, "before_cursor_execute", before)


def raises(replica: Replica, sqlstate: str, number: int) -> Callable[[Any], None]:
    """The database's own error of that code."""
    statement = {
        "postgresql": f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$",
        "mysql": f"SIGNAL SQLSTATE '{'40001' if number == 1213 else 'HY000'}' SET MYSQL_ERRNO = {number}",
    }[replica.engine.dialect.name]

    def act(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return act


def heals(replica: Replica, before: dict[str, list[str]]) -> None:
    replica.network.heal()
    run = replica.run(*WORDS, full=True)
    assert (run.status, run.exit_code) == ("done", 0), run
    assert replica.contents() == before


def kill_sessions(replica: Replica) -> None:
    """As a restart or a failover of the server does to every session of this database."""
    replica.engine.dispose()
    url = make_url(replica.url)
    engine = create_engine(databases.server(replica.target.server.split()[0].lower()), poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        if url.get_backend_name() == "postgresql":
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            admin.execute(text(query), {"name": url.database}).all()
            return
        mine = "SELECT id FROM information_schema.processlist WHERE db = :name"
        for (session,) in admin.execute(text(mine), {"name": url.database}).all():
            with suppress(Exception):
                admin.execute(text(f"KILL {session}"))


@SERVERS
def test_d1_a_connection_lost_in_the_publishing_transaction_changes_nothing(replica: Replica) -> None:
    replica.run(*WORDS)
    before, rows = replica.contents(), replica.contents(but=())
    replica.network.on("/transformations", net.listing("transformations", lambda found: found[1:]))
    with on_publishing(replica, lambda _: kill_sessions(replica)) as struck:
        run = replica.run("Transformations", full=True)
    assert struck
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "broke" in (run.error or "") or "ended the connection" in (run.error or "")
    assert replica.contents(but=()) == rows
    heals(replica, before)


@SERVERS
def test_d1_a_commit_whose_answer_is_lost_is_found_by_the_next_run(replica: Replica) -> None:
    replica.run(*WORDS)
    replica.network.on("/labels", net.listing("labels", lambda found: found[1:]))
    struck: list[int] = []

    def committed_but_lost(connection: Any) -> None:
        if not struck and connection.info.get("publishes"):
            struck.append(1)
            connection.connection.driver_connection.commit()
            kill_sessions(replica)

    def publishing(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "run_objects" in statement and statement.startswith("INSERT"):
            connection.info["publishes"] = True

    engine = replica.target.engine
    event.listen(engine, "before_cursor_execute", publishing)
    event.listen(engine, "commit", committed_but_lost)
    run = replica.run("Labels", full=True)
    event.remove(engine, "before_cursor_execute", publishing)
    event.remove(engine, "commit", committed_but_lost)
    assert struck
    assert run.status in {"failed", "done"}
    gone = [row["key"] for row in replica.rows("labels", "WHERE _deleted_at IS NOT NULL")]
    assert len(gone) == 1, "it was committed, once"
    replica.network.heal()
    again = replica.run("Labels", full=True)
    assert (again.status, result(again, "Labels").inserted, result(again, "Labels").updated) == ("done", 0, 1)
    assert replica.live("labels") == replica.rows("labels")


CODES = {
    "D2 a deadlock for ever": ("40P01", 1213, "five tries", 99),
    "D3 a lock that is held for too long": ("55P03", 1205, "holds a lock", 1),
    "D4 a full disk": ("53100", 1114, "disk is full", 1),
    "D5 a server that became read-only": ("25006", 1290, "read-only", 1),
    "D6 a right that was taken away": ("42501", 1142, "lacks a right", 1),
    "D25 no connection left": ("53300", 1040, "no connection left", 1),
}


@SERVERS
@pytest.mark.parametrize("name", CODES)
def test_an_error_of_the_server_while_publishing_stops_the_run_and_changes_nothing(replica: Replica, name: str) -> None:
    sqlstate, number, says, times = CODES[name]
    replica.run(*WORDS)
    before, rows = replica.contents(), replica.contents(but=())
    replica.network.on("/transformations", net.listing("transformations", lambda found: found[1:]))
    with on_publishing(replica, raises(replica, sqlstate, number), times) as struck:
        run = replica.run("Transformations", full=True)
    assert len(struck) >= (5 if times > 1 else 1)
    assert (run.status, run.exit_code) == ("failed", 1)
    assert says in (run.error or "")
    assert replica.contents(but=()) == rows
    heals(replica, before)


@SERVERS
def test_d2_a_deadlock_that_passes_is_tried_again(replica: Replica) -> None:
    replica.run(*WORDS)
    replica.network.on("/labels", net.listing("labels", lambda found: found[1:]))
    with on_publishing(replica, raises(replica, "40P01", 1213), 2) as struck:
        run = replica.run("Labels", full=True)
    assert len(struck) == 2
    assert (run.status, result(run, "Labels").deleted) == ("done", 1)
    assert len(replica.rows("labels", "WHERE _deleted_at IS NOT NULL")) == 1


@SERVERS
def test_d3_a_real_lock_of_somebody_else_is_named_and_nothing_changes(replica: Replica) -> None:
    replica.run(*WORDS)
    before, rows = replica.contents(), replica.contents(but=())
    replica.target.engine.dispose()
    postgres = replica.engine.dialect.name == "postgresql"

    @event.listens_for(replica.target.engine, "connect")
    def _impatient(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'" if postgres else "SET SESSION innodb_lock_wait_timeout = 1")
        connection.commit()

    with replica.engine.connect() as other:
        other.execute(text("SELECT * FROM labels FOR UPDATE"))
        replica.network.on("/labels", net.listing("labels", lambda found: found[1:]))
        run = replica.run("Labels", full=True)
        other.rollback()
    assert "holds a lock" in (run.error or "")
    assert replica.contents(but=()) == rows
    heals(replica, before)


@SERVERS
def test_d7_a_server_that_restarts_while_pages_are_read_costs_at_most_this_run(replica: Replica) -> None:
    replica.run(*WORDS)
    before = replica.contents()
    killed: list[str] = []

    def restart(request: Request, answer: Response) -> Response:
        if not killed:
            killed.append(request.target)
            kill_sessions(replica)
        return answer

    replica.network.on("/transformations", restart)
    run = replica.run(*WORDS, full=True)
    assert killed
    assert run.status in {"done", "failed"}
    assert replica.live("transformations") == replica.rows("transformations")
    heals(replica, before)


@SQLITE
def test_d8_a_file_that_another_program_locks_is_named_and_nothing_changes(replica: Replica) -> None:
    replica.run(*WORDS)
    rows = replica.contents(but=())
    replica.target.engine.dispose()

    @event.listens_for(replica.target.engine, "connect")
    def _impatient(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 100")

    holder = sqlite3.connect(make_url(replica.url).database or "", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(ReplicatorError, match="holds the file's lock"):
        replica.run(*WORDS)
    holder.rollback()
    holder.close()
    assert replica.contents(but=()) == rows
    assert replica.run(*WORDS).status == "done"


@SQLITE
def test_d8_a_damaged_file_is_refused(replica: Replica) -> None:
    replica.run("Labels")
    replica.close()
    path = Path(make_url(replica.url).database or "")
    content = bytearray(path.read_bytes())
    content[100 : len(content) // 2] = bytes(len(content) // 2 - 100)
    path.write_bytes(bytes(content))
    with pytest.raises(ReplicatorError, match=r"damaged|not a SQLite database"):
        Replica(replica.url, replica.network).run("Labels")


@pytest.mark.parametrize("hours", [-24, 24])
def test_d10_a_clock_that_is_a_day_off_changes_and_loses_nothing(target_url: str, hours: int) -> None:
    """The API's, that is: ours is the database's, by which all leases go."""
    moment = Sandbox().world.now()
    replica = Replica(target_url, Network(Sandbox(now=lambda: moment)))
    replica.run("AuditEvents", "Labels")
    before = replica.contents()
    shifted = moment + timedelta(hours=hours)
    replica.network.on("*", _dated(shifted.strftime("%a, %d %b %Y %H:%M:%S GMT")))
    for _ in range(2):
        run = replica.run("AuditEvents", "Labels")
        assert (run.status, {(each.inserted, each.updated, each.deleted) for each in run.objects}) == (
            "done",
            {(0, 0, 0)},
        )
    replica.network.heal()
    assert replica.run("AuditEvents", "Labels", full=True).status == "done"
    assert replica.contents() == before
    replica.close()


def _dated(date: str) -> net.Fault:
    return lambda request, answer: Response(answer.status, (*answer.headers, ("Date", date)), answer.body)


ALTERED = {
    "a lost key": "ALTER TABLE labels RENAME COLUMN _key TO my_key",
    "a rule": "ALTER TABLE labels ADD CONSTRAINT mine CHECK (value = 'nothing has it')",
}


@SERVERS
@pytest.mark.parametrize("what", ALTERED)
def test_d11_a_table_that_somebody_altered_stops_its_object_alone(replica: Replica, what: str) -> None:
    replica.run("Transformations")
    replica.run("Labels")
    if what == "a rule":
        replica.do("DELETE FROM labels")
    replica.do(ALTERED[what])
    run = replica.run(*WORDS, full=True)
    assert (run.exit_code, statuses(run)) == (3, {"Labels": "failed", "Transformations": "done"})
    assert ("mine" if what == "a rule" else "labels") in (result(run, "Labels").error or "")


def changed(field: str, value: Any) -> net.Fault:
    def change(found: list[Any]) -> list[Any]:
        found[0][field] = value
        return found

    return net.listing("transformations", change)


DEEP: Any = "leaf"
for _ in range(90):
    DEEP = [DEEP]
VALUES: dict[str, tuple[str, Any]] = {
    "D12 a text that became a number": ("name", 7),
    "D12 a text that became an object": ("name", {"is": "now", "an": ["object"]}),
    "D12 a flag that became a text": ("enabled", "yes"),
    "D14 a NUL": ("name", "a\0b"),
    "D15 a lone surrogate": ("name", "a\ud800b"),
    "D16 an emoji": ("name", "x\N{SNOWMAN}\N{GRINNING FACE}y"),
    "D17 a text of two million characters": ("name", "long " * 400_000),
    "D19 an integer beyond 64 bits": ("brandNew", 2**70),
    "D20 a date that no database has": ("createdAt", "0000-00-00T25:61:00Z"),
    "D20 a date of the year 10000": ("updatedAt", "+10000-01-01T00:00:00Z"),
    "D21 lists in each other": ("fqlDefinedProperties", DEEP),
    "D22 a field with a long name": ("n" * 200, "x"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_no_column_was_made_for_is_kept_and_the_rest_is_right(replica: Replica, name: str) -> None:
    field, value = VALUES[name]
    replica.run(*WORDS)
    before = replica.contents()
    replica.network.on("/transformations", changed(field, value))
    run = replica.run(*WORDS)
    one = result(run, "Transformations")
    assert (run.status, one.deleted, one.updated + one.quarantined) == ("done", 0, 1)
    again = replica.run(*WORDS)
    assert result(again, "Transformations").updated == 0, "it compares equal to itself"
    heals(replica, before)


def test_d18_keys_that_look_alike_stay_apart(replica: Replica) -> None:
    alike = ["Signed Up", "signed up", "Signed Up ", "é", "e\u0301", "a", "a "]
    labels = [{"key": key, "value": "v", "description": ""} for key in alike]
    replica.network.on("/labels", net.listing("labels", lambda _: labels))
    run = replica.run("Labels")
    assert (run.status, result(run, "Labels").inserted, result(run, "Labels").duplicates) == ("done", len(alike), 0)
    assert result(replica.run("Labels"), "Labels").unchanged == len(alike)


def test_d23_two_thousand_fields_of_one_record_need_no_column(replica: Replica) -> None:
    many = {f"field_{at:05}": at for at in range(2500)}
    replica.network.on("/labels", net.listing("labels", lambda found: [found[0] | many, *found[1:]]))
    assert replica.run("Labels").status == "done"
    kept = [
        json.loads(row["_extra"]) if isinstance(row["_extra"], str) else row["_extra"] for row in replica.rows("labels")
    ]
    assert max(len(extra or {}) for extra in kept) >= 2500


@SERVERS
def test_d24_a_page_larger_than_any_packet_is_stored(replica: Replica) -> None:
    """Twenty megabytes, where MariaDB takes sixteen at once."""
    labels = [{"key": f"k{at}", "value": "v", "description": "x" * 2_000_000} for at in range(10)]
    replica.network.on("/labels", net.listing("labels", lambda _: labels))
    run = replica.run("Labels")
    assert (run.status, result(run, "Labels").inserted) == ("done", 10)
    assert {len(row["description"]) for row in replica.rows("labels")} == {2_000_000}


def test_d25_a_run_needs_no_more_connections_than_two_for_each_object_at_once(replica: Replica) -> None:
    """However many requests are under way: four objects, two for each, one for the heartbeat."""
    replica.target.close()
    replica.target = open_target(replica.url, connections=5)
    run = replica.run("core", concurrency=16)
    assert run.status == "done"
    assert replica.target.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # every pool of ours counts


def test_d25_a_pool_without_a_free_connection_is_a_sentence(replica: Replica) -> None:
    replica.target.close()
    replica.target = open_target(replica.url, connections=1)
    replica.target.engine.pool._timeout = 0.1  # type: ignore[attr-defined] # instead of half a minute
    with (
        replica.target.engine.connect(),
        replica.target.engine.connect(),
        pytest.raises(ReplicatorError, match="no connection was free"),
    ):
        replica.run("Labels")


@SQLITE
def test_d26_a_restored_backup_is_brought_up_to_date(replica: Replica, tmp_path: Path) -> None:
    replica.run(*WORDS)
    backup = sqlite3.connect(tmp_path / "backup.db")
    with sqlite3.connect(make_url(replica.url).database or "") as source:
        source.backup(backup)
    source.close()
    renamed = [{"key": "new", "value": "v", "description": ""}]
    replica.network.on("/labels", net.listing("labels", lambda found: found[1:] + renamed))
    replica.run(*WORDS)
    newest = _contents_less_tombstones(replica)
    replica.target.engine.dispose()
    replica.engine.dispose()
    with sqlite3.connect(make_url(replica.url).database or "") as target:
        backup.backup(target)
    target.close()
    backup.close()
    assert replica.run(*WORDS).status == "done"
    assert _contents_less_tombstones(replica) == newest


@POSTGRES
def test_d26_a_restored_copy_is_brought_up_to_date(replica: Replica, database: Database) -> None:
    replica.run(*WORDS)
    replica.target.engine.dispose()
    replica.engine.dispose()
    name, copy = make_url(database.url).database, f"replicator_test_{secrets.token_hex(8)}"
    admin = create_engine(databases.server("postgresql"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {copy} TEMPLATE {name}"))
    try:
        renamed = [{"key": "new", "value": "v", "description": ""}]
        replica.network.on("/labels", net.listing("labels", lambda found: found[1:] + renamed))
        replica.run(*WORDS)
        older = Replica(
            make_url(database.url).set(database=copy).render_as_string(hide_password=False), replica.network
        )
        assert older.run(*WORDS).status == "done"
        assert _contents_less_tombstones(older) == _contents_less_tombstones(replica)
        older.close()
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {copy} WITH (FORCE)"))


def _contents_less_tombstones(replica: Replica) -> dict[str, list[str]]:
    rows = replica.contents(but=("_run_id", "_synced_at", "_fingerprint", "_deleted_at"))
    live = {table: {str(row.get("_key") or row["id"]) for row in replica.live(table)} for table in rows}
    return {table: [each for each in every if any(key in each for key in live[table])] for table, every in rows.items()}
