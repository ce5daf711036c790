"""Our own tables: made, brought up to date, never taken back by an older program."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from replicator.errors import SchemaFrozen, SchemaNewer
from replicator.resources import migrations_path
from replicator.target.bookkeeping import REVISION, bookkeeping, table_name
from replicator.target.database import Target, open_target
from replicator.target.migrate import migrate, upgrade
from tests.databases import Database


@pytest.fixture
def target(database: Database) -> Iterator[Target]:
    opened = open_target(database.url)
    yield opened
    opened.close()


def version_table(target: Target) -> str:
    name = table_name(target.dialect, "alembic_version")
    return f"{target.dialect.schema}.{name}" if target.dialect.schema else name


def test_the_newest_revision_is_the_one_that_the_program_asks_for() -> None:
    assert ScriptDirectory(str(migrations_path())).get_current_head() == REVISION


def test_an_empty_database_gets_the_tables_that_the_program_sees(target: Target) -> None:
    assert migrate(target) is None
    assert migrate(target) == REVISION
    assert _differences(target) == []


def test_the_migrations_make_the_same_tables(target: Target) -> None:
    upgrade(target)
    assert migrate(target) == REVISION
    assert _differences(target) == []


def test_the_migrations_go_on_from_tables_that_were_made_at_once(target: Target) -> None:
    migrate(target)
    upgrade(target)
    assert migrate(target) == REVISION


def _differences(target: Target) -> list[Any]:
    metadata = bookkeeping(target.dialect).metadata
    ours = {table.name for table in metadata.tables.values()}

    def include(name: str | None, kind: str, _parents: Any) -> bool:
        if kind == "schema":
            return name == (target.dialect.schema or None)
        return kind != "table" or name in ours

    with target.reading() as connection:
        options = {"include_schemas": True, "include_name": include, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_an_older_program_refuses_newer_tables(target: Target) -> None:
    migrate(target)
    with target.begin() as connection:
        connection.execute(text(f"UPDATE {version_table(target)} SET version_num = '9999'"))
    with pytest.raises(SchemaNewer, match="revision 9999"):
        migrate(target)


def test_missing_tables_are_not_made_when_that_is_forbidden(target: Target) -> None:
    with pytest.raises(SchemaFrozen, match="replicator schema apply"):
        migrate(target, allowed=False)


@pytest.mark.kinds("mysql", "mariadb")
def test_a_migration_killed_between_two_tables_is_finished_by_the_next(target: Target) -> None:
    """Only where DDL commits by itself; elsewhere a killed migration leaves nothing."""
    migrate(target)
    tables = bookkeeping(target.dialect)
    with target.begin() as connection:
        connection.execute(text(f"DELETE FROM {version_table(target)}"))
        tables.leases.drop(connection)
    assert migrate(target) is None
    assert migrate(target) == REVISION
    with target.reading() as connection:
        assert connection.execute(tables.leases.select()).all() == []


def test_two_processes_may_migrate_at_once(database: Database) -> None:
    failures: list[BaseException] = []

    def go() -> None:
        target = open_target(database.url)
        try:
            migrate(target)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)
        finally:
            target.close()

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
