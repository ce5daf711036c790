"""A server, a database and a user have defaults, which administrators change; a run is the same under any of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import pytest
from sqlalchemy import inspect, make_url

from replicator.errors import TargetUnusable
from tests.contract.replica import plan, plans
from tests.contract.replica import replica as contract_replica
from tests.databases import Database
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, statuses

WORDS = ("AuditEvents", "Sources", "TrackingPlans", "TrackingPlanRules")
POSTGRESQL = (
    ("datestyle", "German"),
    ("quote_all_identifiers", "on"),
    ("standard_conforming_strings", "off"),
    ("timezone", "Asia/Kolkata"),
)
MYSQL = (
    ("sql_mode", "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"),
    ("sql_safe_updates", "1"),
    ("sql_select_limit", "5"),
    ("max_join_size", "1000"),
    ("sql_quote_show_create", "0"),
    ("time_zone", "'+05:30'"),
)


def _with(url: str, default: str, value: str) -> str:
    """The URL of sessions that begin with that default."""
    made = make_url(url)
    query: Mapping[str, str] = {"init_command": f"SET SESSION {default} = {value}"}
    if made.get_backend_name() == "postgresql":
        query = {"options": f"-c {default}={value}"}
    return made.update_query_dict(query).render_as_string(hide_password=False)


def _is_the_same(url: str, one: Replica, network: Network) -> None:
    expected = {each.object: each.inserted for each in one.run(*WORDS).objects}
    with closing(Replica(url, network)) as replica:
        first = replica.run(*WORDS)
        assert {each.object: each.inserted for each in first.objects} == expected
    # Another process finds the tables as they are.
    with closing(Replica(url, network)) as replica:
        again = replica.run(*WORDS, full=True)
        assert set(statuses(again).values()) == {"done"}
        assert not any(each.inserted + each.updated + each.deleted for each in again.objects)


@pytest.mark.kinds("postgresql")
@pytest.mark.parametrize(("default", "value"), POSTGRESQL)
def test_a_run_is_the_same_under_any_default_of_postgresql(
    database: Database, one: Replica, network: Network, default: str, value: str
) -> None:
    _is_the_same(_with(database.url, default, value), one, network)


@pytest.mark.kinds("mariadb", "mysql")
@pytest.mark.parametrize(("default", "value"), MYSQL)
def test_a_run_is_the_same_under_any_default_of_mysql(
    database: Database, one: Replica, network: Network, default: str, value: str
) -> None:
    _is_the_same(_with(database.url, default, value), one, network)


@pytest.mark.kinds("postgresql")
@pytest.mark.parametrize(
    ("default", "value", "told"),
    [
        ("search_path", "nowhere", "no schema of the user's search_path"),
        ("statement_timeout", "1", "statement_timeout"),
    ],
)
def test_a_default_that_forbids_a_run_is_told_with_what_to_do(
    database: Database, network: Network, default: str, value: str, told: str
) -> None:
    try:
        with closing(Replica(_with(database.url, default, value), network)) as replica:
            words = str(replica.run(*WORDS).error)
    except TargetUnusable as error:
        words = str(error)
    assert told in words


@pytest.mark.kinds("postgresql")
@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_a_statement_sees_what_was_committed_before_it_whatever_the_default_is(database: Database, level: str) -> None:
    url = _with(database.url, "default_transaction_isolation", level.replace(" ", "\\ "))
    with closing(contract_replica(url).target) as target, target.transaction() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"


@pytest.mark.kinds("postgresql")
def test_a_number_comes_back_with_all_its_digits_whatever_the_default_is(database: Database) -> None:
    made = contract_replica(_with(database.url, "extra_float_digits", "-15"))
    with closing(made.target):
        made.load([plan(1, ratio=0.1 + 0.2)])
        assert [each["ratio"] for each in made.records()] == [0.1 + 0.2]


@pytest.mark.kinds("mariadb", "mysql")
def test_each_table_has_a_primary_key_as_some_servers_want_it(database: Database) -> None:
    made = contract_replica(database.url)
    with closing(made.target), made.target.reading() as connection:
        made.staged(plans(3))
        tables = inspect(connection).get_table_names()
        keyless = [table for table in tables if not inspect(connection).get_pk_constraint(table)["constrained_columns"]]
        assert len(tables) > 10
        assert not keyless
