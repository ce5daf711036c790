"""One valid request for each operation that writes, to a workspace as it was made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from replicator.sandbox import Sandbox
from tests.sandbox.conftest import NOW
from tests.sandbox.contract import Client, Operation, operations, write_operations
from tests.sandbox.walk import every_request, with_previews

#: Where the walk reads the records that other operations name in another way.
_READ_AT = {"/group/": "/groups/", "/regulations/cloudsources/": "/sources/", "/regulations/sources/": "/sources/"}


_UNUSED: dict[str, Any] = {"name": "Of nothing", "settings": {}}
_UNUSED_LABEL = {"key": "of", "value": "no-source"}


def prepared(**settings: Any) -> Client:
    """A workspace, always the same, with what can be deleted: nothing refers to it."""
    client = Client(Sandbox(now=lambda: NOW, **settings))
    client.write("POST", "/labels", {"label": _UNUSED_LABEL | {"description": "Unused"}})
    client.write("POST", "/credentials", _UNUSED)
    space = client.every("/spaces", "spaces")[0]["id"]
    audience, rows = _connected(client, space)
    body = _destination(_unconnected(client, rows))
    client.write("POST", f"{_audience(space, audience)}/destination-connections", body)
    return client


@dataclass
class Valid:
    ids: dict[str, str]
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None


def valid_reads(client: Client) -> dict[str, Valid]:
    """By operation: the first request that the walk makes."""
    visits = [*every_request(client), *with_previews(client)]
    found = {}
    for operation in operations():
        _, path, _, query = next(visit for visit in visits if visit[0] == operation.id)
        found[operation.id] = Valid(_ids(operation.path, [path]), {k: v for k, v in query.items() if "." not in k})
    return found


def valid_writes(client: Client) -> dict[str, Valid]:
    """By operation: the contract's example, naming records that there are."""
    paths = [visit[1] for visit in every_request(client)]
    found: dict[str, Valid] = {}
    for parts in (_connections(client), _warehouses(client), _protocols(client), _people(client), _spaces(client)):
        found |= parts
    for _, operation in write_operations():
        valid = found.setdefault(operation.id, Valid({}))
        valid.ids = valid.ids or _ids(operation.path, paths)
        valid.body = _body(operation, valid)
    return found


def _body(operation: Operation, valid: Valid) -> Any:
    return None if operation.example is None else operation.example | (valid.body or {})


def _ids(path: str, paths: list[str]) -> dict[str, str]:
    """Those of the first path that the walk reads with records at the same places."""
    names = re.findall(r"\{([^}]*)\}", path)
    if not names:
        return {}
    for here, there in _READ_AT.items() if paths[1:] else ():
        path = path.replace(here, there) if path.startswith(here) else path
    pattern = re.compile(re.sub(r"\{[^}]*\}", "([^/]+)", path[: path.rindex("}") + 1]))
    match = next(match for match in map(pattern.match, paths) if match)
    return dict(zip(names, map(unquote, match.groups()), strict=True))


def _connections(client: Client) -> dict[str, Valid]:
    sources = client.every("/sources", "sources")
    source = sources[0]["id"]
    destination = client.every("/destinations", "destinations")[0]
    label = client.data("/labels")["labels"][0]
    labels = {"labels": [{"key": label["key"], "value": label["value"]}]}
    credential = next(c for c in client.every("/credentials", "credentials") if c["name"] == _UNUSED["name"])
    insert = client.every("/functions", "functions", resourceType="INSERT_DESTINATION")[0]["id"]
    function = client.every("/functions", "functions", resourceType="SOURCE")[0]["id"]
    version = client.every(f"/functions/{function}/versions", "versions")[0]["id"]
    model, subscription = _model_and_subscription(client)
    elsewhere = {"forwardingBlockedEventsTo": source, "forwardingViolationsTo": source}
    named = {"sourceId": source}
    both = named | {"metadataId": destination["metadata"]["id"]}
    manual = {"sourceId": model["sourceId"], "modelId": model["id"], "subscriptionId": subscription}
    action = {"actionId": _action(destination)}
    return {
        "addLabelsToSource": Valid({}, body=labels),
        "createDbtModelSyncTrigger": Valid({}, body=named),
        "createDestination": Valid({}, body=both),
        "createDestinationSubscription": Valid({"destinationId": destination["id"]}, body=action),
        "createFilterForDestination": Valid(
            {"destinationId": destination["id"]}, body={"sourceId": destination["sourceId"]}
        ),
        "createInsertFunctionInstance": Valid({}, body={"functionId": insert, "integrationId": destination["id"]}),
        "createReverseEtlManualSync": Valid({}, body=manual),
        "createReverseEtlModel": Valid({}, body=named),
        "createSource": Valid({}, body={"metadataId": sources[0]["metadata"]["id"]}),
        "deleteCredential": Valid({"credentialId": credential["id"]}),
        "deleteLabel": Valid(_UNUSED_LABEL),
        "removeWriteKeyFromSource": Valid({"sourceId": source, "writeKey": sources[0]["writeKeys"][0]}),
        "replaceLabelsInSource": Valid({}, body=labels),
        "restoreFunctionVersion": Valid({"functionId": function}, body={"versionId": version}),
        "updateSchemaSettingsInSource": Valid({"sourceId": sources[1]["id"]}, body=elsewhere),
    }


def _action(destination: dict[str, Any]) -> str:
    return str(destination["metadata"]["actions"][0]["id"])


def _model_and_subscription(client: Client) -> tuple[dict[str, Any], str]:
    models = {model["id"]: model for model in client.every("/reverse-etl-models", "models")}
    return next(
        (models[row["modelId"]], row["id"])
        for destination in client.every("/destinations", "destinations")
        for row in client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions")
        if row.get("modelId") in models
    )


def _warehouses(client: Client) -> dict[str, Valid]:
    warehouse = client.every("/warehouses", "warehouses")[0]
    kind = {"metadataId": warehouse["metadata"]["id"]}
    connected = client.every(f"/warehouses/{warehouse['id']}/connected-sources", "sources")[0]["id"]
    override = {"syncOverrides": [{"sourceId": connected, "enabled": False}]}
    return {
        "createProfilesWarehouse": Valid({}, body=kind),
        "createValidationInWarehouse": Valid({}, body=kind),
        "createWarehouse": Valid({}, body=kind),
        "updateSelectiveSyncForWarehouse": Valid({"warehouseId": warehouse["id"]}, body=override),
    }


def _protocols(client: Client) -> dict[str, Valid]:
    sources = [row["id"] for row in client.every("/sources", "sources")]
    free = next(source for source in sources if client.data(f"/sources/{source}")["trackingPlanId"] is None)
    bound = next(source for source in sources if client.data(f"/sources/{source}")["trackingPlanId"])
    plan = client.data(f"/sources/{bound}")["trackingPlanId"]
    rule = client.every(f"/tracking-plans/{plan}/rules", "rules")[0]
    kind = client.every("/catalog/destinations", "destinationsCatalog")[0]["id"]
    query = {"rules": [{name: rule[name] for name in ("type", "key", "version") if name in rule}]}
    return {
        "addSourceToTrackingPlan": Valid({}, body={"sourceId": free}),
        "createTransformation": Valid({}, body={"sourceId": free}),
        "removeRulesFromTrackingPlan": Valid({"trackingPlanId": plan}, query),
        "removeSourceFromTrackingPlan": Valid({"trackingPlanId": plan}, {"sourceId": bound}),
        "updateTransformation": Valid({}, body={"sourceId": free, "destinationMetadataId": kind}),
    }


def _people(client: Client) -> dict[str, Valid]:
    workspace = client.data("/")["workspace"]["id"]
    role = client.every("/roles", "roles")[0]["id"]
    users = client.every("/users", "users")
    group = next(g["id"] for g in client.every("/groups", "userGroups") if g["memberCount"])
    member = client.every(f"/groups/{group}/users", "users")[0]["email"]
    invite = client.every("/invites", "invites")[0]
    permissions = {"permissions": [{"roleId": role, "resources": [{"id": workspace, "type": "WORKSPACE"}]}]}
    emails = {"emails": [users[0]["email"]]}
    return {
        "addPermissionsToUser": Valid({}, body=permissions),
        "addPermissionsToUserGroup": Valid({}, body=permissions),
        "addUsersToUserGroup": Valid({}, body=emails),
        "createInvites": Valid({}, body={"invites": [{"email": "new@example.com"} | permissions]}),
        "deleteInvites": Valid({}, {"emails": [invite]}),
        "deleteUsers": Valid({}, {"userIds": [users[-1]["id"]]}),
        "removeUsersFromUserGroup": Valid({"userGroupId": group}, {"emails": [member]}),
        "replacePermissionsForUser": Valid({}, body=permissions),
        "replacePermissionsForUserGroup": Valid({}, body=permissions),
        "replaceUsersInUserGroup": Valid({}, body=emails),
    }


def _spaces(client: Client) -> dict[str, Valid]:
    space = client.every("/spaces", "spaces")[0]["id"]
    audiences = client.every(f"/spaces/{space}/audiences", "audiences")
    linked = {"spaceId": space, "id": next(a["id"] for a in audiences if a["audienceType"] == "LINKED")}
    space_filter = client.every("/filters", "filters", integrationId=space)[0]["id"]
    integration = {"integrationId": space}
    profiles = client.every(f"/spaces/{space}/profiles-warehouses", "profilesWarehouses")[0]["id"]
    tables = f"/spaces/{space}/profiles-warehouses/{profiles}/selective-syncs"
    collection = client.every(tables, "items")[0]["collection"]
    overrides = {"syncOverrides": [{"enabled": True, "collection": collection}]}
    found = {
        "addAudienceScheduleToAudience": Valid(linked),
        "createFilterForSpace": Valid({}, body=integration),
        "forceExecuteAudienceRun": Valid({"spaceId": space, "audienceId": linked["id"]}),
        "updateFilterById": Valid({"id": space_filter}, body=integration),
        "updateSelectiveSyncForWarehouseAndSpace": Valid({"spaceId": space, "warehouseId": profiles}, body=overrides),
    }
    return found | _activations(client, space)


def _activations(client: Client, space: str) -> dict[str, Valid]:
    """An audience with a destination that is activated, another one without activations, and one to connect."""
    audience, rows = _connected(client, space)
    activated = {
        row["connectionId"] for row in client.every(f"{_audience(space, audience)}/activations", "activations")
    }
    ids = {"spaceId": space, "audienceId": audience}
    busy = next(row["id"] for row in rows if row["id"] in activated)
    idle = next(row["id"] for row in rows if row["id"] not in activated)
    return {
        "addActivationToAudience": Valid(ids | {"connectionId": busy}),
        "addDestinationToAudience": Valid(ids, body=_destination(_unconnected(client, rows))),
        "removeDestinationFromAudience": Valid(ids | {"destinationId": idle}),
        "updateDestinationForAudience": Valid(ids | {"destinationId": busy}),
    }


def _audience(space: str, audience: str) -> str:
    return f"/spaces/{space}/audiences/{audience}"


def _destination(identifier: str) -> dict[str, Any]:
    return {"destination": {"id": identifier, "type": "destination"}}


def _connected(client: Client, space: str) -> tuple[str, list[dict[str, Any]]]:
    for audience in client.every(f"/spaces/{space}/audiences", "audiences"):
        rows = client.every(f"{_audience(space, audience['id'])}/destination-connections", "connections")
        if rows:
            return audience["id"], rows
    raise LookupError("no audience has a destination")


def _unconnected(client: Client, rows: list[dict[str, Any]]) -> str:
    taken = {row["destinationId"] for row in rows}
    return next(str(d["id"]) for d in client.every("/destinations", "destinations") if d["id"] not in taken)
