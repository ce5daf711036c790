"""The Sandbox: one callable from Request to Response, in four steps.

identify (401), match (404), meter (429), answer (404, 409, 413, 422). Each step raises a Refusal; whatever
stands between the steps, such as faults, has the same two means: a Refusal or another Response.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec

from .access import Token, identify
from .behaviour import Behaviour
from .bodies import BODIES
from .calls import Call, One, Paged, Whole, Write
from .delay import Delayed
from .limits import Headers, Limiter, RateLimit
from .media import negotiate
from .messages import Refusal, Request, Response, invalid, not_found
from .paging import page
from .query import Query
from .routes import ROUTES
from .routing import Route, Routes
from .shapes import check
from .sizes import Size, counts_of
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .calls import Answer

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
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
    ) -> None:
        self.world = World(seed=seed, counts=counts_of(size, counts), now=now, behaviour=behaviour)
        self.tokens = (Token(token),)
        self._limiter = Limiter(rate_limit, now)
        self._seen = Delayed(self.world)
        self._one_at_a_time = RLock()

    def __call__(self, request: Request) -> Response:
        try:
            token = identify(request.headers, self.tokens)
            route, call, content_type = _understand(request, token)
            spent = self._limiter.spend(token.secret, route.operation, route.limit)
            status, data = self._answer(route, call, request.body)
            body = _encode({"data": data})
        except Refusal as refusal:
            return _refused(refusal)
        return Response(status, (("Content-Type", content_type), *spent), body)

    def _answer(self, route: Route, call: Call, body: bytes) -> tuple[int, Mapping[str, Any]]:
        with self._one_at_a_time:
            if isinstance(route.answer, Write):
                call = replace(call, body=self._body(route, body))
                return route.answer.status, route.answer.effect(self.world, call)
            return 200, _data(self._seen.world(), call, route.answer)

    def _body(self, route: Route, body: bytes) -> dict[str, Any]:
        """What the request carries, if the operation has a shape for it; raises the API's 413 and 422."""
        behaviour = self.world.behaviour
        if len(body) > behaviour.largest_body:
            raise Refusal(413, "RequestError", f"The body must not exceed {behaviour.largest_body} bytes")
        shape = BODIES.get(route.operation)
        if shape is None:
            return {}
        try:
            value = msgspec.json.decode(body)
        except msgspec.DecodeError:
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
    call = Call(request.method, path, ids, Query(query), request.headers, version, actor=token.actor)
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
