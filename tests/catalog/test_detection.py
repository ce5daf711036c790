"""What is told of how changes are seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from replicator.catalog import OBJECTS, by_name
from replicator.catalog.detection import NEVER, NEXT, Detection, detection

DAY = "first run after 24 h"


def seen(name: str, hours: float = 24, extended: str = "auto") -> Detection:
    return detection(by_name[name], reread=timedelta(hours=hours), extended=extended)


@pytest.mark.parametrize(
    ("name", "late"),
    [
        ("Labels", (NEXT, NEXT, NEXT)),
        ("SourceFunctions", (NEXT, DAY, NEXT)),
        ("TrackingPlanRules", (DAY, DAY, DAY)),
        ("SourceRegulations", (DAY, DAY, NEVER)),
        ("WarehouseSyncs", (NEXT, NEXT, NEVER)),
        ("AuditEvents", (NEXT, NEVER, NEVER)),
        ("DailyWorkspaceMTUUsage", (NEXT, NEXT, NEVER)),
        ("EventsVolume", (NEXT, NEXT, NEVER)),
    ],
)
def test_how_late_at_worst(name: str, late: tuple[str, ...]) -> None:
    assert tuple(each.late for each in seen(name)) == late


def test_the_settings_count() -> None:
    assert seen("TrackingPlanRules", 1.5).inserts.late == "first run after 1.5 h"
    assert all(each.late in {NEXT, NEVER} for thing in OBJECTS for each in seen(thing.name, 0))
    assert seen("SourceFunctions", extended="off").updates.late == NEXT


def test_what_brings_a_reread_forward_is_named() -> None:
    assert "TrackingPlans or the audit trail" in seen("TrackingPlanRules").inserts.by
    assert "code" in seen("SourceFunctions").updates.by
    assert "404" in seen("SourceFunctions").deletes.by
    assert "404" not in seen("Labels").deletes.by
