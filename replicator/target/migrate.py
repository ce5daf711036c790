"""Brings our bookkeeping tables to the newest revision; an older program refuses a newer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, inspect, select
from sqlalchemy.schema import CreateSchema

from replicator.catalog.model import Type
from replicator.errors import SchemaFrozen, SchemaNewer
from replicator.resources import migrations_path
from replicator.target.bookkeeping import REVISION, table_name

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.database import Target
    from replicator.target.dialects import Dialect

_VERSION_TABLE = "alembic_version"


def revision(connection: Connection, dialect: Dialect) -> str | None:
    """The revision that the database is at, None before the first."""
    schema = dialect.schema or None
    name = table_name(dialect, _VERSION_TABLE)
    if not inspect(connection).has_table(name, schema=schema):
        return None
    table = Table(name, MetaData(schema=schema), Column("version_num", dialect.type_of(Type.TEXT, key=True)))
    found: str | None = connection.execute(select(table.c.version_num)).scalar()
    return found


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
    _upgrade(target)
    return found


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(migrations_path())).walk_revisions()}


def _upgrade(target: Target) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.attributes |= {"dialect": target.dialect, "version_table": table_name(target.dialect, _VERSION_TABLE)}
    with target.begin() as connection, target.dialect.queue(connection, "replicator migrations"):
        if target.dialect.schema and not inspect(connection).has_schema(target.dialect.schema):
            connection.execute(CreateSchema(target.dialect.schema))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
