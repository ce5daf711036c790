"""Volumes and delivery metrics: time series that the API answers for a window."""

from __future__ import annotations

from replicator.catalog.model import (
    Column,
    Explode,
    Listing,
    Object,
    Paging,
    Parent,
    Shape,
    Window,
    json,
    number,
    text,
    timestamp,
)
from replicator.catalog.shared import DELIVERY, given

_FROM_SOURCE = Parent("Sources", {"sourceId": "id"})
_TO_DESTINATION = Parent("Destinations", {"sourceId": "source_id", "destinationConfigId": "id"})
_SERIES = Explode("series")

# The options are eventName, eventType and source (docs/EventsAPI.md of the Go SDK), sent indexed. All three, because
# an ungrouped answer is one total. A group names its source as an object; the key needs the id alone, since a renamed
# source stays the same source.
EVENTS_VOLUME = Object(
    name="EventsVolume",
    groups=DELIVERY,
    listing=Listing(
        operation="getEventsVolumeFromWorkspace",
        path="/events/volume",
        items=("result",),
        query={"groupBy.0": "source", "groupBy.1": "eventName", "groupBy.2": "eventType"},
        lifted={"sourceId": ("source", "id")},
        rate=60,
    ),
    columns=(
        given("granularity"),
        given("sourceId"),
        json("source"),
        text("eventName"),
        text("eventType"),
        number("total"),
        timestamp("time"),
        number("count"),
    ),
    key=("granularity", "source_id", "event_name", "event_type", "time"),
    tracking="window",
    tracked_by="time",
    window=Window.VOLUME,
    explode=_SERIES,
    note="`total` belongs to the window that was asked for. Segment advises to end it a minute before now.",
)


def _metrics(name: str, operation: str, path: str, parent: Parent, *, reasons: bool) -> Object:
    """One of the delivery overview's six: counts per event name and type and, where things can fail, per reason.

    The options of groupBy are eventName, eventType, discardReason and appVersion (docs/DeliveryOverviewApi.md of the
    Java SDK; no discardReason for what was received). appVersion would only multiply the rows.
    """
    dimensions = ("eventName", "eventType", "discardReason") if reasons else ("eventName", "eventType")
    asked: tuple[Column, ...] = (*(given(parameter) for parameter in parent.params), given("granularity"))
    groups = tuple(text(dimension) for dimension in dimensions)
    rest = () if reasons else (text("discardReason"),)
    return Object(
        name=name,
        groups=DELIVERY,
        listing=Listing(
            operation=operation,
            path="/delivery-overview/" + path,
            items=("dataset",),
            query={f"groupBy.{index}": dimension for index, dimension in enumerate(dimensions)},
        ),
        columns=(
            *asked,
            *groups,
            *rest,
            text("appVersion"),
            number("total"),
            number("totalRetryCount"),
            timestamp("time"),
            number("count"),
            number("retryCount"),
        ),
        key=(*(column.name for column in (*asked, *groups)), "time"),
        tracking="window",
        tracked_by="time",
        parents=(parent,),
        window=Window.VOLUME,
        explode=_SERIES,
        stability="beta",
        note="`total` belongs to the window that was asked for: MINUTE at most 4 hours of the last 48, HOUR 14 days "
        "of the last 30, DAY the last 30 days.",
    )


OBJECTS = (
    EVENTS_VOLUME,
    _metrics(
        "IngressSuccessMetrics",
        "getIngressSuccessMetricsFromDeliveryOverview",
        "successfully-received",
        _FROM_SOURCE,
        reasons=False,
    ),
    _metrics(
        "IngressFailedMetrics",
        "getIngressFailedMetricsFromDeliveryOverview",
        "failed-on-ingest",
        _FROM_SOURCE,
        reasons=True,
    ),
    _metrics(
        "FilteredAtSourceMetrics",
        "getFilteredAtSourceMetricsFromDeliveryOverview",
        "filtered-at-source",
        _FROM_SOURCE,
        reasons=True,
    ),
    _metrics(
        "FilteredAtDestinationMetrics",
        "getFilteredAtDestinationMetricsFromDeliveryOverview",
        "filtered-at-destination",
        _TO_DESTINATION,
        reasons=True,
    ),
    _metrics(
        "EgressSuccessMetrics",
        "getEgressSuccessMetricsFromDeliveryOverview",
        "successful-delivery",
        _TO_DESTINATION,
        reasons=False,
    ),
    _metrics(
        "EgressFailedMetrics",
        "getEgressFailedMetricsFromDeliveryOverview",
        "failed-delivery",
        _TO_DESTINATION,
        reasons=True,
    ),
    Object(
        name="DestinationDeliveryMetrics",
        groups=DELIVERY,
        listing=Listing(
            operation="listDeliveryMetricsSummaryFromDestination",
            path="/destinations/{destinationId}/delivery-metrics",
            items=("deliveryMetricsSummary",),
            shape=Shape.ONE,
            paging=Paging.NONE,
        ),
        columns=(
            given("destinationId"),
            text("sourceId"),
            text("destinationMetadataId"),
            given("granularity"),
            timestamp("startTime", given=True),
            timestamp("endTime", given=True),
            text("metricName"),
            number("total"),
            json("breakdown"),
        ),
        # One sum over the whole window, so the window is part of what the row is.
        key=("destination_id", "source_id", "granularity", "start_time", "end_time", "metric_name"),
        tracking="window",
        tracked_by="end_time",
        parents=(Parent("Destinations", {"destinationId": "id", "sourceId": "source_id"}),),
        window=Window.VOLUME,
        explode=Explode("metrics"),
        stability="beta",
        note="MINUTE at most 4 hours of the last 48, HOUR 7 days of the last 7, DAY 14 days of the last 14.",
    ),
)
