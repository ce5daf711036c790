"""One database for a whole sweep, put back to where a flow begins before each of its runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from tests import databases


@dataclass(frozen=True)
class Base:
    """The database; `keep` remembers what it holds now, `restore` makes it hold that again."""

    kind: str
    url: str

    def engine(self) -> Engine:
        """Every process of the sweep is forked: no connection may be open at that moment."""
        return databases.engine(self.url, poolclass=NullPool)

    def keep(self) -> None:
        match self.kind:
            case "sqlite":
                shutil.copy(_file(self.url), _kept(self.url))
            case "postgresql":
                with self.engine().begin() as connection:
                    for schema in _SCHEMAS:
                        connection.execute(text(f"DROP SCHEMA IF EXISTS keep_{schema} CASCADE"))
                        _clone(connection, schema, f"keep_{schema}")
            case _:
                with self.engine().begin() as connection:
                    _keep_beside(connection, str(make_url(self.url).database))

    def restore(self) -> None:
        match self.kind:
            case "sqlite":
                self.empty()
                shutil.copy(_kept(self.url), _file(self.url))
            case "postgresql":
                with self.engine().begin() as connection:
                    for schema in _SCHEMAS:
                        connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
                        _clone(connection, f"keep_{schema}", schema)
            case _:
                with self.engine().begin() as connection:
                    _refill(connection, str(make_url(self.url).database))

    def empty(self) -> None:
        match self.kind:
            case "sqlite":
                for ending in ("", "-wal", "-shm"):
                    Path(f"{_file(self.url)}{ending}").unlink(missing_ok=True)
            case "postgresql":
                with self.engine().begin() as connection:
                    for schema in _SCHEMAS:
                        connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
                    connection.execute(text("CREATE SCHEMA public"))
            case _:
                name = make_url(self.url).database
                with self.engine().connect() as connection:
                    connection.execute(text(f"DROP DATABASE {name}"))
                    connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))


_SCHEMAS = ("public", "replicator")


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Base]:
    with databases.fresh(kind, folder) as fresh:
        base = Base(kind, fresh.url)
        if kind == "postgresql":
            # The client is what dies here, not the server: it need not wait for the disk.
            with base.engine().begin() as connection:
                name = make_url(fresh.url).database
                connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        try:
            yield base
        finally:
            if kind in {"mariadb", "mysql"}:
                with base.engine().connect() as connection:
                    connection.execute(text(f"DROP DATABASE IF EXISTS {make_url(fresh.url).database}_keep"))


def sever(kind: str, url: str) -> None:
    """Ends every connection to that database, from the server's side."""
    engine = databases.engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        if kind == "postgresql":
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"))
            return
        query = "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        for (session,) in connection.execute(text(query)).all():
            with suppress(DBAPIError):  # it has ended meanwhile
                connection.execute(text(f"KILL {session:d}"))


def _file(url: str) -> str:
    return str(make_url(url).database)


def _kept(url: str) -> str:
    return f"{_file(url)}.keep"


def _clone(connection: Connection, schema: str, into: str) -> None:
    connection.execute(text(f"CREATE SCHEMA {into}"))
    for table in inspect(connection).get_table_names(schema=schema):
        connection.execute(text(f"CREATE TABLE {into}.{table} (LIKE {schema}.{table} INCLUDING ALL)"))
        connection.execute(text(f"INSERT INTO {into}.{table} SELECT * FROM {schema}.{table}"))


def _keep_beside(connection: Connection, name: str) -> None:
    connection.execute(text(f"DROP DATABASE IF EXISTS {name}_keep"))
    connection.execute(text(f"CREATE DATABASE {name}_keep CHARACTER SET utf8mb4"))
    for table in inspect(connection).get_table_names():
        connection.execute(text(f"CREATE TABLE {name}_keep.{table} LIKE {name}.{table}"))
        connection.execute(text(f"INSERT INTO {name}_keep.{table} SELECT * FROM {name}.{table}"))


def _refill(connection: Connection, name: str) -> None:
    """By rows where the table is as it was: there, DDL takes twenty times as long."""
    now, kept = _columns(connection, name), _columns(connection, f"{name}_keep")
    for table in now.keys() - kept.keys():
        connection.execute(text(f"DROP TABLE {name}.{table}"))
    for table, columns in kept.items():
        if now.get(table) == columns:
            connection.execute(text(f"DELETE FROM {name}.{table}"))
        else:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}.{table}"))
            connection.execute(text(f"CREATE TABLE {name}.{table} LIKE {name}_keep.{table}"))
        connection.execute(text(f"INSERT INTO {name}.{table} SELECT * FROM {name}_keep.{table}"))


def _columns(connection: Connection, name: str) -> dict[str, list[str]]:
    query = (
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = :name ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(text(query), {"name": name}):
        found.setdefault(table, []).append(column)
    return found
