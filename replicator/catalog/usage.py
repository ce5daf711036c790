"""Daily usage: API calls and monthly tracked users, of the workspace and per source."""

from __future__ import annotations

from replicator.catalog.model import Column, Listing, Object, Window, number, text, timestamp
from replicator.catalog.shared import USAGE, given

API_CALLS = (text("apiCalls"), timestamp("timestamp"))
TRACKED_USERS = (
    number("periodStart"),
    number("periodEnd"),
    text("anonymous"),
    text("anonymousIdentified"),
    text("identified"),
    text("neverIdentified"),
    timestamp("timestamp"),
)


def _daily(listing: Listing, *columns: Column, key: tuple[str, ...] = ("timestamp",)) -> Object:
    """The counts are cumulative and restated (docs/APICallsApi.md of the SDK), so a whole month is read again."""
    items = listing.items[0]
    return Object(
        name=items[0].upper() + items[1:],
        groups=USAGE,
        listing=listing,
        columns=(given("period"), *columns),
        key=key,
        tracking="window",
        tracked_by="timestamp",
        window=Window.PERIOD,
        note="A row is a day; the figures of its month are cumulative and change.",
    )


OBJECTS = (
    _daily(
        Listing(
            operation="getDailyWorkspaceApiCallsUsage",
            path="/usage/api-calls/daily",
            items=("dailyWorkspaceAPICallsUsage",),
        ),
        *API_CALLS,
    ),
    _daily(
        Listing(
            operation="getDailyPerSourceApiCallsUsage",
            path="/usage/api-calls/sources/daily",
            items=("dailyPerSourceAPICallsUsage",),
        ),
        text("sourceId"),
        *API_CALLS,
        key=("source_id", "timestamp"),
    ),
    _daily(
        Listing(
            operation="getDailyWorkspaceMtuUsage",
            path="/usage/mtu/daily",
            items=("dailyWorkspaceMTUUsage",),
        ),
        *TRACKED_USERS,
    ),
    _daily(
        Listing(
            operation="getDailyPerSourceMtuUsage",
            path="/usage/mtu/sources/daily",
            items=("dailyPerSourceMTUUsage",),
        ),
        text("sourceId"),
        *TRACKED_USERS,
        key=("source_id", "timestamp"),
    ),
)
