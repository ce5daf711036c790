"""What must be true after a soak: nothing lost, nothing twice, every value where it belongs, nothing that grows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Engine, inspect, text

from replicator.catalog import select
from replicator.target.database import open_target
from replicator.target.schema import object_table
from tests.scenarios.leaves import Check
from tests.scenarios.walk import Found, Walk

if TYPE_CHECKING:
    from replicator.sandbox import Request, Response

    from .people import Written
    from .processes import Sample
    from .workspace import Workspace

#: What moves visibly: by a listing of its own, or because the audit trail names it. Copies that hang on other records
#: (the name of a source in a warehouse's list) follow with their reread or a whole run.
FOLLOWED = (
    *("Labels", "Users", "UserGroups", "Invites", "Roles", "Suppressions", "AuditEvents", "Transformations"),
    *("Sources", "Destinations", "Warehouses", "TrackingPlans", "TrackingPlanRules"),
    *("SourceFunctions", "DestinationFunctions", "InsertSourceFunctions", "InsertDestinationFunctions"),
)


def walked(workspace: Workspace) -> tuple[dict[str, list[Found]], dict[str, tuple[str, ...]]]:
    """The workspace, read whole and plainly."""

    def asked(request: Request) -> Response:
        return workspace(request)

    walk = Walk(asked, period="", volume={}, summary={})
    found = walk.standing()
    return found, walk.identity


def differences(
    url: str,
    found: Mapping[str, Sequence[Found]],
    identity: Mapping[str, tuple[str, ...]],
    words: Sequence[str],
) -> tuple[list[str], int, int]:
    """Where rows and workspace differ, at most one for each object; how many records and values were compared."""
    problems, records, values = [], 0, 0
    target, engine = open_target(url), sqlalchemy.create_engine(url)
    try:
        for thing in select(words):
            if thing.name not in found:
                continue
            check = Check(thing.name, identity[thing.name])
            with engine.connect() as connection:
                query = text(f"SELECT * FROM {thing.table} WHERE _deleted_at IS NULL")
                rows = [dict(row) for row in connection.execute(query).mappings()]
            table = object_table(target, check.layout)
            with target.reading() as connection:
                chosen = sqlalchemy.select(table).where(table.c._deleted_at.is_(None))
                stored = [dict(row) for row in connection.execute(chosen).mappings()]
            records += len(found[thing.name])
            values += sum(1 for each in found[thing.name] for _ in leaves(each.record))
            try:
                check.holds(found[thing.name], rows, stored)
            except (AssertionError, KeyError, AttributeError) as error:
                problems.append(f"{thing.name}: {type(error).__name__}: {str(error)[:500]}")
    finally:
        target.close()
        engine.dispose()
    return problems, records, values


def leaves(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)
        case _:
            yield value


def lost(written: Written, found: Mapping[str, Sequence[Found]]) -> list[str]:
    """Edits whose value is not what the workspace has at the end, and what was added or deleted in vain."""
    now = _now(found)
    problems = []
    for place in written.here.keys() | written.there.keys():
        wanted = {written.here.get(place), written.there.get(place)} - {None}
        if now.get(place) not in wanted:
            problems.append(f"{place} is {now.get(place)!r}, and {sorted(map(str, wanted))} was written last")
    plans = Counter(each.record["name"] for each in found["TrackingPlans"])
    rules = Counter(str(each.record.get("key")) for each in found["TrackingPlanRules"])
    for name, plan in written.made.items():
        there, wanted_times = (rules if plan else plans)[name], int(name not in written.unmade)
        if there != wanted_times:
            problems.append(f"{name!r} was {'kept' if wanted_times else 'deleted'} here, and is {there} times there")
    return problems


def _now(found: Mapping[str, Sequence[Found]]) -> dict[tuple[str, str, str], Any]:
    now = {}
    for each in found["TrackingPlans"]:
        for column in ("name", "description"):
            now["plan", each.record["id"], column] = each.record.get(column)
    for kind, name in (("source function", "SourceFunctions"), ("function", "DestinationFunctions")):
        for each in found[name]:
            for column in ("code", "description"):
                now[kind, each.record["id"], column] = each.record.get(column)
    for each in found["TrackingPlanRules"]:
        rule = each.record
        key = f"{each.given['trackingPlanId']} {rule['type']} {rule.get('key') or ''} {rule['version']}"
        now["rule", key, "schema"] = (rule.get("jsonSchema") or {}).get("description")
    return now


def twice(written: Written, writes: Iterable[Mapping[str, Any]], program: str) -> list[str]:
    """Values of edits here that more than one write of the program carried into effect."""
    intents = set(written.here.values()) | written.made.keys()
    seen: defaultdict[str, list[str]] = defaultdict(list)
    same: Counter[tuple[str, str, str]] = Counter()
    for each in writes:
        if each["token"] != program or not each["effect"] or each["method"] == "GET":
            continue
        about = f"{each['method']} {each['target']} (request {each['number']})"
        if each["body"]:
            same[each["method"], each["target"], each["body"]] += 1
        # A rule that was made bears its name as key and as description.
        values = {value for value in leaves(json.loads(each["body"] or "null")) if isinstance(value, str)}
        for value in values & intents if each["method"] != "DELETE" else ():
            seen[value].append(about)
    problems = [f"{value!r} took effect by {', '.join(by)}" for value, by in seen.items() if len(by) > 1]
    return problems + [
        f"{method} {target} {body[:200]} took effect {n} times" for (method, target, body), n in same.items() if n > 1
    ]


def books(engine: Engine) -> dict[str, Any]:
    """The ledger: runs by status, quarantine, journal, leftovers."""
    prefix = "replicator." if engine.dialect.name == "postgresql" else "_replicator_"
    with engine.connect() as connection:

        def counted(table: str, column: str) -> dict[str, int]:
            query = text(f"SELECT {column}, count(*) FROM {prefix}{table} GROUP BY {column}")
            return {str(word): int(count) for word, count in connection.execute(query).all()}

        def count(table: str) -> int:
            return int(connection.execute(text(f"SELECT count(*) FROM {prefix}{table}")).scalar_one())

        return {
            "runs": counted("runs", "status"),
            "journal": counted("push_journal", "status"),
            "conflicts": count("conflicts"),
            "checkpoints": count("checkpoints"),
            "quarantine": count("quarantine"),
            "tables": len(inspect(engine).get_table_names()),
        }


def changes(engine: Engine, runs: int) -> list[str]:
    """What the newest runs did to rows."""
    prefix = "replicator." if engine.dialect.name == "postgresql" else "_replicator_"
    with engine.connect() as connection:
        newest = f"SELECT id FROM {prefix}runs ORDER BY started_at DESC LIMIT {runs}"
        ids = [row.id for row in connection.execute(text(newest))]
        query = text(f"SELECT * FROM {prefix}run_objects WHERE run_id = :id AND inserted + updated + deleted > 0")
        found = [row for each in ids for row in connection.execute(query, {"id": each}).mappings()]
    return [f"{each['object']}: {each['inserted']}, {each['updated']}, {each['deleted']}" for each in found]


def growth(samples: Sequence[Sample]) -> dict[str, Any]:
    """Of the daemon that was never killed, after the first fifth of its life: its quarters, and a slope.

    Of what a run opens and closes, only what stays open between runs tells of a leak; runs grow with the workspace.
    """
    warm = samples[len(samples) // 5 :]
    if len(warm) < 8:
        return {}
    quarter = len(warm) // 4
    first, last = warm[:quarter], warm[-quarter:]
    found: dict[str, Any] = {}
    ways: dict[str, Callable[[Sequence[float]], float]] = {
        "megabytes": median,
        **dict.fromkeys(("files", "threads", "connections"), _floor),
    }
    for name, held in ways.items():
        found[name] = {
            "first": round(held([getattr(each, name) for each in first]), 1),
            "last": round(held([getattr(each, name) for each in last]), 1),
            "most": round(max(getattr(each, name) for each in samples), 1),
        }
    found["megabytes"]["an_hour"] = round(_slope(warm) * 3600, 2)
    return found


def _floor(values: Sequence[float]) -> float:
    """What nine of ten looks found at least."""
    return sorted(values)[len(values) // 10]


def _slope(samples: Sequence[Sample]) -> float:
    """MB a second, by least squares."""
    middle = sum(each.seconds for each in samples) / len(samples)
    mean = sum(each.megabytes for each in samples) / len(samples)
    below = sum((each.seconds - middle) ** 2 for each in samples)
    return sum((each.seconds - middle) * (each.megabytes - mean) for each in samples) / below


#: How much the last quarter may hold above the first one.
ALLOWED = {"megabytes": 12.0, "files": 2, "threads": 2, "connections": 2}
#: In its first minutes a process still learns what it will need; a quarter is a few runs, or the pause between two.
ALLOWED_AT_FIRST = ALLOWED | {"megabytes": 40.0, "threads": 20, "files": 10, "connections": 8}


def grown(found: Mapping[str, Any], *, long: bool) -> list[str]:
    return [
        f"{name} grew from {found[name]['first']} to {found[name]['last']}"
        for name, most in (ALLOWED if long else ALLOWED_AT_FIRST).items()
        if name in found and found[name]["last"] - found[name]["first"] > most
    ]
