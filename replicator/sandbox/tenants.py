"""The workspaces that a sandbox serves: what they are made of, as data, and what they are once made."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from .access import Token
from .delay import Delayed
from .roles import FEATURES, TIERS, Tier
from .sizes import Size, counts_of
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from .behaviour import Behaviour

Region = Literal["us", "eu"]
REGIONS: tuple[Region, ...] = ("us", "eu")


class Workspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One workspace, as `--workspaces FILE` says it."""

    tokens: tuple[Token, ...]
    slug: str = "acme-outdoors"
    name: str = "Acme Outdoors"
    region: Region = "us"
    seed: int = 1
    size: Size = "small"
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    tier: Tier = "business"
    #: Instead of those of the tier.
    features: frozenset[str] | None = None

    @property
    def bought(self) -> frozenset[str]:
        return TIERS[self.tier] if self.features is None else self.features


@dataclass(slots=True)
class Tenant:
    """A workspace with its own world, its own state and its own tokens."""

    workspace: Workspace
    world: World
    #: What readers see of the world.
    seen: Delayed = field(init=False)
    tokens: tuple[Token, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.seen = Delayed(self.world)
        self.tokens = self.workspace.tokens


def tenants_of(
    workspaces: Iterable[Workspace], now: Callable[[], datetime], behaviour: Behaviour
) -> tuple[Tenant, ...]:
    """Raises a ValueError where they could not be told apart, or are made of what does not exist."""
    made = tuple(workspaces)
    _distinct("seed", [str(workspace.seed) for workspace in made])
    _distinct("slug", [workspace.slug for workspace in made])
    _distinct("token", [token.secret for workspace in made for token in workspace.tokens])
    return tuple(Tenant(workspace, _world(workspace, now, behaviour)) for workspace in made)


def _world(workspace: Workspace, now: Callable[[], datetime], behaviour: Behaviour) -> World:
    if unknown := sorted(workspace.bought - FEATURES):
        message = f"there is no feature {unknown[0]!r}; there are {', '.join(sorted(FEATURES))}"
        raise ValueError(message)
    return World(
        seed=workspace.seed,
        counts=counts_of(workspace.size, workspace.counts),
        now=now,
        behaviour=behaviour,
        slug=workspace.slug,
        name=workspace.name,
        features=workspace.bought,
    )


def _distinct(what: str, values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        message = f"two of the workspaces have the same {what}"
        raise ValueError(message)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    workspaces: tuple[Workspace, ...]


def workspaces_of(data: Any) -> tuple[Workspace, ...]:
    """From `{"workspaces": [...]}`; raises a ValueError that names what is wrong and where."""
    try:
        found = msgspec.convert(data, _File).workspaces
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if not found:
        message = "there is no workspace in it"
        raise ValueError(message)
    return found


def workspaces_in(path: Path) -> tuple[Workspace, ...]:
    """From a TOML or, by its name, a JSON file; raises ValueError and OSError."""
    text = path.read_text(encoding="utf-8")
    try:
        return workspaces_of(msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text))
    except (ValueError, msgspec.DecodeError) as error:
        message = f"{path.name}: {error}"
        raise ValueError(message) from None
