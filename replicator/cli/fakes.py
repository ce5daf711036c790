"""The sandbox that the options of `replicator sandbox` ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from replicator.errors import UsageError

if TYPE_CHECKING:
    from replicator.sandbox import Sandbox

T = TypeVar("T")
_ONE_WORKSPACE = {"size": "small", "counts": {}, "seed": 1, "token": "sandbox"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where, when, by whom and how, as the options say it."""

    workspaces: Path | None
    region: str
    clock: str
    life: str | None
    behaviour: Sequence[str]


def made(place: Place, one: Mapping[str, Any], **more: Any) -> Sandbox:
    """`one` is what makes the one workspace that there is without a file of them."""
    from replicator.sandbox import Sandbox
    from replicator.sandbox.behaviour import behaviour_of
    from replicator.sandbox.clock import parse_clock
    from replicator.sandbox.life import life_of
    from replicator.sandbox.tenants import REGIONS, workspaces_in

    if place.region not in REGIONS:
        raise UsageError(f"--region is {place.region!r}, but must be {' or '.join(REGIONS)}.")
    if place.workspaces and one != _ONE_WORKSPACE:
        raise UsageError("--workspaces says all of the workspaces: leave out --size, --count, --seed and --token.")
    more["now"] = _read("--clock", parse_clock, place.clock)
    more["behaviour"] = _read("--behaviour", behaviour_of, place.behaviour)
    if place.life:
        more["life"] = _read("--life", life_of, place.life)
    if place.workspaces:
        more["workspaces"] = _read("--workspaces", workspaces_in, place.workspaces)
    try:
        return Sandbox(region=place.region, **one, **more)
    except ValueError as error:
        raise UsageError(f"The sandbox cannot be made so: {error}.") from None


def token_of(sandbox: Sandbox) -> str:
    """One that it takes, to show."""
    here = (tenant for tenant in sandbox.tenants if tenant.workspace.region == sandbox.region)
    tenant = next(here, sandbox.tenants[0])
    return tenant.tokens[0].secret if tenant.tokens else ""


def _read(option: str, parse: Callable[[Any], T], value: object) -> T:
    try:
        return parse(value)
    except OSError as error:
        raise UsageError(f"{option}: cannot read {value}: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None
