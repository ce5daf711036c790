"""Every request of a complete replication: each list for each parent, each get for each record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from replicator.sandbox.content.spaces import previews
from tests.sandbox.contract import Client, at

if TYPE_CHECKING:
    from collections.abc import Iterator

PERIOD = {"period": "2026-10-01"}
RANGE = {"startTime": "2026-10-01T00:00:00Z", "endTime": "2026-10-08T00:00:00Z", "granularity": "DAY"}
KINDS = ("SOURCE", "DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE", "INSERT_TRANSFORMATION")

Visit = tuple[str, str, str, dict[str, str]]
"""Operation, path, the key of its list (empty for what is no list), and its query."""


def every_request(client: Client) -> Iterator[Visit]:
    for part in (_plain, _sources, _destinations, _warehouses, _protocols, _functions, _people, _privacy, _spaces):
        yield from part(client)


def _plain(client: Client) -> Iterator[Visit]:
    yield "getWorkspace", "/", "", {}
    yield "echo", "/echo", "", {"message": "Hello"}
    yield "listAuditEvents", "/audit-events", "events", {}
    yield "listLabels", "/labels", "", {}
    yield "listRoles", "/roles", "roles", {}
    yield "getEventsVolumeFromWorkspace", "/events/volume", "result", RANGE | {"groupBy.0": "eventName"}
    yield "getDailyWorkspaceApiCallsUsage", "/usage/api-calls/daily", "dailyWorkspaceAPICallsUsage", PERIOD
    yield "getDailyPerSourceApiCallsUsage", "/usage/api-calls/sources/daily", "dailyPerSourceAPICallsUsage", PERIOD
    yield "getDailyWorkspaceMtuUsage", "/usage/mtu/daily", "dailyWorkspaceMTUUsage", PERIOD
    yield "getDailyPerSourceMtuUsage", "/usage/mtu/sources/daily", "dailyPerSourceMTUUsage", PERIOD
    for kind in ("Source", "Destination", "Warehouse"):
        path, key = f"/catalog/{kind.lower()}s", f"{kind.lower()}sCatalog"
        yield f"get{kind}sCatalog", path, key, {}
        for row in client.every(path, key):
            yield f"get{kind}Metadata", f"{path}/{row['id']}", "", {}


def _sources(client: Client) -> Iterator[Visit]:
    yield "listSources", "/sources", "sources", {}
    for source in client.every("/sources", "sources"):
        path = f"/sources/{source['id']}"
        yield "getSource", path, "", {}
        yield "listConnectedDestinationsFromSource", f"{path}/connected-destinations", "destinations", {}
        yield "listConnectedWarehousesFromSource", f"{path}/connected-warehouses", "warehouses", {}
        yield "listSchemaSettingsInSource", f"{path}/settings", "", {}
        yield "getLatestFromLivePlugins", f"{path}/live-plugins/latest", "", {}
        yield "listRegulationsFromSource", f"/regulations/sources/{source['id']}", "regulations", {}
        query = RANGE | {"sourceId": source["id"]}
        overview = "/delivery-overview"
        yield "getIngressSuccessMetricsFromDeliveryOverview", f"{overview}/successfully-received", "dataset", query
        yield "getIngressFailedMetricsFromDeliveryOverview", f"{overview}/failed-on-ingest", "dataset", query
        yield "getFilteredAtSourceMetricsFromDeliveryOverview", f"{overview}/filtered-at-source", "dataset", query


def _destinations(client: Client) -> Iterator[Visit]:
    yield "listDestinations", "/destinations", "destinations", {}
    for destination in client.every("/destinations", "destinations"):
        path, source = f"/destinations/{destination['id']}", {"sourceId": destination["sourceId"]}
        yield "getDestination", path, "", {}
        yield "listDeliveryMetricsSummaryFromDestination", f"{path}/delivery-metrics", "", source
        yield from _nested(client, f"{path}/subscriptions", "subscriptions", "Subscription")
        yield from _filters(client, destination["id"])
        query = RANGE | source | {"destinationConfigId": destination["id"]}
        overview = "/delivery-overview"
        yield "getEgressFailedMetricsFromDeliveryOverview", f"{overview}/failed-delivery", "dataset", query
        yield "getEgressSuccessMetricsFromDeliveryOverview", f"{overview}/successful-delivery", "dataset", query
        filtered = f"{overview}/filtered-at-destination"
        yield "getFilteredAtDestinationMetricsFromDeliveryOverview", filtered, "dataset", query


def _nested(client: Client, path: str, key: str, name: str) -> Iterator[Visit]:
    yield f"list{name}sFromDestination", path, key, {}
    for row in client.every(path, key):
        yield f"get{name}FromDestination", f"{path}/{row['id']}", "", {}


def _filters(client: Client, destination: str) -> Iterator[Visit]:
    path = f"/destination/{destination}/filters"
    yield "listFiltersFromDestination", path, "filters", {}
    for row in client.every(path, "filters"):
        yield "getFilterInDestination", f"{path}/{row['id']}", "", {}


def _warehouses(client: Client) -> Iterator[Visit]:
    yield "listWarehouses", "/warehouses", "warehouses", {}
    for warehouse in client.every("/warehouses", "warehouses"):
        path = f"/warehouses/{warehouse['id']}"
        yield "getWarehouse", path, "", {}
        yield "getAdvancedSyncScheduleFromWarehouse", f"{path}/advanced-sync-schedule", "", {}
        yield "getConnectionStateFromWarehouse", f"{path}/connection-state", "", {}
        yield "listSyncsFromWarehouse", f"{path}/syncs", "reports", {}
        yield "listConnectedSourcesFromWarehouse", f"{path}/connected-sources", "sources", {}
        for source in client.every(f"{path}/connected-sources", "sources"):
            pair = f"{path}/connected-sources/{source['id']}"
            yield "listSyncsFromWarehouseAndSource", f"{pair}/syncs", "reports", {}
            yield "listSelectiveSyncsFromWarehouseAndSource", f"{pair}/selective-syncs", "items", {}
    yield "listCredentials", "/credentials", "credentials", {}
    for credential in client.every("/credentials", "credentials"):
        yield "getCredential", f"/credentials/{credential['id']}", "", {}
        yield "listCredentialConsumers", f"/credentials/{credential['id']}/consumers", "", {}


def _protocols(client: Client) -> Iterator[Visit]:
    yield "listTrackingPlans", "/tracking-plans", "trackingPlans", {}
    for plan in client.every("/tracking-plans", "trackingPlans"):
        path = f"/tracking-plans/{plan['id']}"
        yield "getTrackingPlan", path, "", {}
        yield "listRulesFromTrackingPlan", f"{path}/rules", "rules", {}
        yield "listSourcesFromTrackingPlan", f"{path}/sources", "sources", {}
    yield "listTransformations", "/transformations", "transformations", {}
    for row in client.every("/transformations", "transformations"):
        yield "getTransformation", f"/transformations/{row['id']}", "", {}
    yield "listReverseEtlModels", "/reverse-etl-models", "models", {}
    for model in client.every("/reverse-etl-models", "models"):
        path = f"/reverse-etl-models/{model['id']}"
        yield "getReverseEtlModel", path, "", {}
        for subscription in _subscriptions_of(client, model["id"]):
            syncs = f"{path}/subscriptionId/{subscription}/syncs"
            yield "listReverseEtlSyncStatusesFromModelAndSubscriptionId", syncs, "syncStatuses", {"count": "100"}
            for sync in client.every(syncs, "syncStatuses", count="100"):
                yield "getReverseEtlSyncStatus", f"{path}/syncs/{sync['syncId']}", "", {}


def _subscriptions_of(client: Client, model: str) -> list[str]:
    return [
        subscription["id"]
        for destination in client.every("/destinations", "destinations")
        for subscription in client.every(f"/destinations/{destination['id']}/subscriptions", "subscriptions")
        if subscription.get("modelId") == model
    ]


def _functions(client: Client) -> Iterator[Visit]:
    for kind in KINDS:
        yield "listFunctions", "/functions", "functions", {"resourceType": kind}
        for function in client.every("/functions", "functions", resourceType=kind):
            path = f"/functions/{function['id']}"
            yield "getFunction", path, "", {}
            yield "listFunctionVersions", f"{path}/versions", "versions", {}
            for version in client.every(f"{path}/versions", "versions"):
                yield "getFunctionVersion", f"{path}/versions/{version['id']}", "", {}
            if kind.startswith("INSERT"):
                query = {"functionId": function["id"]}
                yield "listInsertFunctionInstances", "/insert-function-instances", "instances", query
                for row in client.every("/insert-function-instances", "instances", **query):
                    yield "getInsertFunctionInstance", f"/insert-function-instances/{row['id']}", "", {}


def _people(client: Client) -> Iterator[Visit]:
    yield "listUsers", "/users", "users", {}
    for user in client.every("/users", "users"):
        yield "getUser", f"/users/{user['id']}", "", {}
        yield "listUserGroupsFromUser", f"/users/{user['id']}/groups", "groups", {}
    yield "listUserGroups", "/groups", "userGroups", {}
    for group in client.every("/groups", "userGroups"):
        path = f"/groups/{group['id']}"
        yield "getUserGroup", path, "", {}
        yield "listUsersFromUserGroup", f"{path}/users", "users", {}
        yield "listInvitesFromUserGroup", f"{path}/invites", "emails", {}
    yield "listInvites", "/invites", "invites", {}


def _privacy(client: Client) -> Iterator[Visit]:
    yield "listSuppressions", "/suppressions", "suppressed", {}
    yield "listWorkspaceRegulations", "/regulations", "regulations", {}
    for regulation in client.every("/regulations", "regulations"):
        yield "getRegulation", f"/regulations/{regulation['id']}", "", {}


def _spaces(client: Client) -> Iterator[Visit]:
    yield "listSpaces", "/spaces", "spaces", {}
    for space in client.every("/spaces", "spaces"):
        path = f"/spaces/{space['id']}"
        yield "getSpace", path, "", {}
        for kind in ("USERS", "ACCOUNTS", "LINKED"):
            supported = f"{path}/audienceType/{kind}/supported-destinations"
            yield "listSupportedDestinationsFromAudience", supported, "", {}
        yield "listFiltersForSpace", "/filters", "filters", {"integrationId": space["id"]}
        for row in client.every("/filters", "filters", integrationId=space["id"]):
            yield "getFilterById", f"/filters/{row['id']}", "", {}
        yield "listAudiences", f"{path}/audiences", "audiences", {}
        for audience in client.every(f"{path}/audiences", "audiences"):
            yield from _audience(client, f"{path}/audiences/{audience['id']}")
        yield "listComputedTraits", f"{path}/computed-traits", "computedTraits", {}
        for trait in client.every(f"{path}/computed-traits", "computedTraits"):
            yield "getComputedTrait", f"{path}/computed-traits/{trait['id']}", "", {}
        yield from _learned(client, path)
        yield from _profiles_warehouses(client, path)


def _audience(client: Client, path: str) -> Iterator[Visit]:
    yield "getAudience", path, "", {}
    yield "listAudienceConsumersFromSpaceAndAudience", f"{path}/audience-references", "audiences", {}
    yield "listDestinationsFromAudience", f"{path}/destination-connections", "connections", {}
    yield "listActivationsFromAudience", f"{path}/activations", "activations", {}
    for row in client.every(f"{path}/activations", "activations"):
        yield "getActivationFromAudience", f"{path}/activations/{row['id']}", "", {}
    yield "listAudienceSchedulesFromSpaceAndAudience", f"{path}/schedules", "", {}
    for row in client.data(f"{path}/schedules")["audienceSchedules"]:
        yield "getAudienceScheduleFromSpaceAndAudience", f"{path}/schedules/{row['id']}", "", {}


def _learned(client: Client, path: str) -> Iterator[Visit]:
    yield "listTraits", f"{path}/traits", "traits", {}
    for trait in client.every(f"{path}/traits", "traits"):
        yield "listSampleValuesFromTrait", at(f"{path}/traits/{{t}}/sample-values", t=trait["trait"]), "", {}
    yield "listEvents", f"{path}/events", "events", {}
    for event in client.every(f"{path}/events", "events"):
        own = at(f"{path}/events/{{e}}/properties", e=event["name"])
        yield "listPropertiesFromEvent", own, "eventProperties", {}
        for row in client.every(own, "eventProperties"):
            values = at(f"{own}/{{p}}/sample-values", p=row["name"])
            yield "listSampleValuesFromEventProperty", values, "", {"propertyType": row["type"]}
    yield "listEntityPaths", f"{path}/entity-paths", "entityPaths", {}
    for entity in client.every(f"{path}/entity-paths", "entityPaths"):
        own = at(f"{path}/entities/{{e}}/properties", e=entity["entitySlug"])
        yield "listPropertiesFromEntity", own, "entityProperties", {}
        for row in client.every(own, "entityProperties"):
            values = at(f"{own}/{{p}}/sample-values", p=row["name"])
            yield "listSampleValuesFromEntityProperty", values, "", {}


def _profiles_warehouses(client: Client, path: str) -> Iterator[Visit]:
    yield "listProfilesWarehouseInSpace", f"{path}/profiles-warehouses", "profilesWarehouses", {}
    for row in client.every(f"{path}/profiles-warehouses", "profilesWarehouses"):
        own = f"{path}/profiles-warehouses/{row['id']}/selective-syncs"
        yield "listSelectiveSyncsFromWarehouseAndSpace", own, "items", {}


def with_previews(client: Client) -> Iterator[Visit]:
    """There is no list of previews: whoever makes one is told its id."""
    space = client.every("/spaces", "spaces")[0]["id"]
    for index in range(2):
        path = f"/spaces/{space}/audiences/previews/{previews(client.sandbox.world)[index]['id']}"
        yield "getAudiencePreview", path, "", {}


def records_in(body: bytes) -> int:
    """How many records an answer holds: the rows of its lists, else one."""
    data = json.loads(body)["data"]
    lists = [value for value in data.values() if isinstance(value, list)]
    return sum(map(len, lists)) if lists else 1


def target(visit: Visit, **more: str) -> str:
    query = visit[3] | more
    return visit[1] + (f"?{urlencode(query)}" if query else "")
