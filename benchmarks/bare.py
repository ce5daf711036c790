"""The bare limit: each page loaded into a plain table as it comes, in the fastest way that the database has."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from benchmarks.pages import Reader, Row, stored
from benchmarks.workspace import OBJECTS
from replicator.catalog import by_name
from replicator.catalog.model import Type

if TYPE_CHECKING:
    import sqlite3

    import psycopg
    import pymysql

#: So many rows go into one LOAD DATA.
FILE_ROWS = 5_000
_PLAIN = dict.fromkeys(Type, "LONGTEXT")
_TYPES = {
    "sqlite": dict.fromkeys(Type, "TEXT"),
    "postgresql": dict.fromkeys(Type, "text")
    | {Type.TIMESTAMP: "timestamptz", Type.JSON: "jsonb", Type.BOOLEAN: "boolean", Type.NUMBER: "double precision"},
    "mysql": _PLAIN | {Type.BOOLEAN: "BOOLEAN", Type.NUMBER: "DOUBLE"},
}


class Load(Protocol):
    def __call__(self, driver: Any, table: str, pages: Iterable[list[Row]]) -> int: ...


def replicate(reader: Reader, url: str) -> int:
    """Every object into a plain table of its own, one transaction each; returns the rows."""
    kind = urlsplit(url).scheme.partition("+")[0]
    load = LOADS[kind]
    total = 0
    with connected(kind, url) as driver:
        for name in OBJECTS:
            thing = by_name[name]
            columns = ", ".join(f"c{at} {_TYPES[kind][column.type]}" for at, column in enumerate(stored(thing)))
            driver.cursor().execute(f"CREATE TABLE bare_{thing.table} ({columns})")
            total += load(driver, f"bare_{thing.table}", reader.rows(thing))
            driver.commit()
    return total


@contextmanager
def connected(kind: str, url: str) -> Iterator[Any]:
    """A connection of the driver's own. Only the driver that is needed is imported: its time counts."""
    driver = _CONNECTS[kind](url)
    try:
        yield driver
    finally:
        driver.close()


def _open_sqlite(url: str) -> sqlite3.Connection:
    import sqlite3

    driver = sqlite3.connect(url.removeprefix("sqlite:///"))
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute("PRAGMA synchronous = NORMAL")
    return driver


def _open_postgresql(url: str) -> psycopg.Connection[Any]:
    import psycopg

    return psycopg.connect(url.replace("+psycopg", "", 1))


def _open_mysql(url: str) -> pymysql.Connection[Any]:
    import pymysql

    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path[1:].partition("?")[0],
        charset="utf8mb4",
        local_infile=True,
    )


_CONNECTS: dict[str, Callable[[str], Any]] = {
    "sqlite": _open_sqlite,
    "postgresql": _open_postgresql,
    "mysql": _open_mysql,
}


def _sqlite(driver: sqlite3.Connection, table: str, pages: Iterable[list[Row]]) -> int:
    total = 0
    for rows in pages:
        slots = ", ".join("?" * len(rows[0])) if rows else ""
        driver.executemany(f"INSERT INTO {table} VALUES ({slots})", rows)
        total += len(rows)
    return total


def _postgresql(driver: psycopg.Connection[Any], table: str, pages: Iterable[list[Row]]) -> int:
    total = 0
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for rows in pages:
            for row in rows:
                copy.write_row(row)
            total += len(rows)
    return total


def _mysql(driver: pymysql.Connection[Any], table: str, pages: Iterable[list[Row]]) -> int:
    total, waiting = 0, list[Row]()
    for rows in pages:
        waiting += rows
        total += len(rows)
        if len(waiting) >= FILE_ROWS:
            _load_data(driver, table, waiting)
            waiting = []
    _load_data(driver, table, waiting)
    return total


def _load_data(driver: pymysql.Connection[Any], table: str, rows: list[Row]) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tsv") as file, driver.cursor() as cursor:
        file.write("".join(["\t".join(map(_delimited, row)) + "\n" for row in rows]).encode())
        file.flush()
        cursor.execute(f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} CHARACTER SET utf8mb4", (file.name,))


def _delimited(value: Any) -> str:
    if value is None:
        return "\\N"
    if type(value) is str:
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return str(int(value))


LOADS: dict[str, Load] = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
