"""Database servers for tests, and one fresh database in one of them for each test.

Where each server is looked for, in this order:

1. its environment variable (REPLICATOR_TEST_POSTGRES_URL ...): an administrator's URL; set but empty means "none here";
2. its usual port on this machine, with the users that a fresh installation has;
3. a container, when a Docker Engine answers.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tests import containers

ENVIRONMENT = {
    "postgresql": "REPLICATOR_TEST_POSTGRES_URL",
    "mariadb": "REPLICATOR_TEST_MARIADB_URL",
    "mysql": "REPLICATOR_TEST_MYSQL_URL",
}
#: In the password of every user that a test connects as (tests/canaries.py).
PASSWORD_WORD = "PasswordCanary"
LOCAL = {
    "postgresql": (
        "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
        "postgresql+psycopg://postgres:postgres@127.0.0.1:5432/postgres",
        "postgresql+psycopg://root@127.0.0.1:5432/postgres",
    ),
    "mariadb": ("mysql+pymysql://root@127.0.0.1:3306/",),
    "mysql": (),
}


class NoServer(Exception):
    """No server of this kind was found; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Database:
    """One test's own database: empty at first, dropped afterwards."""

    kind: str
    url: str


def kinds() -> list[str]:
    """The kinds that tests are parametrised over; MySQL only where there is one to try."""
    asked = bool(os.environ.get(ENVIRONMENT["mysql"])) or containers.engine_answers()
    return ["sqlite", "postgresql", "mariadb", *(["mysql"] if asked else [])]


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[Database]:
    """A fresh database of this kind, whose user has a password; SQLite's file goes into the folder."""
    if kind == "sqlite":
        yield Database(kind, f"sqlite:///{folder / 'replica.db'}")
        return
    admin = server(kind)
    name = f"replicator_test_{secrets.token_hex(8)}"
    password = f"{PASSWORD_WORD}-{secrets.token_hex(8)}-{PASSWORD_WORD}"
    create, drop = _CREATE_DROP[kind]
    with _connected(admin) as connection:
        create(connection, name, password)
    try:
        url = admin.set(database=name, username=name, password=password)
        yield Database(kind, url.render_as_string(hide_password=False))
    finally:
        with _connected(admin) as connection:
            drop(connection, name)


@cache
def server(kind: str) -> URL:
    """An administrator's URL of a server that answers; raises NoServer."""
    variable = ENVIRONMENT[kind]
    named = os.environ.get(variable)
    if named:
        return make_url(named)
    if named is not None:
        raise NoServer(f"{kind} is not tried: {variable} is set but empty")
    for url in map(make_url, LOCAL[kind]):
        if _answers(url):
            return url
    if containers.engine_answers():
        return make_url(containers.start(kind))
    raise NoServer(
        f"{kind} is not tried: nothing answers on its usual port and no Docker Engine does; start one, "
        f"or set {variable} to the URL of an administrator"
    )


def engine(url: str | URL, **asked: Any) -> Engine:
    """One of the tests' own. Not encrypted: MySQL's driver would read this machine's certificates each time."""
    is_mysql = make_url(url).get_backend_name() in {"mysql", "mariadb"}
    return create_engine(url, connect_args={"ssl_disabled": True} if is_mysql else {}, **asked)


def _answers(url: URL) -> bool:
    try:
        with _connected(url):
            return True
    except SQLAlchemyError:
        return False


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    with engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        yield connection


def _create_postgresql(connection: Connection, name: str, password: str) -> None:
    connection.execute(text(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{password}'"))
    connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' OWNER {name}"))


def _drop_postgresql(connection: Connection, name: str) -> None:
    connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    connection.execute(text(f"DROP ROLE IF EXISTS {name}"))


def _create_mysql(connection: Connection, name: str, password: str) -> None:
    connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    connection.execute(text(f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'"))
    connection.execute(text(f"GRANT ALL ON *.* TO {name}@'%' WITH GRANT OPTION"))


def _drop_mysql(connection: Connection, name: str) -> None:
    """A session that a test left open would hold the drop up for as long as its transaction lasts."""
    query = text("SELECT id FROM information_schema.processlist WHERE db = :name")
    for (session,) in connection.execute(query, {"name": name}).all():
        with suppress(DBAPIError):  # it has ended meanwhile
            connection.execute(text(f"KILL {session:d}"))
    connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
    connection.execute(text(f"DROP USER IF EXISTS {name}@'%'"))


_CREATE_DROP = {
    "postgresql": (_create_postgresql, _drop_postgresql),
    "mariadb": (_create_mysql, _drop_mysql),
    "mysql": (_create_mysql, _drop_mysql),
}
