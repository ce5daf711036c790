"""Who wants messages on which channel, which only these two operations know; and the files of customer insights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from replicator.sandbox.calls import Write
from replicator.sandbox.content.spaces import spaces
from replicator.sandbox.ids import Ids
from replicator.sandbox.moments import moment, parse
from replicator.sandbox.routing import ALPHA, Route
from replicator.sandbox.state import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

#: By space, channel and address.
_SUBSCRIBED: Fact[Record | None] = Fact("messaging subscription", lambda _world, _key: None)
#: By space: the names of the groups, in the order in which they were first named.
_GROUPS: Fact[tuple[str, ...]] = Fact("subscription groups", lambda _world, _space: ())


def _key(space: str, subscriber: Record) -> str:
    return f"{space} {subscriber['type']} {subscriber['key']}"


def replace(world: World, call: Call) -> Mapping[str, Any]:
    space = world.table(spaces).get(call.ids[0])["id"]
    successes: list[Record] = []
    failures: list[Record] = []
    for given in call.body["subscriptions"]:
        if given["type"] == "EMAIL" and "@" not in given["key"]:
            failures.append(given | {"groups": [], "errors": [_error("invalid_key", "The key is no e-mail address")]})
            continue
        groups = [group | {"id": _group(world, space, group["name"])} for group in given.get("groups", ())]
        kept = given | ({"groups": groups} if "groups" in given else {})
        _SUBSCRIBED.put(world, _key(space, given), _stamped(kept, world.stamp()))
        successes.append(kept)
    world.happened(call, "Messaging Subscriptions Replaced", "space", space, "", named=False)
    return {"successes": successes, "failures": failures}


def _group(world: World, space: str, name: str) -> str:
    names = _GROUPS.of(world, space)
    if name not in names:
        names = (*names, name)
        _GROUPS.put(world, space, names)
    return Ids.of(world.seed, f"subscription group {space}", "ksuid")[names.index(name)]


def _stamped(kept: Record, now: str) -> Record:
    groups = [group | {"updatedAt": now} for group in kept.get("groups", ())]
    return kept | {"updatedAt": now} | ({"groups": groups} if "groups" in kept else {})


def _error(code: str, message: str) -> Record:
    return {"code": code, "message": message}


def query(world: World, call: Call) -> Mapping[str, Any]:
    space = world.table(spaces).get(call.ids[0])["id"]
    asked = [(given, _SUBSCRIBED.of(world, _key(space, given))) for given in call.body["subscriptions"]]
    unknown = [_error("not_found", "There is no subscription with this key and type")]
    failures = [given | {"errors": unknown} for given, found in asked if found is None]
    return {"successes": [found for _, found in asked if found], "failures": failures, "errors": []}


def download(world: World, call: Call) -> Mapping[str, Any]:
    """One file for the hour, of a host that does not exist."""
    hour = moment(parse("hour", call.body["hour"]))
    path = f"{world.workspace_id}/{quote(call.body['collectionId'], safe='')}/{hour:%Y/%m/%d/%H}.json.gz"
    return {"download": {"urls": [f"https://customer-insights.segment.example/{path}"]}}


# fmt: off
ROUTES = (
    Route("/spaces/{spaceId}/messaging-subscriptions", "replaceMessagingSubscriptionsInSpaces", ALPHA,
          Write(replace), limit=60, feature="Spaces", method="PUT"),
    Route("/spaces/{spaceId}/messaging-subscriptions/batch", "batchQueryMessagingSubscriptionsForSpace", ALPHA,
          Write(query), feature="Spaces", method="POST"),
    Route("/customer-insights/download", "createDownload", ALPHA, Write(download), method="POST"),
)
# fmt: on
