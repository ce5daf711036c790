"""The text that Prometheus reads. What nobody counted has no line: a missing one says "not known", 0 says 0.

A job is called `job_name` there, because Prometheus gives each target a label `job` itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from .figures import CHANGES

if TYPE_CHECKING:
    from .figures import Figures

TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and what it means; sums of this process only ever grow, everything else is a gauge."""

    name: str
    help: str
    kind: Literal["gauge", "counter"] = "gauge"


_DAY = "of runs that began in the last 24 hours"
METRICS = {
    metric.name: metric
    for metric in (
        Metric("replicator_info", "Always 1; the version of this daemon"),
        Metric("replicator_up", "Whether the connection's database could be asked"),
        Metric("replicator_keeper_age_seconds", "Time since the connection's thread gave its last sign of life"),
        Metric("replicator_runs_24h", "Runs that began in the last 24 hours"),
        Metric("replicator_requests_24h", f"Requests to the API {_DAY} and have ended"),
        Metric("replicator_rows_24h", f"Rows, by kind of change, {_DAY}"),
        Metric("replicator_last_run_status", "Always 1; how the newest ended run of the job ended"),
        Metric("replicator_last_run_seconds", "How long the newest ended run of the job took"),
        Metric("replicator_last_run_ended_timestamp_seconds", "When the newest ended run of the job ended"),
        Metric("replicator_success_age_seconds", "Time since a run ended done or partial"),
        Metric("replicator_object_status", "Always 1; the state of the object"),
        Metric("replicator_object_age_seconds", "Time since the object's last complete listing"),
        Metric("replicator_object_records", "Records in the object's last complete listing"),
        Metric("replicator_quarantined_records", "Records in quarantine"),
        Metric("replicator_pending_edits", "Edits in the database that Segment does not have"),
        Metric("replicator_conflicts", "Edits that the workspace contradicts"),
        Metric("replicator_alerts", "Conditions that need a person and stand"),
        Metric("replicator_alerts_untold", "Alerts that the channel could not be told yet"),
        Metric("replicator_api_requests_total", "Requests that this process sent, retries included", "counter"),
        Metric("replicator_api_retries_total", "Requests that this process sent again", "counter"),
        Metric("replicator_api_refused_total", "Answers with status 429 that this process got", "counter"),
        Metric("replicator_api_waits_total", "How often this process waited for the rate limit or a retry", "counter"),
        Metric("replicator_api_waited_seconds_total", "How long its threads waited, summed", "counter"),
    )
}
#: What the client counts, by the attribute of segment.counters.Counters.
COUNTED = {
    "requests": "replicator_api_requests_total",
    "retries": "replicator_api_retries_total",
    "refused": "replicator_api_refused_total",
    "waits": "replicator_api_waits_total",
    "waited": "replicator_api_waited_seconds_total",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line; `name` is a key of METRICS."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(connection: str, found: Figures, pending: Mapping[str, int]) -> Iterator[Sample]:
    """Every line about one connection's database; `pending` are its edits by object."""
    for name, value, labels in (*_of_runs(found), *_of_objects(found), *_of_people(found, pending)):
        yield Sample(f"replicator_{name}", {"connection": connection, **labels}, value)


def _of_runs(found: Figures) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    for (job, status), count in found.runs.items():
        yield "runs_24h", count, {"job_name": job, "status": status}
    yield "requests_24h", found.requests, {}
    for last in found.last:
        of = {"job_name": last.job}
        yield "last_run_status", 1, {**of, "status": last.status}
        yield "last_run_seconds", (last.ended - last.began).total_seconds(), of
        yield "last_run_ended_timestamp_seconds", last.ended.timestamp(), of
    if found.succeeded:
        yield "success_age_seconds", _age(found, found.succeeded), {}


def _of_objects(found: Figures) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    for name, counts in found.rows.items():
        for change in CHANGES:
            yield "rows_24h", counts[change], {"object": name, "change": change}
    for name, state in found.objects.items():
        yield "object_status", 1, {"object": name, "status": state.status}
        if state.listed_at:
            yield "object_age_seconds", _age(found, state.listed_at), {"object": name}
        if state.records is not None:
            yield "object_records", state.records, {"object": name}
    for name, count in found.quarantined.items():
        yield "quarantined_records", count, {"object": name}


def _of_people(found: Figures, pending: Mapping[str, int]) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    """What waits for a person."""
    for name, count in pending.items():
        yield "pending_edits", count, {"object": name}
    for name, count in found.conflicts.items():
        yield "conflicts", count, {"object": name}
    for kind, count in found.alerts.items():
        yield "alerts", count, {"kind": kind}
    for channel, count in found.untold.items():
        yield "alerts_untold", count, {"channel": channel}


def _age(found: Figures, moment: datetime) -> float:
    return max(0.0, (found.now - moment).total_seconds())


def text(found: list[Sample]) -> str:
    """Metric by metric, as the format wants it."""
    lines: list[str] = []
    for name, metric in METRICS.items():
        mine = [each for each in found if each.name == name]
        if mine:
            lines += [f"# HELP {name} {metric.help}.", f"# TYPE {name} {metric.kind}", *map(_line, mine)]
    return "\n".join(lines) + "\n"


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {sample.value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
