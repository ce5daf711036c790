"""A replica under test: one database, one network, runs, and what lies in the tables afterwards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, MetaData, inspect, text

from replicator.catalog import OBJECTS, select
from replicator.catalog.model import Object
from replicator.rows import Layout
from replicator.run import ObjectResult, Options, RunResult, replicate
from replicator.segment.client import Client, Wait
from replicator.segment.token import Token
from replicator.target.database import Place, Target, open_target
from replicator.target.schema import object_table
from tests import canaries, databases
from tests.scenarios.network import Network

ROWS_BY = ("_run_id", "_synced_at")


@dataclass
class Told:
    """A Progress that remembers, and may be told to do something after so many pages."""

    run_id: str = ""
    partitions: dict[str, int] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    results: dict[str, ObjectResult] = field(default_factory=dict)
    stop_after: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def began(self, run_id: str, objects: Sequence[str]) -> None:
        self.run_id = run_id

    def reading(self, name: str, partitions: int) -> None:
        self.partitions[name] = partitions

    def page(self, name: str, *, rows: int, requests: int, done_partitions: int, total: int | None) -> None:
        self.pages.append(name)
        if self.stop_after and len(self.pages) >= self.stop_after:
            self.stop.set()

    def waiting(self, wait: Wait) -> None: ...

    def finished(self, result: ObjectResult) -> None:
        self.results[result.object] = result


class Replica:
    def __init__(self, url: str, network: Network, *, token: str | None = None, place: Place | None = None) -> None:
        self.url, self.network, self.place = url, network, place
        self.token = token or canaries.TOKEN
        self.engine: Engine = databases.engine(url)
        self.target: Target = open_target(url, place)

    def run(
        self, *words: str, told: Told | None = None, client: Mapping[str, Any] | None = None, **asked: Any
    ) -> RunResult:
        """One run of those objects or groups; it reads what did not move, too, unless `reread` says otherwise."""
        told = told or Told()
        asked = {"reread": timedelta(0), **asked}
        with self.client(told.stop, **(client or {})) as segment:
            options = Options(objects=objects(*words), **asked)
            return replicate(self.target, segment, options, told, told.stop)

    def client(self, stop: threading.Event | None = None, **more: Any) -> Client:
        """Waits cost no time here: what is tried again is tried at once."""
        waits = {"sleep": lambda seconds: None} if "limits" not in more else {}
        return Client(
            base_url="http://127.0.0.1:1",
            token=Token(self.token),
            transport=self.network,
            stop=stop,
            **{**waits, **more},
        )

    def rows(self, table: str, where: str = "") -> list[dict[str, Any]]:
        """The rows as a person would see them, through an engine of our own."""
        with self.engine.connect() as connection:
            found = connection.execute(text(f"SELECT * FROM {table} {where}")).mappings()
            return [dict(row) for row in found]

    def stored(self, layout: Layout) -> list[dict[str, Any]]:
        """The rows as the program reads them."""
        with self.target.reading() as connection:
            found = connection.execute(sqlalchemy.select(object_table(self.target, layout))).mappings()
            return [dict(row) for row in found]

    def live(self, table: str) -> list[dict[str, Any]]:
        return self.rows(table, "WHERE _deleted_at IS NULL")

    def do(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def books(self, name: str, where: str = "") -> list[dict[str, Any]]:
        """The rows of one of the program's own tables."""
        prefix = "replicator." if self.engine.dialect.name == "postgresql" else "_replicator_"
        return self.rows(prefix + name, where)

    def state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.books("object_state", f"WHERE object = '{name}'")[0]
        return found

    def contents(self, *, but: Sequence[str] = ROWS_BY) -> dict[str, list[str]]:
        """Every object table's rows as sorted text, without what differs from run to run."""
        tables = set(inspect(self.engine).get_table_names()) & {thing.table for thing in OBJECTS}
        return {
            table: sorted(repr({k: v for k, v in row.items() if k not in but}) for row in self.rows(table))
            for table in sorted(tables)
        }

    def dump(self) -> str:
        """All that is in the database, wherever it lies."""
        inspector = inspect(self.engine)
        schemas = [s for s in inspector.get_schema_names() if s not in _SERVERS_OWN]
        if self.engine.dialect.name != "postgresql":
            schemas = [inspector.default_schema_name or "main"]
        found = []
        for schema in schemas:
            metadata = MetaData(schema=schema)
            metadata.reflect(self.engine)
            with self.engine.connect() as connection:
                for table in metadata.sorted_tables:
                    found += [f"{table.name} {tuple(row)!r}" for row in connection.execute(table.select())]
        return "\n".join(found)

    def close(self) -> None:
        self.target.close()
        self.engine.dispose()


_SERVERS_OWN = {"information_schema", "pg_catalog", "pg_toast"}


def objects(*words: str) -> tuple[Object, ...]:
    return tuple(select(words))


def result(run: RunResult, name: str) -> ObjectResult:
    return next(each for each in run.objects if each.object == name)


def statuses(run: RunResult) -> dict[str, str]:
    return {each.object: each.status for each in run.objects}
