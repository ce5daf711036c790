"""What works before a run is tried: the token, each object, the database; and the next step for each problem.

One request for each object at most, the cheapest there is. Nothing is stored; the right to make tables is tried by
making one and taking it back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from replicator.catalog import with_parents
from replicator.catalog.model import Object, Paging
from replicator.errors import (
    AccessDenied,
    FeatureMissing,
    NotFound,
    ReplicatorError,
    SegmentError,
    Unauthorized,
)
from replicator.extract import shaped
from replicator.partitions import partitions
from replicator.segment.pages import pages

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.options import Options
    from replicator.rows import Layout
    from replicator.segment.client import Client
    from replicator.target.alterations import Altered, SchemaChange
    from replicator.target.database import Target

#: Enough for one of them to be a parent of each kind.
_SAMPLE = 10
#: An object whose limit is this low would keep the run after the check waiting.
SLOW = 2
#: A workspace without any of these is hardly the one that was meant.
_TELLING = ("Sources", "Destinations", "Warehouses", "TrackingPlans")

Readable = Literal["yes", "feature missing", "permission missing", "failed", "no parent", "not asked"]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """Whether this token may read it. `writes` are what the API offers; `why` is for people."""

    object: str
    readable: Readable
    writes: tuple[str, ...]
    why: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceCheck:
    """The workspace that the token opens, and what can be read of it."""

    id: str | None
    name: str | None
    region: str
    objects: tuple[ObjectCheck, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """The database. `revision` is our bookkeeping's, None before the first run; `changes` are what its tables lack.

    All is None of one that was not reached.
    """

    where: str | None = None
    server: str | None = None
    charset: str | None = None
    creates_tables: bool | None = None
    revision: str | None = None
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def check_workspace(
    client: Client,
    region: str,
    objects: Sequence[Object],
    *,
    elsewhere: Callable[[], Client] | None = None,
    slow_too: bool = False,
) -> WorkspaceCheck:
    """`elsewhere` makes a client of the other region, which is asked where this one refuses or has nothing."""
    try:
        workspace = _workspace(client)
    except Unauthorized as error:
        return WorkspaceCheck(None, None, region, problems=(_refused(error, elsewhere),))
    except SegmentError as error:
        return WorkspaceCheck(None, None, region, problems=(str(error),))
    sampled: dict[str, list[Row]] = {}
    checks = tuple(_object(client, thing, sampled, slow_too=slow_too) for thing in with_parents(objects))
    problems = [
        f"{each.object}: {each.why}" for each in checks if each.why and each.readable not in {"no parent", "not asked"}
    ]
    known = [sampled[name] for name in _TELLING if name in sampled]
    if known and not any(known):
        problems += _empty(workspace, elsewhere)
    return WorkspaceCheck(workspace["id"], workspace["name"], region, checks, tuple(problems))


def _workspace(client: Client) -> dict[str, str]:
    answer = client.get("getWorkspace", "/", {}, stability="stable", rate=None)
    found = msgspec.json.decode(answer.body)["data"]["workspace"]
    return {"id": str(found.get("id")), "name": str(found.get("name"))}


def _refused(error: Unauthorized, elsewhere: Callable[[], Client] | None) -> str:
    if elsewhere is None:
        return str(error)
    try:
        with elsewhere() as other:
            found = _workspace(other)
    except SegmentError:
        return f"{error} The other region does not accept it either."
    return f"{error} The other region accepts it, for workspace {found['name']} ({found['id']}): choose that --region."


def _empty(workspace: Row, elsewhere: Callable[[], Client] | None) -> list[str]:
    why = f"Workspace {workspace['name']} has no sources, destinations, warehouses or plans that this token sees."
    if elsewhere is None:
        return [why]
    try:
        with elsewhere() as other:
            found = _workspace(other)
    except SegmentError:
        return [f"{why} The other region does not know the token, so give it a role that sees them, if there are any."]
    whose = f"workspace {found['name']} ({found['id']})"
    return [f"{why} The other region knows the token too, for {whose}: try that --region."]


def _object(client: Client, thing: Object, sampled: dict[str, list[Row]], *, slow_too: bool) -> ObjectCheck:
    rate = thing.listing.rate
    if rate is not None and rate <= SLOW and not slow_too:
        return ObjectCheck(
            thing.name, "not asked", thing.writes, f"only {rate} requests a minute are allowed; --all asks"
        )
    params = _params(thing, sampled)
    if params is None:
        return ObjectCheck(thing.name, "no parent", thing.writes, "no parent to ask it of was found")
    try:
        sampled[thing.name] = _sample(client, thing, params)
    except NotFound:
        return ObjectCheck(thing.name, "yes", thing.writes)
    except FeatureMissing as error:
        return ObjectCheck(thing.name, "feature missing", thing.writes, str(error))
    except AccessDenied as error:
        return ObjectCheck(thing.name, "permission missing", thing.writes, str(error))
    except SegmentError as error:
        if error.stops_everything:
            raise
        return ObjectCheck(thing.name, "failed", thing.writes, str(error))
    return ObjectCheck(thing.name, "yes", thing.writes)


def _params(thing: Object, sampled: Mapping[str, list[Row]]) -> Mapping[str, str] | None:
    """What the object's first listing takes, None where no parent is known."""
    now = datetime.now(UTC)
    rows = {parent.object: sampled.get(parent.object, []) for parent in thing.parents}
    wanted = partitions(thing, rows, (f"{now:%Y-%m}-01",), now)
    return wanted[0].params if wanted else None


def _sample(client: Client, thing: Object, params: Mapping[str, str]) -> list[Row]:
    """The first few records as rows of what names children; a record that cannot be read names none."""
    listing = thing.listing
    if listing.paging is not Paging.NONE:
        listing = replace(listing, page_size=min(_SAMPLE, listing.page_size))
    page = next(pages(client, listing, params, stability=thing.stability))
    records = shaped(thing, [each for each in page.records if isinstance(each, dict)], 0)
    given = {thing.listing.given_as.get(name, name): value for name, value in params.items()}
    return [{column.name: {**given, **each}.get(column.field) for column in thing.columns} for each in records]


def check_target(target: Target, options: Options) -> TargetCheck:
    """The database as it is. One of the wrong version or charset has refused to be opened before."""
    from replicator.options import layouts
    from replicator.target import evolve, migrate
    from replicator.target.alterations import Altered
    from replicator.target.bookkeeping import REVISION

    wanted = layouts(with_parents(options.objects), options).values()
    problems = list(_creates(target))
    creates = not problems
    with target.reading() as connection:
        revision = migrate.revision(connection, target.dialect)
        lost = migrate.lost(connection, target.dialect) if revision == REVISION else []
        changes = evolve.plan(target, connection, wanted, options.history)
    problems += [why for layout in wanted if (why := _misfit(layout, changes, options))]
    if revision is not None:
        try:
            migrate.migrate(target, allowed=False)
        except ReplicatorError as error:
            problems.append(str(error))
    if lost:
        problems.append(
            f"Missing in {target.where}: {', '.join(lost)}. Restore them from a backup, or drop the bookkeeping whole,"
            " so that the next run makes it anew."
        )
    todo = tuple(str(change) for change in changes if not isinstance(change, Altered))
    return TargetCheck(target.where, target.server, "UTF-8", creates, revision, todo, tuple(problems))


def _misfit(layout: Layout, changes: Sequence[SchemaChange | Altered], options: Options) -> str:
    """Why the next run cannot use the object's tables; empty where it can."""
    from replicator.target import evolve

    try:
        evolve.fit(layout, changes, options.policy)
    except ReplicatorError as error:
        return str(error)
    return ""


def _creates(target: Target) -> list[str]:
    """Why no table can be made there; empty where it can."""
    try:
        with target.explained(), target.transaction() as connection:
            _make_and_drop(target, connection)
            connection.rollback()
    except ReplicatorError as error:
        return [str(error)]
    return []


def _make_and_drop(target: Target, connection: Connection) -> None:
    """Takes back what it made by hand too: MySQL commits each DDL statement."""
    from sqlalchemy import Column, MetaData, Table, inspect
    from sqlalchemy.schema import CreateSchema, DropSchema

    from replicator.catalog.model import Type
    from replicator.target.bookkeeping import PREFIX

    schemas = {target.dialect.schema, target.place.schema} - {""} or {""}
    made = [name for name in schemas if name and not inspect(connection).has_schema(name)]
    for name in made:
        connection.execute(CreateSchema(name))
    for schema in {target.dialect.schema, target.place.schema}:
        name = f"{PREFIX}check_{uuid.uuid4().hex[:8]}"
        word = target.dialect.type_of(Type.TEXT, key=True)
        table = Table(name, MetaData(schema=schema or None), Column("id", word, primary_key=True))
        table.create(connection)
        table.drop(connection)
    for name in made:
        connection.execute(DropSchema(name))
