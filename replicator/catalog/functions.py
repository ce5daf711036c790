"""Functions of all five kinds, their versions, and the instances of insert functions."""

from __future__ import annotations

from replicator.catalog.model import Detail, Listing, Object, Parent, boolean, json, number, text, timestamp
from replicator.catalog.shared import ALPHA, CORE, given

FEATURES = ("Functions",)
WRITES = ("POST /functions", "PATCH /functions/{functionId}", "DELETE /functions/{functionId}")

#: ListFunctionItemV1, then what only FunctionV1 has. The settings are definitions; no value of a setting is readable.
FUNCTION_COLUMNS = (
    text("id"),
    text("resourceType"),
    timestamp("createdAt"),
    text("createdBy"),
    text("displayName"),
    text("description"),
    text("logoUrl"),
    text("catalogId"),
    text("code", detail=True),
    timestamp("deployedAt", detail=True, nullable=True),
    json("settings", detail=True),
    text("previewWebhookUrl", detail=True, secret=True),
    number("batchMaxCount", detail=True),
    boolean("isLatestVersion", detail=True),
)


#: UpdateFunctionV1Input; openapi.json.
_EDITABLE = ("code", "settings", "display_name", "description", "logo_url")


def _functions(name: str, resource_type: str, *writes: str, editable: tuple[str, ...] = (), note: str = "") -> Object:
    """The functions of one kind: the listing answers for one `resourceType` at a time."""
    return Object(
        name=name,
        groups=CORE,
        listing=Listing(
            operation="listFunctions",
            path="/functions",
            items=("functions",),
            query={"resourceType": resource_type},
        ),
        detail=Detail(
            operation="getFunction", path="/functions/{functionId}", item="function", params={"functionId": "id"}
        ),
        columns=FUNCTION_COLUMNS,
        tracking="created",
        tracked_by="created_at",
        features=FEATURES,
        natural=("display_name", "resource_type"),
        editable=editable,
        writes=(*WRITES, *writes),
        note=note,
    )


_APPENDED = "displayName comes back with the workspace's name appended."

FUNCTIONS = (
    _functions("SourceFunctions", "SOURCE", "POST /functions/{functionId}/deploy", editable=_EDITABLE),
    _functions("DestinationFunctions", "DESTINATION", editable=_EDITABLE, note=_APPENDED),
    _functions("InsertDestinationFunctions", "INSERT_DESTINATION", editable=_EDITABLE, note=_APPENDED),
    _functions("InsertSourceFunctions", "INSERT_SOURCE", note=_APPENDED),
    _functions("InsertTransformationFunctions", "INSERT_TRANSFORMATION"),
)
_BY_FUNCTION = tuple(Parent(kind.name, {"functionId": "id"}) for kind in FUNCTIONS)
_BY_INSERT_FUNCTION = tuple(parent for parent in _BY_FUNCTION if parent.object.startswith("Insert"))

OBJECTS = (
    *FUNCTIONS,
    Object(
        name="FunctionVersions",
        groups=ALPHA,
        listing=Listing(operation="listFunctionVersions", path="/functions/{functionId}/versions", items=("versions",)),
        columns=(
            given("functionId"),
            text("id"),
            text("author", personal=True),
            text("code"),
            boolean("isDeployed"),
            timestamp("createdAt"),
            timestamp("updatedAt"),
            timestamp("deployedAt"),
        ),
        key=("function_id", "id"),
        parents=_BY_FUNCTION,
        stability="alpha",
        features=FEATURES,
        writes=("POST /functions/{functionId}/versions",),
        note="Creating a version restores an old one.",
    ),
    Object(
        name="InsertFunctionInstances",
        groups=ALPHA,
        listing=Listing(
            operation="listInsertFunctionInstances", path="/insert-function-instances", items=("instances",)
        ),
        columns=(
            given("functionId"),
            text("id"),
            text("name"),
            text("integrationId"),
            text("classId"),
            boolean("enabled"),
            timestamp("createdAt"),
            timestamp("updatedAt"),
            json("settings", secret=True),
            json("encryptedSettings", secret=True),
        ),
        parents=_BY_INSERT_FUNCTION,
        stability="alpha",
        features=FEATURES,
        natural=("integration_id", "name"),
        writes=(
            "POST /insert-function-instances",
            "PATCH /insert-function-instances/{instanceId}",
            "DELETE /insert-function-instances/{instanceId}",
        ),
        note="classId is the function's id without the prefix that some ids carry.",
    ),
)
