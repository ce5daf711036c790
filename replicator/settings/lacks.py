"""Settings that are right and do nothing without another one: each a sentence, less its full stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]


def of_job(name: str, job: Values) -> Iterator[str]:
    """A zone of times that are none. What waits for a schedule or for `push` may stay while that is away."""
    said: Mapping[str, str] = job["places"]
    if job.get("time_zone", "UTC") != "UTC" and "every" in said and "schedule" not in said:
        yield f"{said['time_zone']} needs jobs.{name}.schedule in place of jobs.{name}.every"


def of_sync(name: str, job: Values, connections: Mapping[str, Values], path: object) -> Iterator[str]:
    """A job that would send nothing."""
    silent = [each for each in job["connections"] if each in connections and not connections[each].get("push")]
    if job.get("sync") and silent:
        whose = f"connection {', '.join(silent)}"
        yield f"jobs.{name}.sync in {path} needs `push = true` of {whose}, which would send nothing"
