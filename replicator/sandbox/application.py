"""The Sandbox: one callable from Request to Response, in four steps.

identify (401), match (404), meter (429), answer (404, 422). Each step raises a Refusal; whatever later
stands between the steps, such as faults, has the same two means: a Refusal or another Response.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .access import Token, identify
from .calls import Call, One, Paged, Whole
from .limits import Headers, Limiter, RateLimit
from .media import negotiate
from .messages import Refusal, Request, Response, not_found
from .paging import page
from .query import Query
from .routes import ROUTES
from .routing import Route, Routes
from .sizes import Size, counts_of
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_encode = msgspec.json.Encoder().encode
_routes = Routes(ROUTES)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """A fake Segment workspace. Safe to call from several threads."""

    def __init__(
        self,
        *,
        size: Size = "small",
        counts: Mapping[str, int] | None = None,
        seed: int = 1,
        token: str = "sandbox",  # noqa: S107 - no secret: the documented token of a fake workspace
        rate_limit: RateLimit = "off",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.world = World(seed=seed, counts=counts_of(size, counts), now=now)
        self.tokens = (Token(token),)
        self._limiter = Limiter(rate_limit, now)

    def __call__(self, request: Request) -> Response:
        try:
            token = identify(request.headers, self.tokens)
            route, call, content_type = _understand(request)
            spent = self._limiter.spend(token.secret, route.operation, route.limit)
            body = _encode({"data": _data(self.world, call, route)})
        except Refusal as refusal:
            return _refused(refusal)
        return Response(200, (("Content-Type", content_type), *spent), body)


def _understand(request: Request) -> tuple[Route, Call, str]:
    path, _, query = request.target.partition("?")
    found = _routes.match(path) if request.method == "GET" else None
    if found is None:
        raise not_found("Route")
    route, ids = found
    version, content_type = negotiate(request.headers.get("accept", "*/*"), route.versions)
    call = Call(request.method, path, ids, Query(query), request.headers, version)
    return route, call, content_type


def _data(world: World, call: Call, route: Route) -> Mapping[str, Any]:
    match route.answer:
        case Paged() as spec:
            return page(world, call, spec)
        case One(key, record):
            return {key: record(world, call)}
        case Whole(data):
            return data(world, call)


def _refused(refusal: Refusal) -> Response:
    headers: Headers = (("Content-Type", "application/json"), *refusal.headers)
    return Response(refusal.status, headers, _encode({"errors": refusal.errors}))
