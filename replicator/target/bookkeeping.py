"""Our own tables, as SQLAlchemy sees them; migrations/ makes them. One line each says what may be asked of it.

settings         mask key, the workspace that this database belongs to, what renamed columns are called
runs             one row a run: when, who, how it ended
run_objects      one row an object of a run: counts, requests, seconds, error; the completeness certificate
object_state     one row an object: bookmark, last complete listing, count, set of ids, lock's epoch, held deletions
listings         each partition's last finished listing: when, by which mark, how many records, which ids and pages
details          for what each record's details were read last, and when
checkpoints      where an unfinished listing goes on; empty while nothing is unfinished
quarantine       records that could not be stored, whole, with the reason
schema_changes   what was added to the object tables, and the drift that was seen
leases           who may commit, with an epoch that only grows
push_journal     each write to Segment: what, for which record, before, after, how it ended; committed before it is sent
conflicts        edits that the workspace contradicts, with all three versions, until a person decides
alerts           what needs a person: since when, why, and when it was over
alert_tells      which channel was told what of each, or when it is tried again
decisions        what persons decided: deletions that a run may perform, runs, conflicts; who, when, used by which run
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, Float, MetaData, Table, false

from replicator.catalog.model import Type

if TYPE_CHECKING:
    from replicator.target.dialects import Dialect

#: The newest revision in migrations/versions; a test holds the two together.
REVISION = "0011"
PREFIX = "_replicator_"


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """The tables, by their names."""

    metadata: MetaData
    settings: Table
    runs: Table
    run_objects: Table
    object_state: Table
    listings: Table
    details: Table
    checkpoints: Table
    quarantine: Table
    schema_changes: Table
    leases: Table
    push_journal: Table
    conflicts: Table
    alerts: Table
    alert_tells: Table
    decisions: Table


def table_name(dialect: Dialect, name: str) -> str:
    """Runs -> runs in a schema of ours, _replicator_runs elsewhere."""
    return name if dialect.schema else PREFIX + name


@lru_cache(maxsize=8)
def bookkeeping(dialect: Dialect) -> Bookkeeping:
    """The tables as that dialect has them."""
    metadata = MetaData(schema=dialect.schema or None)
    word, long, moment = dialect.type_of(Type.TEXT, key=True), dialect.type_of(Type.TEXT), dialect.time_type()

    def table(name: str, *columns: Column[Any]) -> Table:
        return Table(table_name(dialect, name), metadata, *columns, **dialect.table_arguments())

    def key(name: str) -> Column[Any]:
        return Column(name, word, primary_key=True)

    def counts(*names: str) -> list[Column[Any]]:
        return [Column(name, BigInteger, nullable=False) for name in names]

    return Bookkeeping(
        metadata,
        settings=table("settings", key("name"), Column("value", long, nullable=False)),
        runs=table(
            "runs",
            key("id"),
            Column("scope", word, nullable=False),
            Column("workspace_id", word),
            Column("mode", word, nullable=False),
            Column("status", word, nullable=False),
            Column("started_at", moment, nullable=False),
            Column("heartbeat_at", moment, nullable=False),
            Column("finished_at", moment),
            *counts("requests", "inserted", "updated", "unchanged", "deleted", "quarantined"),
            Column("holder", word, nullable=False),
            Column("version", word, nullable=False),
            Column("error", long),
            Column("job", word),
        ),
        run_objects=table(
            "run_objects",
            key("run_id"),
            key("object"),
            Column("status", word, nullable=False),
            Column("started_at", moment, nullable=False),
            Column("finished_at", moment),
            *counts("records", "inserted", "updated", "unchanged", "deleted", "quarantined", "duplicates"),
            *counts("partitions", "pages", "requests"),
            Column("seconds", Float, nullable=False),
            Column("complete", Boolean(create_constraint=False), nullable=False),
            Column("ids", word),
            Column("skipped", BigInteger, nullable=False, server_default="0"),
            Column("unseen", long),
            Column("error", long),
            Column("filtered", BigInteger, nullable=False, server_default="0"),
        ),
        object_state=table(
            "object_state",
            key("scope"),
            key("object"),
            Column("status", word, nullable=False),
            Column("bookmark", word),
            Column("listed_at", moment),
            Column("records", BigInteger),
            Column("layout", word),
            Column("listing_began_at", moment),
            Column("run_id", word),
            Column("message", long),
            Column("ids", word),
            Column("epoch", BigInteger),
            Column("going", long),
        ),
        listings=table(
            "listings",
            key("scope"),
            key("object"),
            key("partition"),
            Column("mark", word, nullable=False),
            Column("listed_at", moment),
            *counts("records"),
            Column("ids", word, nullable=False),
            Column("pages", long),
        ),
        details=table(
            "details",
            key("scope"),
            key("object"),
            key("id"),
            Column("listed", word, nullable=False),
            Column("fingerprint", word, nullable=False),
            Column("read_at", moment, nullable=False),
        ),
        checkpoints=table(
            "checkpoints",
            key("scope"),
            key("object"),
            key("partition"),
            Column("cursor", long),
            *counts("position", "pages", "staged"),
            Column("done", Boolean(create_constraint=False), nullable=False),
        ),
        quarantine=table(
            "quarantine",
            key("id"),
            Column("scope", word, nullable=False),
            Column("object", word, nullable=False),
            Column("partition", word),
            Column("reason", long, nullable=False),
            Column("record", long, nullable=False),
            Column("run_id", word, nullable=False),
            Column("seen_at", moment, nullable=False),
        ),
        schema_changes=table(
            "schema_changes",
            key("id"),
            Column("scope", word, nullable=False),
            Column("object", word, nullable=False),
            Column("change", long, nullable=False),
            Column("run_id", word),
            Column("seen_at", moment, nullable=False),
            Column("drift", Boolean(create_constraint=False), nullable=False, server_default=false()),
        ),
        leases=table(
            "leases",
            key("name"),
            Column("epoch", BigInteger, nullable=False),
            Column("run_id", word),
            Column("holder", word),
        ),
        push_journal=table(
            "push_journal",
            key("id"),
            *(Column(name, word, nullable=False) for name in ("scope", "run_id", "object", "record_id", "action")),
            Column("status", word, nullable=False),
            Column("holder", word, nullable=False),
            Column("began_at", moment, nullable=False),
            Column("ended_at", moment),
            *(Column(name, long) for name in ("before", "after", "known_ids", "error")),
            Column("request_id", word),
        ),
        conflicts=table(
            "conflicts",
            key("id"),
            *(Column(name, word, nullable=False) for name in ("scope", "object", "record_id")),
            Column("reason", long, nullable=False),
            *(Column(name, long) for name in ("base", "local", "remote")),
            Column("run_id", word, nullable=False),
            Column("seen_at", moment, nullable=False),
        ),
        alerts=table(
            "alerts",
            key("id"),
            *(Column(name, word, nullable=False) for name in ("scope", "kind", "job", "object", "detail")),
            Column("why", long, nullable=False),
            Column("run_id", word),
            Column("opened_at", moment, nullable=False),
            Column("closed_at", moment),
        ),
        alert_tells=table(
            "alert_tells",
            key("alert_id"),
            key("channel"),
            Column("told", word, nullable=False),
            *counts("attempts"),
            Column("due_at", moment, nullable=False),
            Column("claim", word),
            Column("claimed_at", moment),
            Column("told_at", moment),
            Column("error", long),
        ),
        decisions=table(
            "decisions",
            key("id"),
            *(Column(name, word, nullable=False) for name in ("scope", "kind", "object", "record_id")),
            Column("what", long, nullable=False),
            Column("decided_by", word, nullable=False),
            Column("decided_at", moment, nullable=False),
            Column("used_by", word),
            Column("used_at", moment),
        ),
    )
