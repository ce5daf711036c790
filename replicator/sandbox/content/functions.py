"""Functions of all five kinds, their versions, and the instances of insert functions.

The list shows less than the get: no code, settings, deployedAt, previewWebhookUrl, batchMaxCount or isLatestVersion
(resources.md, "Reads that bite").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicator.sandbox.calls import children, walk
from replicator.sandbox.ids import Ids
from replicator.sandbox.messages import not_found
from replicator.sandbox.moments import BIRTH, DAY, with_millis
from replicator.sandbox.series import Nested, Record, Series, Shown
from replicator.sandbox.state import Fact
from replicator.sandbox.world import World, collection

from . import words
from .sources import source_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.sandbox.calls import Call
    from replicator.sandbox.draws import Draw
    from replicator.sandbox.state import Children

#: The kinds: how they are counted, how their ids begin (only sfnc_ and ifnd_ are known), and where they follow
#: one another in the series of all functions.
KINDS = {
    "SOURCE": ("SourceFunctions", "sfnc_"),
    "DESTINATION": ("DestinationFunctions", "dfnc_"),
    "INSERT_SOURCE": ("InsertSourceFunctions", "ifns_"),
    "INSERT_DESTINATION": ("InsertDestinationFunctions", "ifnd_"),
    "INSERT_TRANSFORMATION": ("InsertTransformationFunctions", "ifnt_"),
}
INSERTED = ("INSERT_SOURCE", "INSERT_DESTINATION", "INSERT_TRANSFORMATION")
#: The display names of these come back with the name of the workspace (resources.md, "Reads that bite").
NAMED_AFTER_WORKSPACE = frozenset({"DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE"})
_ONLY_IN_GET = ("code", "settings", "deployedAt", "previewWebhookUrl", "batchMaxCount", "isLatestVersion")
_NAMES = ("Enrich with CRM", "enrich with CRM", "Geo lookup 🌍", "Hash e-mails", 'Drop "test" users', "Prüfung ")


@collection
def functions(world: World) -> FunctionSeries:
    return FunctionSeries(world)


class FunctionSeries(Series):
    """All functions, kind after kind. The kind stands in the prefix of the id, the place in the rest."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._starts: dict[str, int] = {}
        total = 0
        for kind, (count, _) in KINDS.items():
            self._starts[kind] = total
            total += world.counts[count]
        self._bare = Ids.of(world.seed, "function")
        super().__init__(total, self._function, self._bare)

    def of_kind(self, kind: str) -> range:
        start = self._starts[kind]
        return range(start, start + self._world.counts[KINDS[kind][0]])

    def kind(self, index: int) -> str:
        return next(kind for kind in KINDS if index in self.of_kind(kind))

    def id(self, index: int) -> str:
        return KINDS[self.kind(index)][1] + self._bare[index]

    def catalog_id(self, index: int) -> str:
        return self._bare[index]

    def index_of(self, identifier: str) -> int:
        """Insert functions are known without their prefix too (resources.md, "Reads that bite")."""
        bare = identifier.rpartition("_")[2]
        index = super().index_of(bare)
        if identifier != self.id(index) and (identifier != bare or self.kind(index) not in INSERTED):
            raise not_found("Function")
        return index

    def _function(self, index: int) -> Record:
        kind = self.kind(index)
        world, draw = self._world, self._world.draw("function", index)
        place = index - self._starts[kind]
        name = words.name(draw, _NAMES, place)
        created = BIRTH + draw.below(500 * DAY)
        deployed = place % 3 != 2
        return {
            "id": self.id(index),
            "resourceType": kind,
            "createdAt": with_millis(created, draw.below(1000)),
            "createdBy": Ids.of(world.seed, "user")[draw.below(max(1, world.count("Users")))],
            "displayName": display_name(world, kind, name),
            "description": "" if draw.happens(30) else f"{name}, kept by {draw.pick(words.TEAMS)}.",
            "logoUrl": "https://cdn.acme-outdoors.example/logo.png",
            "catalogId": self.catalog_id(index),
            "code": _code(world, index, len(_versions_of(world, index)) - 1),
            "settings": _settings(draw),
            "deployedAt": with_millis(created + draw.below(90 * DAY)) if deployed else None,
            "previewWebhookUrl": preview_url(kind, self._bare[index]),
            "batchMaxCount": draw.pick((0, 10, 100)) if kind == "DESTINATION" else 0,
            "isLatestVersion": deployed,
            # Live answers have both, no SDK knows them (resources.md, "Reads that bite").
            "workspaceId": world.workspace_id,
            "buildpack": "boreal",
        }


def display_name(world: World, kind: str, name: str) -> str:
    return f"{name} ({world.workspace['name']})" if kind in NAMED_AFTER_WORKSPACE else name


def preview_url(kind: str, bare: str) -> str:
    return f"https://fn.segment.example/{words.FAKE_SECRET}{bare[:8]}" if kind == "SOURCE" else ""


def whole_id(world: World, written: str) -> str:
    """The id with its prefix, without which insert functions are known too; raises the API's 404."""
    table = world.table(functions)
    for prefix in ("", *(KINDS[kind][1] for kind in INSERTED)):
        if prefix + written in table:
            return str(table.get(prefix + written)["id"])
    raise not_found("Function")


def function(world: World, call: Call) -> Record:
    return world.table(functions).get(whole_id(world, call.ids[0]))


def listed(world: World, call: Call) -> Shown:
    """The kind of a function never changes; those that were added are listed under it."""
    kind = call.query.required_choice("resourceType", sorted(KINDS))
    return Shown(world.table(functions).of(kind, functions(world).of_kind(kind)), _brief)


def _brief(function: Record) -> Record:
    return {key: value for key, value in function.items() if key not in _ONLY_IN_GET}


def _settings(draw: Draw) -> list[Record]:
    kinds = ("STRING", "BOOLEAN", "ARRAY", "TEXT_MAP")
    return [
        {
            "name": f"apiKey{place or ''}",
            "label": f"API Key {place or ''}".strip(),
            "description": "Where the tool keeps its “key”",
            "type": kinds[place],
            "required": draw.happens(50),
            "sensitive": place == 0,
        }
        for place in range(draw.below(4))
    ]


def _code(world: World, index: int, version: int) -> str:
    handler = {"SOURCE": "onRequest", "DESTINATION": "onTrack"}.get(functions(world).kind(index), "onTrack")
    return (
        f"// version {version + 1} of function {index + 1}, {words.FAKE_CODE}\n"
        f"async function {handler}(event, settings) {{\n"
        '\tif (!event.userId) throw new EventNotSupported(`no "userId"`);\n'
        "\treturn { ...event, note: 'größer than 50% ✓' };\n"
        "}\n"
    )


def _versions_of(world: World, function: int) -> Sequence[int]:
    each = world.counts["VersionsPerFunction"]
    return range(function * each, (function + 1) * each)


@collection
def versions(world: World) -> Nested:
    ids = Ids.of(world.seed, "function version", "ksuid")
    each = world.counts["VersionsPerFunction"]

    def make(index: int) -> Record:
        function, place = divmod(index, each)
        draw = world.draw("function version", index)
        created = BIRTH + place * 40 * DAY + draw.below(30 * DAY)
        version = {
            "id": ids[index],
            "author": Ids.of(world.seed, "user")[draw.below(max(1, world.count("Users")))],
            "code": _code(world, function, place),
            "isDeployed": place == each - 1,
            "createdAt": with_millis(created),
            "updatedAt": with_millis(created + draw.below(DAY)),
        }
        return version | ({"deployedAt": with_millis(created + 2 * DAY)} if place % 2 == 0 else {})

    return Nested(len(functions(world)), each, make, ids)


def versions_of(world: World, call: Call) -> Children:
    return children(world, functions, whole_id(world, call.ids[0]), versions)


def version(world: World, call: Call) -> Record:
    path = (whole_id(world, call.ids[0]), call.ids[1])
    return world.table(versions).get(walk(world, path, (functions, versions)))


def _last_version(world: World, function: str) -> str | None:
    index, every = world.table(functions).born_index(function), versions(world)
    return None if index is None or not every.each or every.ids is None else every.ids[(index + 1) * every.each - 1]


#: By the id of the function: the version that has its code.
CURRENT: Fact[str | None] = Fact("current version", _last_version)
#: By the id of the function: the version that runs.
DEPLOYED: Fact[str | None] = Fact("deployed version", _last_version)


@collection
def instances(world: World) -> Nested:
    """The instances of insert functions, numbered by all functions: others than insert functions show none."""
    ids = Ids.of(world.seed, "insert function instance")
    each = world.counts["InstancesPerInsertFunction"]
    every = functions(world)

    def make(index: int) -> Record:
        function, place = divmod(index, each)
        draw = world.draw("insert function instance", index)
        created = BIRTH + draw.below(500 * DAY)
        return {
            "id": ids[index],
            "name": f"Instance {place + 1} ({draw.pick(words.STAGES)})",
            "integrationId": _integration(world, every.kind(function), draw),
            # Without the prefix of the function's id (resources.md, "Reads that bite").
            "classId": every.catalog_id(function),
            "enabled": draw.happens(70),
            "createdAt": with_millis(created, draw.below(1000)),
            "updatedAt": with_millis(created + draw.below(90 * DAY), draw.below(1000)),
            "settings": {"endpoint": f"https://hooks.acme-outdoors.example/{words.FAKE_SECRET}"},
            "encryptedSettings": {"apiKey": words.masked(draw)},
        }

    return Nested(len(every), each, make, ids)


def _integration(world: World, kind: str, draw: Draw) -> str:
    """The source that the function stands in front of, else the destination."""
    if kind == "INSERT_SOURCE" or not world.count("Destinations", "Sources"):
        return source_ids(world)[draw.below(max(1, world.count("Sources")))]
    return Ids.of(world.seed, "destination")[draw.below(world.count("Destinations"))]


def instances_of(world: World, call: Call) -> Children:
    function = whole_id(world, call.query.required("functionId"))
    if world.table(functions).get(function)["resourceType"] not in INSERTED:
        return world.table(instances).of(function, range(0))
    return children(world, functions, function, instances)


def instance(world: World, call: Call) -> Record:
    table = world.table(instances)
    index = table.born_index(call.ids[0])
    if index is not None and functions(world).kind(index // instances(world).each) not in INSERTED:
        raise not_found("Insert function instance")
    return table.get(call.ids[0])
