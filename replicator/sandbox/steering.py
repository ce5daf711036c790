"""What the control endpoint does with the sandbox itself: its clock, the life in it, and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .access import Token
from .clock import Clock
from .clock import control as control_clock
from .control import Refused, only

if TYPE_CHECKING:
    from .application import Sandbox
    from .control import Asked, Handler
    from .tenants import Tenant


def routes_of(sandbox: Sandbox) -> dict[str, Handler]:
    """For `control.routes`."""

    def clock(asked: Asked) -> Any:
        only(asked, "GET", "PUT")
        if not isinstance(sandbox.now, Clock):
            raise Refused(409, "this sandbox was made with a clock that cannot be set")
        wanted = _object(asked) if asked.method == "PUT" else {}
        return control_clock(sandbox.now, wanted)

    def life(asked: Asked) -> Any:
        only(asked, "GET", known=("since",))
        if sandbox.life is None:
            raise Refused(409, "nobody lives in this sandbox")
        since = int(asked.query["since"]) if asked.query.get("since", "").isdecimal() else 0
        return {"count": sandbox.life.count, "done": [one for one in list(sandbox.life.done) if one.number > since]}

    def tokens(asked: Asked) -> Any:
        """PUT sets one, new or known by its secret, from the next request on; DELETE revokes one."""
        only(asked, "GET", "PUT", "DELETE", known=("secret",) if asked.method == "DELETE" else ())
        if asked.method == "PUT":
            _set(sandbox, _object(asked))
        if asked.method == "DELETE":
            _revoke(sandbox, asked.query.get("secret", ""))
        return {"workspaces": {t.workspace.slug: [_shown(token) for token in t.tokens] for t in sandbox.tenants}}

    return {"/clock": clock, "/life": life, "/tokens": tokens}


def _object(asked: Asked) -> dict[str, Any]:
    if isinstance(asked.body, dict):
        return asked.body
    raise ValueError("the body must be an object")


def _set(sandbox: Sandbox, wanted: dict[str, Any]) -> None:
    slug = wanted.pop("workspace", sandbox.tenants[0].workspace.slug)
    tenant = next((tenant for tenant in sandbox.tenants if tenant.workspace.slug == slug), None)
    if tenant is None:
        raise Refused(404, f"there is no workspace {slug!r}")
    try:
        token = msgspec.convert(wanted, Token)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if any(other is not tenant and _has(other, token.secret) for other in sandbox.tenants):
        raise ValueError("a token of that secret belongs to another workspace")
    tenant.tokens = (*(known for known in tenant.tokens if known.secret != token.secret), token)


def _revoke(sandbox: Sandbox, secret: str) -> None:
    tenant = next((tenant for tenant in sandbox.tenants if _has(tenant, secret)), None)
    if tenant is None:
        raise Refused(404, "there is no such token")
    tenant.tokens = tuple(token for token in tenant.tokens if token.secret != secret)


def _has(tenant: Tenant, secret: str) -> bool:
    return any(token.secret == secret for token in tenant.tokens)


def _shown(token: Token) -> dict[str, Any]:
    """Without its secret."""
    return {
        "actor": token.actor,
        "roles": token.roles,
        "permissions": token.permissions,
        "read_only": token.read_only,
    }
