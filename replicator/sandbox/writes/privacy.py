"""Regulations: filed, and never changed or taken back. They suppress at once, and take a day to be finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write
from replicator.sandbox.content.privacy import SUPPRESSED_AT, filed, suppression, suppression_id, suppressions
from replicator.sandbox.content.sources import sources
from replicator.sandbox.moments import with_micros
from replicator.sandbox.routing import STABLE, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_SUBJECTS = {"USER_ID": "userId", "ANONYMOUS_ID": "anonymousId", "OBJECT_ID": "objectId"}


def file_for_workspace(world: World, call: Call) -> Mapping[str, Any]:
    return _file(world, call, "")


def file_for_source(world: World, call: Call) -> Mapping[str, Any]:
    world.table(sources).get(call.ids[0])
    return _file(world, call, call.ids[0])


def _file(world: World, call: Call, source: str) -> Mapping[str, Any]:
    kind, asked = call.body["regulationType"], call.body["subjectIds"]
    subjects = [suppression(_SUBJECTS[call.body["subjectType"]], subject) for subject in dict.fromkeys(asked)]
    done = True
    if kind == "UNSUPPRESS":
        done = _unsuppress(world, subjects, source)
    elif kind.startswith("SUPPRESS"):
        _suppress(world, subjects, source)
    now = world.now()
    made = int(now.timestamp()) * 1_000_000 + now.microsecond
    table = world.table(filed)
    regulation = {
        "id": table.new_id(),
        "subjectType": call.body["subjectType"],
        "subjects": asked,
        "createdAt": with_micros(made),
        "regulationType": kind,
        "made": made,
        "outcome": "FINISHED" if done else "FAILED",
        "source": source,
    }
    table.add(regulation["id"], regulation, source)
    world.happened(call, "Regulation Created", "regulation", regulation["id"], kind, named=False)
    return {"regulateId": regulation["id"]}


def _suppress(world: World, subjects: Iterable[Record], source: str) -> None:
    """What the workspace suppresses, no source needs to."""
    table = world.table(suppressions)
    for subject in subjects:
        identifier = suppression_id(subject)
        there, by = identifier in table, SUPPRESSED_AT.of(world, identifier)
        wanted = by if there and not by else by | {source} if source else frozenset()
        if wanted != by:
            SUPPRESSED_AT.put(world, identifier, wanted)
        if not there:
            table.add(identifier, subject)


def _unsuppress(world: World, subjects: Iterable[Record], source: str) -> bool:
    """Whether it could be done: a source cannot undo what the workspace suppresses (openapi.json)."""
    table = world.table(suppressions)
    done = True
    for identifier in map(suppression_id, subjects):
        if identifier not in table:
            continue
        by = SUPPRESSED_AT.of(world, identifier)
        if source and not by:
            done = False
            continue
        left = by - {source} if source else frozenset()
        if left != by:
            SUPPRESSED_AT.put(world, identifier, left)
        if not left:
            table.remove(identifier)
    return done


# fmt: off
ROUTES = (
    Route("/regulations", "createWorkspaceRegulation", STABLE, Write(file_for_workspace), limit=600, method="POST"),
    Route("/regulations/sources/{sourceId}", "createSourceRegulation", STABLE,
          Write(file_for_source), limit=600, method="POST"),
    Route("/regulations/cloudsources/{sourceId}", "createCloudSourceRegulation", STABLE,
          Write(file_for_source), limit=600, method="POST"),
)
# fmt: on
