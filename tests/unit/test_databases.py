from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, inspect, make_url, text

from tests import databases
from tests.databases import Database, NoServer


def test_each_test_gets_an_empty_database_of_its_own(database: Database) -> None:
    with create_engine(database.url, poolclass=NullPool).begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text("CREATE TABLE plans (name VARCHAR(20))"))
        connection.execute(text("INSERT INTO plans VALUES ('é 😀')"))
        assert connection.execute(text("SELECT name FROM plans")).scalar_one() == "é 😀"


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_goes_away_although_a_test_left_a_transaction_open(kind: str, tmp_path: Path) -> None:
    try:
        admin = databases.server(kind)
    except NoServer as error:
        pytest.skip(str(error))
    with databases.fresh(kind, tmp_path) as database:
        left_open = create_engine(database.url, poolclass=NullPool).connect()
        left_open.execute(text("CREATE TABLE plans (name VARCHAR(20))"))
    left_open.invalidate()
    left_open.close()
    names = {
        "postgresql": "SELECT datname FROM pg_database",
        "mariadb": "SELECT schema_name FROM information_schema.schemata",
    }
    with create_engine(admin, poolclass=NullPool).connect() as connection:
        assert make_url(database.url).database not in connection.execute(text(names[kind])).scalars().all()


def test_an_address_that_is_set_but_empty_means_that_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    databases.server.cache_clear()
    monkeypatch.setenv("REPLICATOR_TEST_POSTGRES_URL", "")
    with pytest.raises(NoServer, match="REPLICATOR_TEST_POSTGRES_URL is set but empty"):
        databases.server("postgresql")


def test_no_setting_of_the_person_who_runs_the_tests_reaches_a_test() -> None:
    ours = [name for name in os.environ if name.startswith(("SEGMENT_", "REPLICATOR_"))]
    assert [name for name in ours if not name.startswith(("REPLICATOR_TEST_", "REPLICATOR_REQUIRE_ALL"))] == []
