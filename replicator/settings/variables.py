"""Variables of the environment that look like settings and are none: a mistyped one would be left unheard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from replicator.settings.keys import ALERT_KEYS, FLEET_KEYS, JOB_ALERT_KEYS, JOB_KEYS, KEYS, WEB_KEYS
from replicator.settings.loader import CONFIG_VARIABLE, CONNECTION_VARIABLE, variable

if TYPE_CHECKING:
    from replicator.settings.model import Configuration

#: Others may have variables of the same beginning, as Kubernetes makes for a service called replicator.
_ALIKE = 0.85


def mistyped(environ: Mapping[str, str], found: Configuration) -> list[tuple[str, str]]:
    """Each such variable, and the nearest that there is."""
    known = {CONFIG_VARIABLE, CONNECTION_VARIABLE, "REPLICATOR_DEBUG", *_of(found)}
    others = sorted(name for name in environ if name.startswith("REPLICATOR_") and name not in known)
    near = {name: get_close_matches(name, known, n=1, cutoff=_ALIKE) for name in others}
    return [(name, nearest[0]) for name, nearest in near.items() if nearest]


def _of(found: Configuration) -> Iterable[str]:
    yield from map(variable, KEYS)
    for table, keys in (("web", WEB_KEYS), ("alerts", ALERT_KEYS), ("fleet", FLEET_KEYS)):
        yield from (variable(f"{table}.{key}") for key in keys)
    for name in found.connections:
        yield from (variable(key, name) for key in KEYS)
    for name in found.jobs:
        yield from (variable(f"jobs.{name}.{key}") for key in JOB_KEYS)
        yield from (variable(f"jobs.{name}.alerts.{key}") for key in JOB_ALERT_KEYS)
