"""The small workspace that the sweep replicates, what changes in it meanwhile, and the flows that are cut short."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from replicator.sandbox import Request, Response, Sandbox
from tests.scenarios.network import Network

#: A window with a bookmark, a plain listing, a parent, its children, details behind a listing, and pages.
WORDS = ("AuditEvents", "Labels", "TrackingPlans", "TrackingPlanRules", "SourceFunctions", "Users")
_COUNTS = {"AuditEvents": 6, "Labels": 4, "TrackingPlans": 3, "RulesPerPlan": 3, "SourceFunctions": 2, "Users": 4}
_PAGE = 3


class Line(Network):
    """The way to Segment, which can be cut: for one request, or for every one from then on."""

    cut: str = ""

    def __call__(self, request: Request) -> Response:
        if self.cut:
            self.cut = "" if self.cut == "reset" else self.cut
            raise ConnectionResetError
        return super().__call__(request)


@dataclass(frozen=True, slots=True)
class Flow:
    """A run that is going to be cut short, and what comes before it: an earlier run or none, and what altered since."""

    name: str
    words: tuple[str, ...]
    after_another: bool = True
    alter: Callable[[Connection], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)


def _drop_columns(connection: Connection) -> None:
    """What an older version's tables lack: the next run adds the columns and fills them."""
    for table, column in (("labels", "description"), ("tracking_plans", "name"), ("users", "email")):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))


FLOWS = {
    flow.name: flow
    for flow in (
        Flow("first", WORDS, after_another=False),
        Flow("changes", WORDS),
        Flow(
            "altered",
            ("Labels", "TrackingPlans", "TrackingPlanRules", "Users"),
            alter=_drop_columns,
            options={"hard_deletes": True, "history": frozenset({"Labels", "TrackingPlans"})},
        ),
        Flow("pair", ("TrackingPlans", "TrackingPlanRules")),
    )
}


def made() -> Line:
    """The workspace as it is before the changes; time stands still in it."""
    moment = datetime.now(UTC)
    line = Line(Sandbox(counts=_COUNTS, now=lambda: moment))
    line.page_size = _PAGE
    return line


def change(line: Line) -> None:
    """Something of each kind: new, changed and deleted records, with and without children and details."""
    plans = _listed(line, "/tracking-plans", "trackingPlans")
    labels = _listed(line, "/labels", "labels")
    function = _listed(line, "/functions?resourceType=SOURCE", "functions")[0]
    user = _listed(line, "/users", "users")[-1]
    line.write("DELETE", f"/labels/{labels[0]['key']}/{labels[0]['value']}")
    line.write("POST", "/labels", {"label": {"key": "new", "value": "label", "description": "made meanwhile"}})
    line.write("DELETE", f"/tracking-plans/{plans[0]['id']}")
    line.write("PATCH", f"/tracking-plans/{plans[1]['id']}", {"name": "Renamed"})
    rule = {"type": "TRACK", "key": "Brand New", "version": 1, "jsonSchema": {"type": "object"}}
    line.write("PATCH", f"/tracking-plans/{plans[1]['id']}/rules", {"rules": [rule]})
    line.write("POST", "/tracking-plans", {"name": "New plan", "type": "LIVE"})
    line.write("PATCH", f"/functions/{function['id']}", {"displayName": "Other", "code": "// other"})
    line.write("POST", "/functions", {"code": "// new", "displayName": "New", "resourceType": "SOURCE"})
    line.write("DELETE", f"/users?userIds.0={user['id']}")


def _listed(line: Line, path: str, key: str) -> list[dict[str, Any]]:
    asked = f"{path}{'&' if '?' in path else '?'}pagination.count=100"
    answer = line.sandbox(Request("GET", asked, {"authorization": "Bearer sandbox"}))
    found: list[dict[str, Any]] = json.loads(answer.body)["data"][key]
    return found
