"""Settings that are right and do nothing without another one: each a sentence, less its full stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]


def of_job(name: str, job: Values) -> Iterator[str]:
    """Times of a job that has none."""
    said: Mapping[str, str] = job["places"]
    if job.get("time_zone", "UTC") != "UTC" and "schedule" not in said:
        yield f"{said['time_zone']} needs jobs.{name}.schedule"
    if job.get("jitter") and not said.keys() & {"schedule", "every"}:
        yield f"{said['jitter']} needs jobs.{name}.schedule or jobs.{name}.every"


def of_web(web: Values, said: Mapping[str, str]) -> Iterator[str]:
    """Names of a page that is nowhere."""
    if "listen" not in said:
        yield from (f"{said[key]} needs web.listen" for key in ("url", "hosts") if web.get(key))


def of_sync(name: str, job: Values, connections: Mapping[str, Values], path: object) -> Iterator[str]:
    """A job that would send nothing."""
    silent = [each for each in job["connections"] if each in connections and not connections[each].get("push")]
    if job.get("sync") and silent:
        whose = f"connection {', '.join(silent)}"
        yield f"jobs.{name}.sync in {path} needs `push = true` of {whose}, which would send nothing"


def of_push(connections: Collection[Values]) -> Iterator[str]:
    """What is sent besides, said where no connection that it is for sends anything."""
    for key in ("push_deletes", "deploy"):
        asked = [each for each in connections if each.get(key)]
        # A `push` that cannot be read is told already.
        sent = {each["places"][key] for each in asked if each.get("push", "push" in each["places"])}
        for place in dict.fromkeys(each["places"][key] for each in asked):
            if place not in sent:
                yield f"{place} needs `push = true`, without which nothing is sent"
