"""Databases that cannot serve us, or no longer do: one sentence, nothing half-written, no password in it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url, text

from tests import databases
from tests.cli.running import Run
from tests.cli.test_replicate import rows
from tests.databases import Database

PASSWORD = "hunter22-hunter22"


def admin(kind: str) -> URL:
    try:
        return databases.server(kind)
    except databases.NoServer as error:
        pytest.skip(str(error))


def perform(url: URL | str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def user_without_rights(database: Database) -> Iterator[str]:
    """The URL of a user who may do no more than connect (and, on MariaDB, read)."""
    name = f"replicator_test_{secrets.token_hex(4)}"
    server, url = admin(database.kind), make_url(database.url)
    if database.kind == "postgresql":
        make: tuple[str, ...] = (f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",)
        drop = f"DROP ROLE {name}"
        perform(database.url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    else:
        make = (f"CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'", f"GRANT SELECT ON {url.database}.* TO {name}@'%'")
        drop = f"DROP USER {name}@'%'"
    perform(server, *make)
    try:
        yield url.set(username=name, password=PASSWORD).render_as_string(hide_password=False)
    finally:
        perform(server, drop)


@contextmanager
def encoded(encoding: str) -> Iterator[str]:
    """A PostgreSQL database of that encoding."""
    name, server = f"replicator_test_{secrets.token_hex(8)}", admin("postgresql")
    perform(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        perform(server, f"DROP DATABASE {name} WITH (FORCE)")


def tables(database: Database) -> set[str]:
    from sqlalchemy import inspect

    engine = create_engine(database.url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())


def test_a_user_without_rights_is_told_which_to_ask_for(replicator: Run, database: Database) -> None:
    if database.kind == "sqlite":
        outcome = replicator("replicate", "Labels", "--region", "sandbox", "--target", "sqlite:////proc/replica.db")
        assert "Cannot use SQLite file /proc/replica.db: " in outcome.error
        assert outcome.code == 1
        return
    with user_without_rights(database) as url:
        outcome = replicator("replicate", "Labels", "--region", "sandbox", "--target", url)
        checked = replicator("check", "Labels", "--region", "sandbox", "--target", url)
        applied = replicator("schema", "apply", "Labels", "--target", url)
    assert "the user lacks a right there" in outcome.error
    assert "the user lacks a right there" in applied.error
    assert outcome.code == applied.code == checked.code == 1
    assert "may not make tables" in checked.out
    assert "the user lacks a right there" in checked.out
    assert PASSWORD not in outcome.err + outcome.out + checked.out + checked.err
    assert tables(database) == set()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_charset_is_refused(replicator: Run, encoding: str) -> None:
    with encoded(encoding) as url:
        outcome = replicator("replicate", "--region", "sandbox", "--target", url)
        checked = replicator("check", "Labels", "--region", "sandbox", "--target", url)
    told = f"The database's encoding is {encoding}, which cannot hold every name: create it with ENCODING 'UTF8'."
    assert outcome.error == told
    assert told in checked.out
    assert outcome.code == checked.code == 1


def test_a_read_only_database_is_told_apart(replicator: Run) -> None:
    with encoded("UTF8") as url:
        perform(url, f"ALTER DATABASE {make_url(url).database} SET default_transaction_read_only = on")
        outcome = replicator("replicate", "Labels", "--region", "sandbox", "--target", url)
    assert "it is read-only: connect to the primary" in outcome.error
    assert outcome.code == 1


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_is_not_there_is_told(replicator: Run, kind: str) -> None:
    url = admin(kind).set(database="replicator_test_nowhere").render_as_string(hide_password=False)
    outcome = replicator("replicate", "Labels", "--region", "sandbox", "--target", url)
    assert "does not exist" in outcome.error
    assert outcome.code == 1


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(replicator: Run, folder: Path) -> None:
    """The limit of a file's size stands in for the disk's end."""
    words = ["replicate", "AuditEvents", "Suppressions", "--region", "sandbox"]
    replicator("schema", "apply", *words[1:3])
    blocks = (folder / "replica.db").stat().st_size // 1024 + 60
    limited = ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "-", sys.executable, "-m", "replicator", *words]
    done = subprocess.run(limited, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env=os.environ)
    assert done.returncode == 1, done.stdout
    assert "Cannot use SQLite file replica.db: " in done.stderr
    assert "disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM suppressions") in ([(0,)], [(600,)])
    assert replicator(*words).code == 0
    assert rows("sqlite:///replica.db", "SELECT count(*) FROM suppressions") == [(600,)]


def test_a_file_that_is_no_database_is_refused(replicator: Run, folder: Path) -> None:
    (folder / "replica.db").write_text("not a database, and longer than the header of one would be" * 10)
    outcome = replicator("replicate", "--region", "sandbox")
    assert "the file is not a SQLite database: name another file" in outcome.error
    assert outcome.code == 1


def test_a_table_that_somebody_altered_fails_alone_and_is_named(replicator: Run, target_url: str) -> None:
    words = ("Users", "Roles", "--target", target_url)
    assert replicator("replicate", *words, "--region", "sandbox").code == 0
    perform(target_url, "ALTER TABLE users RENAME COLUMN id TO my_id")
    outcome = replicator("replicate", *words, "--region", "sandbox")
    assert outcome.code == 3
    assert "table users has lost its primary key column id. Change it back, or rename the table" in outcome.out
    assert rows(target_url, "SELECT count(*) FROM users") == [(11,)]
    for verb in (("check", "--region", "sandbox"), ("schema", "plan")):
        assert "table users has lost its primary key column id" in replicator(*verb, *words).out


def test_bookkeeping_of_a_newer_program_is_left_alone(replicator: Run) -> None:
    assert replicator("replicate", "Labels", "--region", "sandbox").code == 0
    perform("sqlite:///replica.db", "UPDATE _replicator_alembic_version SET version_num = '9999'")
    for verb in (("replicate", "--region", "sandbox"), ("status",), ("runs",), ("schema", "apply")):
        outcome = replicator(*verb)
        assert "a newer segment-replicator wrote it. Upgrade this installation." in outcome.error
        assert outcome.code == 2


def test_a_bookkeeping_table_that_somebody_dropped_is_named(replicator: Run, database: Database) -> None:
    words = ("Labels", "--region", "sandbox", "--target", database.url)
    assert replicator("replicate", *words).code == 0
    leases = "replicator.leases" if database.kind == "postgresql" else "_replicator_leases"
    perform(database.url, f"DROP TABLE {leases}")
    outcome = replicator("replicate", *words)
    assert "a table is missing that an earlier run made" in outcome.error
    assert "drop the bookkeeping whole" in outcome.error
    assert outcome.code == 1
    told = replicator("check", *words)
    assert (
        f"Missing in {told.out.partition('Missing in ')[2].partition(': ')[0]}: {leases.rsplit('.', maxsplit=1)[-1]}."
        in told.out
    )
    assert told.code != 0
