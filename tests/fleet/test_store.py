"""The fleet's schema: made once by however many at a time, upgraded step by step, and used with few rights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo

from replicator.errors import ConfigError, FleetUnusable, SchemaNewer
from replicator.fleet import store as store_module
from replicator.fleet.queue import Queue, Unit
from replicator.fleet.store import PATIENCE, Store, open_store
from replicator.settings import FleetSettings
from tests.cli.running import InProcess


def functions(url: str, schema: str) -> set[str]:
    query = "SELECT proname FROM pg_proc JOIN pg_namespace ON pronamespace = pg_namespace.oid WHERE nspname = %s"
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(query, [schema])}


def test_processes_that_start_at_once_make_one_schema(fleet_settings: FleetSettings) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(lambda _: open_store(fleet_settings), range(6)))
    for each in opened:
        each.close()
    assert "take_v1" in functions(fleet_settings.queue, "replicator_fleet")
    with psycopg.connect(fleet_settings.queue) as connection:
        assert connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall() == []


def test_a_queue_of_an_older_procrastinate_gets_what_is_missing(fleet_settings: FleetSettings) -> None:
    steps = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    old = [path for path in steps if path.name < "03.02"]
    with psycopg.connect(
        fleet_settings.queue, autocommit=True, options="-c search_path=replicator_fleet"
    ) as connection:
        connection.execute("CREATE SCHEMA replicator_fleet")
        connection.execute("CREATE TABLE steps (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
        for path in old:
            connection.execute(path.read_bytes())
            connection.execute("INSERT INTO steps (name) VALUES (%s)", [path.name])
    open_store(fleet_settings).close()
    upgraded = functions(fleet_settings.queue, "replicator_fleet")
    other = FleetSettings(queue=fleet_settings.queue, schema="fresh")
    open_store(other).close()
    assert upgraded == functions(fleet_settings.queue, "fresh")


def test_a_queue_of_a_newer_version_is_refused(store: Store, fleet_settings: FleetSettings) -> None:
    with store.connection() as connection:
        connection.execute("INSERT INTO steps (name) VALUES ('99.00.00_01_pre_future.sql')")
    with pytest.raises(SchemaNewer, match="upgrade this installation"):
        open_store(fleet_settings)


def test_whoever_may_only_use_the_schema_can_work_with_it(store: Store, fleet_settings: FleetSettings) -> None:
    user, schema = f"{store.schema}_user_{id(store)}", store.schema
    with store.connection() as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'PasswordCanary-x-PasswordCanary'")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user}")
        connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {user}")
    try:
        url = make_conninfo(fleet_settings.queue, user=user, password="PasswordCanary-x-PasswordCanary")
        host, port, name = (psycopg.conninfo.conninfo_to_dict(url)[key] for key in ("host", "port", "dbname"))
        settings = FleetSettings(queue=f"postgresql://{user}:PasswordCanary-x-PasswordCanary@{host}:{port}/{name}")
        queue = Queue(settings)
        assert queue.put(Unit("a", "often", ""))
        queue.close()
        with pytest.raises(FleetUnusable, match=r"docs/fleet\.md says which it needs"):
            open_store(FleetSettings(queue=settings.queue, schema="elsewhere"))
    finally:
        with store.connection() as connection:
            connection.execute(f"DROP OWNED BY {user}")
            connection.execute(f"DROP ROLE {user}")


def test_one_unit_of_a_job_and_connection_waits_at_a_time(store: Store, fleet_settings: FleetSettings) -> None:
    queue, other = Queue(fleet_settings), Queue(fleet_settings)
    assert queue.put(Unit("a", "often", ""))
    assert not other.put(Unit("a", "often", "run"))
    assert other.put(Unit("a", "nightly", ""))
    assert queue.put(Unit("b", "often", ""))
    queue.close()
    other.close()
    with store.connection() as connection:
        rows = connection.execute("SELECT lock, queueing_lock FROM procrastinate_jobs ORDER BY id").fetchall()
    assert rows == [("a", "a often"), ("a", "a nightly"), ("b", "b often")]


def test_a_worker_that_was_not_heard_of_is_gone_and_a_stranger_is_not(store: Store) -> None:
    with store.connection() as connection:
        connection.execute("SELECT beat_v1('quick'), beat_v1('slow')")
        connection.execute(
            "UPDATE workers SET seen_at = seen_at - make_interval(secs => %s) WHERE holder = 'slow'", [PATIENCE]
        )
    assert [store.gone(each) for each in ("quick", "slow", "a daemon")] == [False, True, False]


def test_one_worker_takes_an_attempt_over_until_it_is_gone_itself(store: Store) -> None:
    with store.connection() as connection:
        claims = connection.execute("SELECT claim_v1(7, 0), claim_v1(7, 0), claim_v1(7, 1)").fetchone()
        assert claims == (True, False, True)
        connection.execute("UPDATE takeovers SET at = at - interval '11 seconds'")
        assert connection.execute("SELECT claim_v1(7, 0)").fetchone() == (True,)


def test_without_the_extra_the_sentence_names_it(
    monkeypatch: pytest.MonkeyPatch, fleet_settings: FleetSettings
) -> None:
    monkeypatch.setattr(store_module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'segment-replicator\[fleet\]'"):
        open_store(fleet_settings)


def test_a_queue_that_is_away_is_named_without_its_password(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    secret = "PasswordCanary-away-PasswordCanary"
    (tmp_path / "replicator.toml").write_text(
        f'region = "sandbox"\ntarget = "sqlite:///{tmp_path}/r.db"\n'
        f'[fleet]\nqueue = "postgresql://me:{secret}@127.0.0.1:1/none"\n[jobs.a]\nevery = "1h"\n'
    )
    outcome = InProcess(capsys)("worker", "--config", str(tmp_path / "replicator.toml"))
    assert outcome.code == 1
    assert "The fleet's queue in PostgreSQL database none on 127.0.0.1:1 cannot be reached" in outcome.error


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "The configuration has no fleet"),
        ("[fleet]", "fleet.queue in"),
        ('[fleet]\nschema = "x"', "fleet.queue in"),
        ('[fleet]\nqueue = "mysql://me@host/x"', "must be the URL of a PostgreSQL database"),
        ('[fleet]\nqueue = "postgresql://h/x"\nschema = "a b"', "must be a name of letters, digits and _"),
        ('[fleet]\nqueue = "postgresql://h/x"\nworkers = 3', "there is no such setting"),
    ],
)
def test_a_worker_says_what_is_wrong_with_the_fleet(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, table: str, told: str
) -> None:
    (tmp_path / "replicator.toml").write_text(f'region = "sandbox"\n{table}\n[jobs.a]\nevery = "1h"\n')
    outcome = InProcess(capsys)("worker", "--config", str(tmp_path / "replicator.toml"))
    assert outcome.code == 2
    assert told in outcome.error


def test_what_the_user_has_as_defaults_does_not_matter(fleet_settings: FleetSettings) -> None:
    asked = "?options=-c%20datestyle%3DGerman%20-c%20default_transaction_isolation%3Dserializable"
    opened = open_store(FleetSettings(queue=fleet_settings.queue + asked))
    with closing(opened), opened.connection() as connection:
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
        assert connection.execute("SELECT now() > now() - interval '1 day', now()").fetchone()
