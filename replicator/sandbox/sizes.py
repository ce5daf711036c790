"""How many of each object a workspace has."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Size = Literal["small", "medium", "large"]

_COLUMNS: tuple[Size, ...] = ("small", "medium", "large")
_COUNTS: dict[str, tuple[int, int, int]] = {
    "CatalogSources": (12, 40, 120),
    "CatalogDestinations": (10, 40, 120),
    "CatalogWarehouses": (6, 6, 6),
    "Sources": (12, 80, 600),
    "Destinations": (12, 80, 600),
    "FiltersPerDestination": (1, 2, 3),
    "SubscriptionsPerDestination": (2, 2, 4),
    "Warehouses": (3, 6, 12),
    "CollectionsPerConnection": (4, 8, 20),
    "SyncsPerConnection": (6, 20, 60),
    "Credentials": (3, 8, 30),
    "Labels": (6, 20, 60),
    "TrackingPlans": (6, 30, 200),
    "RulesPerPlan": (24, 60, 200),
    "Transformations": (8, 60, 500),
    "SourceFunctions": (3, 20, 150),
    "DestinationFunctions": (3, 20, 150),
    "InsertSourceFunctions": (2, 12, 100),
    "InsertDestinationFunctions": (3, 12, 100),
    "InsertTransformationFunctions": (2, 12, 100),
    "VersionsPerFunction": (2, 3, 5),
    "InstancesPerInsertFunction": (2, 2, 3),
    "Users": (11, 120, 1500),
    "UserGroups": (4, 20, 120),
    "Invites": (5, 40, 300),
    "Suppressions": (600, 8_000, 100_000),
    "Regulations": (14, 200, 2_000),
    "AuditEvents": (800, 8_000, 100_000),
    "ReverseETLModels": (3, 20, 150),
    "SyncsPerModelSubscription": (3, 12, 40),
    "Spaces": (2, 3, 6),
    "SpaceFiltersPerSpace": (12, 25, 60),
    "AudiencesPerSpace": (5, 40, 250),
    "SchedulesPerAudience": (1, 1, 2),
    "DestinationsPerAudience": (1, 2, 3),
    "ActivationsPerAudience": (1, 2, 3),
    "PreviewsPerSpace": (2, 2, 4),
    "ComputedTraitsPerSpace": (4, 30, 200),
    "TraitsPerSpace": (8, 60, 300),
    "EventsPerSpace": (5, 40, 200),
    "PropertiesPerEvent": (2, 5, 8),
    "EntitiesPerSpace": (2, 4, 8),
    "PropertiesPerEntity": (3, 8, 16),
    "ProfilesWarehousesPerSpace": (2, 2, 3),
    "CollectionsPerProfilesWarehouse": (5, 10, 20),
}

#: The names that `Sandbox(counts=...)` takes.
COUNT_NAMES = tuple(sorted(_COUNTS))


def counts_of(size: Size, overrides: Mapping[str, int] | None) -> dict[str, int]:
    if size not in _COLUMNS:
        message = f"size must be one of {', '.join(_COLUMNS)}, not {size!r}"
        raise ValueError(message)
    counts = {name: row[_COLUMNS.index(size)] for name, row in _COUNTS.items()}
    for name, count in (overrides or {}).items():
        if name not in counts:
            raise ValueError(_unknown(name))
        if count < 0:
            message = f"counts: {name} must not be negative, it is {count}"
            raise ValueError(message)
        counts[name] = count
    return counts


def _unknown(name: str) -> str:
    folded = {known.casefold(): known for known in COUNT_NAMES}
    near = get_close_matches(name.casefold(), folded, n=1)
    return f"counts: there is no {name!r}" + (f"; the nearest is {folded[near[0]]}" if near else "")
