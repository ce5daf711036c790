"""Audiences, their previews, runs and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.calls import Write, walk
from replicator.sandbox.content.spaces import audiences, computed, previews, schedules, spaces, summary
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import invalid
from replicator.sandbox.routing import STABLE, WITHOUT_BETA, Route
from replicator.sandbox.state import Fact

from .computing import changed, computed_anew, made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_KIND = "audience"
#: Seconds that a preview takes.
_PREVIEW = 30
#: How often somebody forced an audience to run.
_RUNS: Fact[int] = Fact("audience runs", lambda _world, _: 0)
_CONFIGS = {"PERIODIC": "interval", "SPECIFIC_DAYS": "days"}


def create(world: World, call: Call) -> Mapping[str, Any]:
    world.table(spaces).get(call.ids[0])
    table, kind = world.table(audiences), call.body["audienceType"]
    audience = made(world, call, table.new_id()) | {
        "definition": call.body["definition"],
        "audienceType": kind,
        "computeCadence": {"type": "BATCH" if kind == "LINKED" else "REALTIME"},
        "size": {"type": "ENTITIES" if kind == "LINKED" else kind, "count": 0},
        **_options(call, {}),
    }
    table.add(audience["id"], audience, call.ids[0])
    world.happened(call, "Audience Created", _KIND, audience["id"], audience["name"])
    return {"audience": summary(computed(world, audience))}


def _options(call: Call, before: Record) -> Record:
    """The lists show `filterByExternalIds` wherever they show options."""
    if "options" not in call.body:
        return {}
    return {"options": {"filterByExternalIds": [], **before.get("options", {}), **call.body["options"]}}


def update(world: World, call: Call) -> Mapping[str, Any]:
    table = world.table(audiences)
    before = table.get(walk(world, call.ids, (spaces, audiences)))
    audience = changed(world, call, before) | _options(call, before)
    if "definition" in call.body:
        audience["definition"] = (before["definition"] or {}) | call.body["definition"]
    table.put(audience["id"], audience)
    world.happened(call, "Audience Modified", _KIND, audience["id"], audience["name"])
    return {"audience": summary(computed(world, audience))}


def delete(world: World, call: Call) -> Mapping[str, Any]:
    """What it has is found under no other path than its own, so nobody sees that any more."""
    table = world.table(audiences)
    audience = table.get(walk(world, call.ids, (spaces, audiences)))
    table.remove(audience["id"])
    world.happened(call, "Audience Deleted", _KIND, audience["id"], audience["name"])
    return {"status": "SUCCESS"}


def create_preview(world: World, call: Call) -> Mapping[str, Any]:
    world.table(spaces).get(call.ids[0])
    table = world.table(previews)
    preview = {
        "id": table.new_id(),
        "audienceType": call.body["audienceType"],
        "definition": call.body["definition"],
        "options": call.body.get("options", {}),
        "status": "RUNNING",
        "until": world.seconds() + _PREVIEW,
    }
    table.add(preview["id"], preview, call.ids[0])
    world.happened(call, "Audience Preview Created", "audience_preview", preview["id"], "")
    return {"audiencePreview": {"id": preview["id"]}}


def _linked(world: World, call: Call) -> Record:
    audience = world.table(audiences).get(walk(world, call.ids[:2], (spaces, audiences)))
    if audience["audienceType"] != "LINKED":
        raise invalid("audienceType", "must be one of [LINKED]")
    return audience


def run(world: World, call: Call) -> Mapping[str, Any]:
    audience = _linked(world, call)
    count = _RUNS.of(world, "")
    _RUNS.put(world, "", count + 1)
    world.table(audiences).put(audience["id"], computed_anew(world, audience))
    world.happened(call, "Audience Run Forced", _KIND, audience["id"], audience["name"])
    return {"run": {"id": Ids.of(world.seed, "audience run", "ksuid")[count]}}


def _schedule(call: Call) -> Record:
    config, strategy = call.body["config"], call.body["strategy"]
    if config is not None and _CONFIGS[strategy] not in config:
        raise invalid(f"config.{_CONFIGS[strategy]}", "is required")
    return {"strategy": strategy, "config": config}


def add_schedule(world: World, call: Call) -> Mapping[str, Any]:
    audience = _linked(world, call)
    table = world.table(schedules)
    given = _schedule(call)
    schedule = {"id": table.new_id(), **given}
    table.add(schedule["id"], schedule, audience["id"])
    world.happened(call, "Audience Schedule Created", _KIND, audience["id"], audience["name"], named=False)
    return {"audienceSchedule": schedule}


def update_schedule(world: World, call: Call) -> Mapping[str, Any]:
    identifier = walk(world, call.ids, (spaces, audiences, schedules))
    schedule = {"id": identifier, **_schedule(call)}
    world.table(schedules).put(identifier, schedule)
    audience = world.table(audiences).get(call.ids[1])
    world.happened(call, "Audience Schedule Modified", _KIND, audience["id"], audience["name"], named=False)
    return {"audienceSchedule": schedule}


def remove_schedule(world: World, call: Call) -> Mapping[str, Any]:
    world.table(schedules).remove(walk(world, call.ids, (spaces, audiences, schedules)))
    audience = world.table(audiences).get(call.ids[1])
    world.happened(call, "Audience Schedule Deleted", _KIND, audience["id"], audience["name"], named=False)
    return {"status": "SUCCESS"}


_AUDIENCES = "/spaces/{spaceId}/audiences"
_SCHEDULES = _AUDIENCES + "/{id}/schedules"

# fmt: off
ROUTES = (
    Route(_AUDIENCES, "createAudience", STABLE, Write(create), limit=50, feature="Audience", method="POST"),
    Route(_AUDIENCES + "/{id}", "updateAudienceForSpace", STABLE,
          Write(update), limit=50, feature="Audience", method="PATCH"),
    Route(_AUDIENCES + "/{id}", "removeAudienceFromSpace", STABLE,
          Write(delete), limit=50, feature="Audience", method="DELETE"),
    Route(_AUDIENCES + "/previews", "createAudiencePreview", STABLE,
          Write(create_preview), limit=5, feature="Audience", method="POST"),
    Route(_AUDIENCES + "/{audienceId}/runs", "forceExecuteAudienceRun", WITHOUT_BETA,
          Write(run), feature="Audience", method="POST"),
    Route(_SCHEDULES, "addAudienceScheduleToAudience", WITHOUT_BETA,
          Write(add_schedule), limit=50, feature="Audience", method="POST"),
    Route(_SCHEDULES + "/{scheduleId}", "updateAudienceScheduleForAudience", WITHOUT_BETA,
          Write(update_schedule), limit=50, feature="Audience", method="PATCH"),
    Route(_SCHEDULES + "/{scheduleId}", "removeAudienceScheduleFromAudience", WITHOUT_BETA,
          Write(remove_schedule), limit=50, feature="Audience", method="DELETE"),
)
# fmt: on
