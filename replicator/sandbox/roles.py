"""What each role may see and change, and what a workspace may have bought.

The contract states the roles of seven operations and the features of 73; the rest is the app's, where each part of a
workspace has an Admin role and a Read-only one (docs/sandbox.md, "Access").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .routing import Route

Area = Literal["owner", "everyone", "source", "warehouse", "function", "plan", "space", "entity"]

OWNER = "Workspace Owner"
MINIMAL = "Minimal Workspace Access"
_PARTS: Mapping[str, frozenset[Area]] = {
    "Source": frozenset({"source"}),
    "Warehouse": frozenset({"warehouse"}),
    "Function": frozenset({"function"}),
    "Tracking Plan": frozenset({"plan"}),
    "Unify and Engage": frozenset({"space"}),
    "Entities": frozenset({"entity"}),
}
#: What a role may change.
ADMINS: Mapping[str, frozenset[Area]] = {
    OWNER: frozenset({"owner", "everyone", *(area for areas in _PARTS.values() for area in areas)}),
    "Unify and Engage User": frozenset({"space"}),
    **{f"{part} Admin": areas for part, areas in _PARTS.items()},
}
#: What a role may see, besides what everyone does: what it may change, and what Read-only roles are for.
READERS: Mapping[str, frozenset[Area]] = {
    **ADMINS,
    **{f"{part} Read-only": areas for part, areas in _PARTS.items()},
    MINIMAL: frozenset(),
}
ROLE_NAMES = tuple(sorted(READERS))

#: By the first segment of the path; what is not here takes an owner.
_AREAS: Mapping[str, Area] = {
    "": "everyone",
    "echo": "everyone",
    "catalog": "everyone",
    "labels": "everyone",
    "roles": "everyone",
    "delivery-overview": "source",
    "destination": "source",
    "destinations": "source",
    "events": "source",
    "sources": "source",
    "reverse-etl-models": "source",
    "reverse-etl-syncs": "source",
    "warehouses": "warehouse",
    "dbt-model-syncs": "warehouse",
    "functions": "function",
    "insert-function-instances": "function",
    "tracking-plans": "plan",
    "transformations": "plan",
    "filters": "space",
    "spaces": "space",
}

_CREDENTIALS = (OWNER, "Warehouse Admin", "Source Admin", "Entities Admin", "Unify and Engage Admin")
#: What openapi.json states ("x-requires-permission"): one of these roles is needed.
STATED: Mapping[str, tuple[str, ...]] = {
    "createCredential": _CREDENTIALS,
    "listCredentials": _CREDENTIALS,
    "getCredential": _CREDENTIALS,
    "listCredentialConsumers": _CREDENTIALS,
    "deleteCredential": (OWNER,),
    "updateCredential": (OWNER,),
    "listSourcesFromTrackingPlan": ("Source Read-only", "Tracking Plan Read-only"),
}
#: Here all of them are, for both a plan and its sources are shown; an Admin role holds what its Read-only role does.
NEEDS_ALL = frozenset({"listSourcesFromTrackingPlan"})

AUDIT_TRAIL = "Audit Trail"
#: What the app sells and the contract names no feature for.
_SOLD: Mapping[str, str] = {"listAuditEvents": AUDIT_TRAIL}
FEATURES = frozenset({
    AUDIT_TRAIL, "Audience", "Computed Trait", "Destination Subscriptions", "Functions", "Live Plugins", "Protocols",
    "Space Filters", "Spaces",
})  # fmt: skip
Tier = Literal["business", "team", "free"]
TIERS: Mapping[str, frozenset[str]] = {
    "business": FEATURES,
    "team": frozenset({"Destination Subscriptions", "Functions", "Live Plugins"}),
    "free": frozenset({"Destination Subscriptions"}),
}


def area_of(route: Route) -> Area:
    return _AREAS.get(route.path.split("/")[1], "owner")


def feature_of(route: Route) -> str | None:
    return route.feature or _SOLD.get(route.operation)
