"""Brings our bookkeeping tables to the newest revision; an older program refuses a newer one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select
from sqlalchemy.schema import CreateSchema

from replicator.errors import SchemaFrozen, SchemaNewer
from replicator.resources import migrations_path
from replicator.target.bookkeeping import REVISION, bookkeeping, table_name

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.database import Target
    from replicator.target.dialects import Dialect

_VERSION_TABLE = "alembic_version"
_QUEUE = "replicator migrations"


def revision(connection: Connection, dialect: Dialect) -> str | None:
    """The revision that the database is at, None before the first."""
    schema = dialect.schema or None
    name = table_name(dialect, _VERSION_TABLE)
    if not inspect(connection).has_table(name, schema=schema):
        return None
    table = _version_table(dialect)
    found: str | None = connection.execute(select(table.c.version_num)).scalar()
    return found


def lost(connection: Connection, dialect: Dialect) -> list[str]:
    """Our own tables that an earlier run made and that somebody dropped or renamed."""
    there = set(inspect(connection).get_table_names(schema=dialect.schema or None))
    return sorted(table.name for table in bookkeeping(dialect).metadata.tables.values() if table.name not in there)


def migrate(target: Target, *, allowed: bool = True) -> str | None:
    """Applies what is missing and returns the revision it found. Raises SchemaNewer, or SchemaFrozen if not allowed."""
    with target.reading() as connection:
        found = revision(connection, target.dialect)
    if found == REVISION:
        return found
    if found is not None and found not in _known():
        raise SchemaNewer(
            f"The bookkeeping in {target.where} is at revision {found}, which this version ({REVISION}) does not know:"
            " a newer segment-replicator wrote it. Upgrade this installation."
        )
    if not allowed:
        raise SchemaFrozen(
            f"The bookkeeping in {target.where} is {'missing' if found is None else 'at revision ' + found}, and the"
            " settings forbid to change it: run `replicator schema apply`."
        )
    if found is not None or not _made(target):
        upgrade(target)
    return found


def _made(target: Target) -> bool:
    """Makes all tables in an empty place, as the migrations would: loading Alembic takes a fifth of a second.

    Where DDL commits, what a killed process leaves of them is finished by the migrations, which take what they find.
    """
    metadata = bookkeeping(target.dialect).metadata
    names = {table.name for table in metadata.tables.values()}
    version = _version_table(target.dialect)
    with target.begin() as connection, target.dialect.queue(connection, _QUEUE):
        inspector, schema = inspect(connection), target.dialect.schema or None
        if not (names | {version.name}).isdisjoint(inspector.get_table_names(schema=schema)):
            return False
        _make_schema(connection, target.dialect)
        metadata.create_all(connection, checkfirst=False)
        version.create(connection)
        connection.execute(insert(version).values(version_num=REVISION))
    return True


def _make_schema(connection: Connection, dialect: Dialect) -> None:
    if dialect.schema and not inspect(connection).has_schema(dialect.schema):
        connection.execute(CreateSchema(dialect.schema))


@lru_cache(maxsize=8)
def _version_table(dialect: Dialect) -> Table:
    """As Alembic makes it. Made once: a statement about another table of its name would be compiled anew, and kept."""
    metadata = MetaData(schema=dialect.schema or None)
    name = table_name(dialect, _VERSION_TABLE)
    key = PrimaryKeyConstraint("version_num", name=f"{name}_pkc")
    return Table(name, metadata, Column("version_num", String(32), nullable=False), key)


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(migrations_path())).walk_revisions()}


def upgrade(target: Target) -> None:
    """Applies the migrations that are missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.attributes |= {"dialect": target.dialect, "version_table": table_name(target.dialect, _VERSION_TABLE)}
    with target.begin() as connection, target.dialect.queue(connection, _QUEUE):
        _make_schema(connection, target.dialect)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
