"""What a replica of the sandbox has to hold, found by walking its API with nothing of the program's own.

Each line of the tables below was written from Segment's reference, not from the catalog: object, path, the list's name
in the answer, the fields that tell its records apart, and how the records lie in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from replicator.sandbox import Request, Response

Record = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A record, and what of its row the record does not say itself."""

    record: Record
    given: Mapping[str, Any] = field(default_factory=dict)


class Walk:
    """All records of each object, in the order of the API."""

    def __init__(
        self,
        sandbox: Callable[[Request], Response],
        *,
        period: str,
        volume: Mapping[str, str],
        summary: Mapping[str, str],
    ) -> None:
        self.sandbox, self.period, self.volume, self.summary = sandbox, period, dict(volume), dict(summary)
        self.found: dict[str, list[Found]] = {}
        self.identity: dict[str, tuple[str, ...]] = {}

    def standing(self) -> dict[str, list[Found]]:
        """What stands still where nobody changes it, less what hangs on spaces."""
        for part in (self._plain, self._functions, self._connections, self._people):
            part()
        return self.found

    def everything(self) -> dict[str, list[Found]]:
        for part in (self._plain, self._functions, self._connections, self._people, self._spaces, self._series):
            part()
        return self.found

    # What every listing does

    @staticmethod
    def at(path: str, given: Mapping[str, Any]) -> str:
        return path.format(**{k: quote(str(v), safe="") for k, v in given.items()})

    def data(self, path: str, **query: str) -> Record:
        found = self.perhaps(path, **query)
        assert found is not None, path
        return found

    def perhaps(self, path: str, **query: str) -> Record | None:
        """None where the API answers that there is none."""
        target = f"{path}?{urlencode(query)}" if query else path
        answer = self.sandbox(Request("GET", target, {"authorization": "Bearer sandbox", "accept": "*/*"}))
        if answer.status == 404:
            return None
        assert answer.status == 200, (target, answer.body)
        return dict(json.loads(answer.body)["data"])

    def pages(self, path: str, key: str, size: str = "pagination.count", **query: str) -> Iterator[Any]:
        """Pages of seven: another size than the program's, so that they agree on the records alone."""
        dot = size.removesuffix("count")
        cursor: dict[str, str] = {}
        while True:
            data = self.data(path, **query, **{size: "7"}, **cursor)
            yield from data[key]
            following = (data.get("pagination") or {}).get("next")
            if following in (None, ""):
                return
            cursor = {f"{dot}cursor": str(following)}

    def add(self, name: str, identity: str, found: Iterator[Found] | list[Found]) -> list[Found]:
        self.identity[name] = tuple(identity.split())
        mine = self.found.setdefault(name, [])
        new = list(found)
        mine += new
        return new

    def listed(self, name: str, path: str, key: str, identity: str = "id", **query: str) -> list[Found]:
        return self.add(name, identity, [Found(record) for record in self.pages(path, key, **query)])

    def under(self, name: str, path: str, key: str, identity: str, given: Record, **query: str) -> list[Found]:
        where = self.at(path, given)
        return self.add(name, identity, [Found(record, given) for record in self.pages(where, key, **query)])

    def whole(self, name: str, path: str, key: str, identity: str, given: Record, **query: str) -> list[Found]:
        """A list that knows no pages."""
        where = self.at(path, given)
        return self.add(name, identity, [Found(record, given) for record in self.data(where, **query)[key]])

    def detailed(self, name: str, path: str, key: str, item: str, **query: str) -> list[Found]:
        """Each record joined by its get by id, and what lies beside the record in that answer."""
        found = []
        for listed in self.pages(path, key, **query):
            answer = self.data(self.at(path + "/{id}", listed))
            beside = {k: v for k, v in answer.items() if k != item}
            found.append(Found(listed | beside | answer[item]))
        return self.add(name, "id", found)

    # The objects

    def _plain(self) -> None:
        self.add("Workspace", "id", [Found(self.data("/")["workspace"])])
        self.listed("AuditEvents", "/audit-events", "events")
        self.add("Labels", "key value", [Found(record) for record in self.data("/labels")["labels"]])
        self.listed("Roles", "/roles", "roles")
        self.listed("CatalogSources", "/catalog/sources", "sourcesCatalog")
        self.listed("CatalogDestinations", "/catalog/destinations", "destinationsCatalog")
        self.listed("CatalogWarehouses", "/catalog/warehouses", "warehousesCatalog")
        self.listed("Transformations", "/transformations", "transformations")
        self.listed("ReverseETLModels", "/reverse-etl-models", "models")
        suppressed = [
            Found({k: v for k, v in record.items() if k != "subjectIds"} | {"subjectId": subject})
            for record in self.pages("/suppressions", "suppressed")
            for subject in record["subjectIds"]
        ]
        self.add("Suppressions", "subjectType subjectId", suppressed)
        self.detailed("WorkspaceRegulations", "/regulations", "regulations", "regulation")
        for credential in self.listed("Credentials", "/credentials", "credentials"):
            self._consumers({"credentialId": credential.record["id"]})
        for plan in self.listed("TrackingPlans", "/tracking-plans", "trackingPlans"):
            given = {"trackingPlanId": plan.record["id"]}
            path = "/tracking-plans/{trackingPlanId}"
            self.under("TrackingPlanRules", path + "/rules", "rules", "trackingPlanId type key version", given)
            self.under("TrackingPlanSources", path + "/sources", "sources", "trackingPlanId id", given)

    def _consumers(self, given: Record) -> None:
        for kind in ("warehouses", "sources"):
            records = []
            cursor: dict[str, str] = {}
            while True:
                data = self.data(self.at("/credentials/{credentialId}/consumers", given), **cursor)
                records += [Found(record, {**given, "kind": kind}) for record in data[kind]]
                following = (data.get(f"{kind}Pagination") or {}).get("next")
                if not following:
                    break
                cursor = {f"{kind}Pagination.cursor": following}
            self.add("CredentialConsumers", "credentialId kind id", records)

    def _functions(self) -> None:
        kinds = {
            "SourceFunctions": "SOURCE",
            "DestinationFunctions": "DESTINATION",
            "InsertDestinationFunctions": "INSERT_DESTINATION",
            "InsertSourceFunctions": "INSERT_SOURCE",
            "InsertTransformationFunctions": "INSERT_TRANSFORMATION",
        }
        for name, kind in kinds.items():
            for function in self.detailed(name, "/functions", "functions", "function", resourceType=kind):
                given = {"functionId": function.record["id"]}
                path = "/functions/{functionId}/versions"
                self.under("FunctionVersions", path, "versions", "functionId id", given)
                if kind.startswith("INSERT"):
                    path = "/insert-function-instances"
                    self.under("InsertFunctionInstances", path, "instances", "id", given, **given)

    def _connections(self) -> None:
        for source in self.detailed("Sources", "/sources", "sources", "source"):
            self._source({"sourceId": source.record["id"]})
        for destination in self.listed("Destinations", "/destinations", "destinations"):
            given = {"destinationId": destination.record["id"]}
            path = "/destination/{destinationId}/filters"
            self.under("DestinationFilters", path, "filters", "destinationId id", given)
            path = "/destinations/{destinationId}/subscriptions"
            for row in self.under("DestinationSubscriptions", path, "subscriptions", "destinationId id", given):
                if row.record.get("modelId"):
                    self._sync_statuses(row.record["modelId"], row.record["id"])
        for warehouse in self.listed("Warehouses", "/warehouses", "warehouses"):
            self._warehouse({"warehouseId": warehouse.record["id"]})

    def _source(self, given: Record) -> None:
        path = "/sources/{sourceId}"
        key = "sourceId id"
        self.under("SourceConnectedDestinations", path + "/connected-destinations", "destinations", key, given)
        self.under("SourceConnectedWarehouses", path + "/connected-warehouses", "warehouses", key, given)
        where = self.at(path, given)
        self.add("SourceSchemaSettings", "sourceId", [Found(self.data(where + "/settings")["settings"], given)])
        plugin = (self.perhaps(where + "/live-plugins/latest") or {}).get("livePlugin")
        self.add("SourceLatestLivePlugin", "id", [Found(plugin, given)] if plugin else [])
        regulations = []
        for listed in self.pages(self.at("/regulations/sources/{sourceId}", given), "regulations"):
            detail = self.data(self.at("/regulations/{id}", listed))
            beside = {k: v for k, v in detail.items() if k != "regulation"}
            regulations.append(Found(listed | beside | detail["regulation"], given))
        self.add("SourceRegulations", key, regulations)

    def _sync_statuses(self, model: str, subscription: str) -> None:
        given = {"modelId": model, "subscriptionId": subscription}
        path = self.at("/reverse-etl-models/{modelId}/subscriptionId/{subscriptionId}/syncs", given)
        records = self.pages(path, "syncStatuses", size="count")
        self.add("ReverseETLSyncStatuses", "modelId subscriptionId syncId", [Found(each, given) for each in records])

    def _warehouse(self, given: Record) -> None:
        path = "/warehouses/{warehouseId}"
        state = self.data(self.at(path + "/connection-state", given))
        self.add("WarehouseConnectionState", "warehouseId", [Found(state, given)])
        schedule = self.data(self.at(path + "/advanced-sync-schedule", given))
        self.add("WarehouseAdvancedSyncSchedule", "warehouseId", [Found(schedule, given)])
        self.under("WarehouseSyncs", path + "/syncs", "reports", "warehouseId sourceId start", given)
        path += "/connected-sources"
        for source in self.under("WarehouseConnectedSources", path, "sources", "warehouseId id", given):
            pair = {**given, "sourceId": source.record["id"]}
            own = path + "/{sourceId}"
            self.under("WarehouseSourceSyncs", own + "/syncs", "reports", "warehouseId sourceId start", pair)
            identity = "warehouseId sourceId collection"
            self.under("WarehouseSelectiveSyncs", own + "/selective-syncs", "items", identity, pair)

    def _people(self) -> None:
        for user in self.detailed("Users", "/users", "users", "user"):
            given = {"userId": user.record["id"]}
            self.under("UserUserGroups", "/users/{userId}/groups", "groups", "userId id", given)
        for group in self.listed("UserGroups", "/groups", "userGroups"):
            given = {"userGroupId": group.record["id"]}
            self.under("UserGroupUsers", "/groups/{userGroupId}/users", "users", "userGroupId id", given)
            emails = self.pages(self.at("/groups/{userGroupId}/invites", given), "emails")
            self.add("UserGroupInvites", "userGroupId email", [Found({"email": each}, given) for each in emails])
        self.add("Invites", "email", [Found({"email": each}) for each in self.pages("/invites", "invites")])

    def _spaces(self) -> None:
        for space in self.listed("Spaces", "/spaces", "spaces"):
            given = {"spaceId": space.record["id"]}
            path = "/spaces/{spaceId}"
            self.under("SpaceFilters", "/filters", "filters", "id", given, integrationId=given["spaceId"])
            self.under("ComputedTraits", path + "/computed-traits", "computedTraits", "spaceId id", given)
            for kind in ("USERS", "ACCOUNTS", "LINKED"):
                answer = self.data(self.at(path + "/audienceType/" + kind + "/supported-destinations", given))
                self._supported({**given, "audienceType": kind}, answer["destinations"])
            warehouses = path + "/profiles-warehouses"
            for row in self.under("ProfilesWarehouses", warehouses, "profilesWarehouses", "spaceId id", given):
                pair = {**given, "warehouseId": row.record["id"]}
                syncs = warehouses + "/{warehouseId}/selective-syncs"
                key = "spaceId warehouseId collection"
                self.under("ProfilesWarehouseSelectiveSyncs", syncs, "items", key, pair)
            query = {"include": "schedules"}
            for audience in self.under("Audiences", path + "/audiences", "audiences", "spaceId id", given, **query):
                self._audience({**given, "audienceId": audience.record["id"]}, audience.record)
            self._schema(given)

    def _supported(self, given: Record, destinations: Any) -> None:
        """The reference leaves open whether they come by slug or as a list."""
        if isinstance(destinations, dict) and "slug" in destinations:
            destinations = [destinations]
        if isinstance(destinations, dict):
            found = [Found({"slug": slug, "value": value}, given) for slug, value in destinations.items()]
        else:
            found = [Found({"slug": each["slug"], "value": each}, given) for each in destinations]
        self.add("SupportedAudienceDestinations", "spaceId audienceType slug", found)

    def _audience(self, given: Record, audience: Record) -> None:
        path = "/spaces/{spaceId}/audiences/{audienceId}"
        key = "spaceId audienceId id"
        self.under("AudienceDestinations", path + "/destination-connections", "connections", key, given)
        self.under("AudienceActivations", path + "/activations", "activations", key, given)
        self.under("AudienceConsumers", path + "/audience-references", "audiences", "audienceId id", given)
        if audience["audienceType"] == "LINKED":
            self.whole("AudienceSchedules", path + "/schedules", "audienceSchedules", key, given)

    def _schema(self, given: Record) -> None:
        path = "/spaces/{spaceId}"
        for entity in self.under("EntityPaths", path + "/entity-paths", "entityPaths", "spaceId id", given):
            slug = {**given, "entitySlug": entity.record["entitySlug"]}
            own = path + "/entities/{entitySlug}/properties"
            for row in self.under("EntityProperties", own, "entityProperties", "spaceId entitySlug name", slug):
                self._samples(
                    "EntityPropertySampleValues", own + "/{propertyName}", {**slug, "propertyName": row.record["name"]}
                )
        for event in self.under("SpaceEvents", path + "/events", "events", "spaceId name type", given):
            named = {**given, "eventName": event.record["name"]}
            own = path + "/events/{eventName}/properties"
            for row in self.under("EventProperties", own, "eventProperties", "spaceId eventName name type", named):
                typed = {**named, "propertyName": row.record["name"], "propertyType": row.record["type"]}
                query = {"propertyType": row.record["type"]}
                self._samples("EventPropertySampleValues", own + "/{propertyName}", typed, **query)
        for trait in self.under("Traits", path + "/traits", "traits", "spaceId trait type", given):
            named = {**given, "traitKey": trait.record["trait"]}
            self._samples("TraitSampleValues", path + "/traits/{traitKey}", named)

    def _samples(self, name: str, path: str, given: Record, **query: str) -> None:
        where = self.at(path, given)
        values = self.data(where + "/sample-values", **query)["sampleValues"]
        found = [Found({"value": value}, {**given, "position": at}) for at, value in enumerate(values)]
        self.add(name, " ".join([*given, "position"]), found)

    def _series(self) -> None:
        usage = {
            "DailyWorkspaceAPICallsUsage": ("/usage/api-calls/daily", "timestamp"),
            "DailyPerSourceAPICallsUsage": ("/usage/api-calls/sources/daily", "sourceId timestamp"),
            "DailyWorkspaceMTUUsage": ("/usage/mtu/daily", "timestamp"),
            "DailyPerSourceMTUUsage": ("/usage/mtu/sources/daily", "sourceId timestamp"),
        }
        for name, (path, identity) in usage.items():
            given = {"period": self.period}
            self.under(name, path, name[0].lower() + name[1:], identity, given, **given)
        grouped = {"groupBy.0": "source", "groupBy.1": "eventName", "groupBy.2": "eventType"}
        for row in self.pages("/events/volume", "result", **grouped, **self.volume):
            given = {"granularity": "DAY", "sourceId": row["source"]["id"]}
            identity = "granularity sourceId eventName eventType time"
            self.add("EventsVolume", identity, self._points(row, given))
        for source in self.found["Sources"]:
            self._metrics({"sourceId": source.record["id"]}, _FROM_SOURCE)
        for destination in self.found["Destinations"]:
            own, source = destination.record["id"], destination.record["sourceId"]
            self._metrics({"sourceId": source, "destinationConfigId": own}, _TO_DESTINATION)
            query = {"sourceId": source, **self.summary}
            where = self.at("/destinations/{id}/delivery-metrics", destination.record)
            summary = self.data(where, **query)["deliveryMetricsSummary"]
            rest = {k: v for k, v in summary.items() if k != "metrics"}
            found = [Found(rest | metric, {"destinationId": own, **self.summary}) for metric in summary["metrics"]]
            self.add("DestinationDeliveryMetrics", "destinationId sourceId granularity startTime metricName", found)

    def _metrics(self, given: Record, kinds: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
        for name, (path, dimensions) in kinds.items():
            grouped = {f"groupBy.{at}": dimension for at, dimension in enumerate(dimensions)}
            for row in self.pages(f"/delivery-overview/{path}", "dataset", **given, **grouped, **self.volume):
                identity = " ".join([*given, "granularity", *dimensions, "time"])
                self.add(name, identity, self._points(row, {**given, "granularity": "DAY"}))

    def _points(self, row: Record, given: Record) -> list[Found]:
        rest = {k: v for k, v in row.items() if k != "series"}
        return [Found(rest | point, given) for point in row["series"]]


_FROM_SOURCE = {
    "IngressSuccessMetrics": ("successfully-received", ("eventName", "eventType")),
    "IngressFailedMetrics": ("failed-on-ingest", ("eventName", "eventType", "discardReason")),
    "FilteredAtSourceMetrics": ("filtered-at-source", ("eventName", "eventType", "discardReason")),
}
_TO_DESTINATION = {
    "FilteredAtDestinationMetrics": ("filtered-at-destination", ("eventName", "eventType", "discardReason")),
    "EgressSuccessMetrics": ("successful-delivery", ("eventName", "eventType")),
    "EgressFailedMetrics": ("failed-delivery", ("eventName", "eventType", "discardReason")),
}
