"""The Sandbox: one callable from Request to Response, in five steps.

identify (401), match (404), meter (429), look at what the token may see (401, 403, 404), answer (404, 409, 413, 422).
Each step raises a Refusal; whatever stands between the steps has the same two means: a Refusal or another Response.
"""

from __future__ import annotations

from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec

from .access import Token, identify, unauthorized
from .behaviour import Behaviour
from .bodies import body_of
from .calls import Call, One, Paged, Whole, Write
from .clock import Clock, utc_now
from .life import Life
from .limits import Headers, Limiter, RateLimit
from .media import negotiate
from .messages import Refusal, Request, Response, invalid, not_found
from .paging import page
from .query import Query
from .routes import ROUTES
from .routing import Route, Routes
from .shapes import check
from .sight import Sight, sight
from .tenants import Region, Tenant, Workspace, tenants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from .calls import Answer
    from .life.deeds import Course
    from .sizes import Size
    from .world import World

_encode = msgspec.json.Encoder().encode
_routes = Routes(ROUTES)


class Sandbox:
    """Fake Segment workspaces: one, or those that are given. Safe to call from several threads."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        *,
        size: Size = "small",
        counts: Mapping[str, int] | None = None,
        seed: int = 1,
        token: str = "sandbox",  # noqa: S107 - no secret: the documented token of a fake workspace
        rate_limit: RateLimit = "off",
        now: Callable[[], datetime] = utc_now,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
        tokens: Sequence[Token] = (),
        workspaces: Sequence[Workspace] = (),
        region: Region = "us",
        life: Course | None = None,
    ) -> None:
        """`size`, `counts`, `seed`, `token` and `tokens` make the one workspace that there is without `workspaces`."""
        one = Workspace(
            tuple(tokens) or (Token(token),), region=region, seed=seed, size=size, counts=dict(counts or {})
        )
        self.now = now
        self.region = region
        self.behaviour = behaviour
        self.tenants = tenants_of(workspaces or (one,), now, behaviour)
        self._limiter = Limiter(rate_limit, now)
        self._one_at_a_time = RLock()
        self._asked = 0
        #: What people do in the workspaces meanwhile.
        self.life = Life(self, life) if life else None

    @property
    def world(self) -> World:
        """That of the first workspace."""
        return self.tenants[0].world

    @property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(token for tenant in self.tenants for token in tenant.tokens)

    def __call__(self, request: Request) -> Response:
        if self.life:
            with self._one_at_a_time:
                self.life.catch_up(self._asked)
                self._asked += 1
        try:
            token = identify(request.headers, self.tokens)
            tenant = next(tenant for tenant in self.tenants if token in tenant.tokens)
            return self._respond(tenant, token, request, metered=True)
        except Refusal as refusal:
            return _refused(refusal)
        finally:
            if isinstance(self.now, Clock):
                self.now.tick()

    def act(self, tenant: Tenant, token: Token, request: Request) -> Response:
        """What somebody does in the workspace without a token of the API: the same, but for the rate limit."""
        try:
            return self._respond(tenant, token, request, metered=False)
        except Refusal as refusal:
            return _refused(refusal)

    def _respond(self, tenant: Tenant, token: Token, request: Request, *, metered: bool) -> Response:
        elsewhere = tenant.workspace.region != self.region
        if elsewhere and self.behaviour.other_region == 401:
            raise unauthorized()
        route, call, content_type = _understand(request, token)
        spent = self._limiter.spend(token.secret, route.operation, route.limit) if metered else ()
        with self._one_at_a_time:
            seen = sight(token, tenant.world, route, call, elsewhere=elsewhere)
            status, data = self._answer(tenant, seen, route, call, request.body)
            body = _encode({"data": seen.veiled(data)})
        return Response(status, (("Content-Type", content_type), *spent), body)

    def _answer(
        self, tenant: Tenant, seen: Sight, route: Route, call: Call, body: bytes
    ) -> tuple[int, Mapping[str, Any]]:
        if isinstance(route.answer, Write):
            call = replace(call, body=self._body(route, call, body))
            return route.answer.status, route.answer.effect(tenant.world, call)
        return 200, _data(tenant.seen.world(), call, seen.narrowed(route.answer))

    def _body(self, route: Route, call: Call, body: bytes) -> dict[str, Any]:
        """What the request carries, if the operation has a shape for it; raises the API's 413 and 422."""
        behaviour = self.behaviour
        if len(body) > behaviour.largest_body:
            raise Refusal(413, "RequestError", f"The body must not exceed {behaviour.largest_body} bytes")
        shape = body_of(route.operation, call.version)
        if shape is None:
            return {}
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise invalid("body", "must be valid JSON") from None
        if not isinstance(value, dict):
            raise invalid("body", "must be an object")
        checked: dict[str, Any] = check(shape, value, strict=behaviour.strict)
        return checked


def _understand(request: Request, token: Token) -> tuple[Route, Call, str]:
    path, _, query = request.target.partition("?")
    found = _routes.match(request.method, path)
    if found is None:
        raise not_found("Route")
    route, ids = found
    version, content_type = negotiate(request.headers.get("accept", "*/*"), route.versions)
    call = Call(request.method, path, ids, Query(query), request.headers, version, actor=token.actor, email=token.email)
    return route, call, content_type


def _data(world: World, call: Call, answer: Answer) -> Mapping[str, Any]:
    match answer:
        case Paged() as spec:
            return page(world, call, spec)
        case One(key, record):
            return {key: record(world, call)}
        case Whole(data):
            return data(world, call)
        case Write():
            message = "a write has an effect"
            raise TypeError(message)


def _refused(refusal: Refusal) -> Response:
    headers: Headers = (("Content-Type", "application/json"), *refusal.headers)
    return Response(refusal.status, headers, _encode({"errors": refusal.errors}))
