"""Who may ask: bearer tokens as data, each of one workspace, with roles for all of it or for single resources."""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from .messages import Refusal
from .roles import ADMINS, NEEDS_ALL, OWNER, READERS, ROLE_NAMES, STATED, Area, area_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .routing import Route


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role for these resources alone: ids of sources, warehouses, functions or spaces."""

    role: str
    resources: tuple[str, ...]

    def __post_init__(self) -> None:
        _known(self.role)


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An owner's, if it says neither roles nor permissions."""

    secret: str
    #: For the whole workspace.
    roles: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    #: It changes nothing, whatever its roles may.
    read_only: bool = False
    #: The id and the address of the user who acts, where it is no Public API token but somebody in the app.
    user: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        for role in self.roles:
            _known(role)

    @property
    def actor(self) -> str:
        """How the audit trail names it (resources.md, "Change detection")."""
        return self.user or f"public-api-token/{blake2b(self.secret.encode(), digest_size=6).hexdigest()}"

    def __repr__(self) -> str:
        return f"Token(…, roles={self._everywhere}, permissions={self.permissions})"

    @property
    def _everywhere(self) -> tuple[str, ...]:
        return self.roles if self.roles or self.permissions else (OWNER,)

    def owns(self) -> bool:
        return OWNER in self._everywhere

    def reach(self, area: Area, *, change: bool = False) -> frozenset[str] | None:
        """The ids of what it may see (or change) of this area; None for all of it."""
        if area == "everyone" and not change:
            return None
        may = ADMINS if change else READERS
        if any(area in may.get(role, ()) for role in self._everywhere):
            return None
        granted = (permission for permission in self.permissions if area in may.get(permission.role, ()))
        return frozenset(identifier for permission in granted for identifier in permission.resources)

    def may(self, route: Route) -> bool:
        """Whether it may ask this at all, be it about single resources."""
        change = route.method != "GET"
        if change and self.read_only:
            return False
        held = {*self._everywhere, *(permission.role for permission in self.permissions)}
        if needed := STATED.get(route.operation):
            enough = all if route.operation in NEEDS_ALL else any
            return OWNER in held or enough(_holds(held, role) for role in needed)
        area = area_of(route)
        return self.reach(area, change=change) != frozenset()


def _holds(held: Iterable[str], role: str) -> bool:
    return role in held or role.replace("Read-only", "Admin") in held


def _known(role: str) -> None:
    if role not in ROLE_NAMES:
        message = f"there is no role {role!r}; there are {', '.join(ROLE_NAMES)}"
        raise ValueError(message)


def identify(headers: Mapping[str, str], tokens: Iterable[Token]) -> Token:
    """The token of the `Authorization: Bearer` header; raises the API's 401."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    for token in tokens:
        same = hmac.compare_digest(secret.strip().encode(), token.secret.encode())
        if scheme.lower() == "bearer" and same:
            return token
    raise unauthorized()


def unauthorized(message: str = "You are not authorized to perform this action") -> Refusal:
    return Refusal(401, "unauthorized", message)
