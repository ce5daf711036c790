"""What every request has to pass before a page is made, and the headers that every answer gets.

A form is taken only from a page of ours: its Origin has to be ours, and its token that of the browser's cookie. Host
has to be an address or a name of ours, so that no foreign name can be pointed at this machine (DNS rebinding). What
monitors ask has no cookie, changes nothing and passes by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from replicator.web.site import PROBES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from replicator.settings import Web
    from replicator.web.sessions import Sessions

#: A form with a merged function's code is the largest.
_LARGEST_BODY = 2**21
_MOST_FIELDS = 200
#: Without a login: what it takes to log in.
_OPEN = ("/login", "/static/")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    # Forms have to say where they come from.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as far as the guard knows it."""

    #: The cookie's value, and what a form has to send besides.
    cookie: str = ""
    token: str = ""
    #: Whoever is logged in; empty: nobody has to be.
    who: str = ""
    address: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of who may ask."""

    web: Web
    port: int
    password: bool

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return (self.web.url or "").startswith("https:")

    @property
    def cookie(self) -> str:
        """Browsers do not tell ports apart."""
        return "__Host-replicator" if self.secure else f"replicator-{self.port}"

    def set_cookie(self, value: str) -> str:
        """The header that lets the browser keep it until it is closed."""
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def knows_host(self, host: str) -> bool:
        """Whether that is an address, this machine or a name that the configuration gives."""
        name = _name(host)
        try:
            ip_address(name)
        except ValueError:
            known = {*self.web.hosts, _name(urlsplit(self.web.url or "").netloc), (self.web.listen or ("",))[0]}
            return name == "localhost" or name in {each.lower() for each in known if each}
        return True

    def knows_origin(self, origin: str, host: str) -> bool:
        """Whether the form lay on a page of ours."""
        return origin == self.web.url or (not self.secure and origin == f"http://{host}")


def _name(host: str) -> str:
    """Without port and brackets: [::1]:8080 -> ::1."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


class Guard:
    """Around the application, as ASGI has it."""

    def __init__(self, app: ASGIApp, rules: Rules, sessions: Sessions) -> None:
        self._app, self._rules, self._sessions = app, rules, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        fresh = ""
        answer: Response | None = None
        if scope["path"] in PROBES:
            if scope["method"] not in {"GET", "HEAD"}:
                answer = PlainTextResponse("Only GET and HEAD are answered.\n", 405, {"allow": "GET, HEAD"})
        else:
            cookie = _cookie(headers.get("cookie", ""), self._rules.cookie)
            fresh = "" if cookie or scope["path"].startswith("/static/") else self._sessions.fresh()
            form: Mapping[str, str] = {}
            answer = self._refused(scope, headers, cookie)
            if answer is None and scope["method"] == "POST":
                form, answer = await self._form(receive, headers, cookie)
            client = scope.get("client")
            session = self._sessions.of(cookie) if cookie else None
            scope.setdefault("state", {})["visit"] = Visit(
                cookie or fresh,
                self._sessions.token(cookie or fresh),
                session.who if session else "",
                client[0] if client else "",
                form,
            )
            # Who comes by a link from elsewhere brings no cookie, and must not lose the one that he has.
            fresh = fresh if answer is None else ""
        await (answer or self._app)(scope, receive, self._dressed(send, fresh))

    def _refused(self, scope: Scope, headers: Mapping[str, str], cookie: str) -> Response | None:
        host, method, path = headers.get("host", ""), scope["method"], scope["path"]
        if not self._rules.knows_host(host):
            return PlainTextResponse(
                "This page is not known by that name. Ask by its address, or give the name in web.hosts.\n", 421
            )
        if method not in {"GET", "HEAD", "POST"}:
            return PlainTextResponse("Only GET, HEAD and POST are answered.\n", 405, {"allow": "GET, HEAD, POST"})
        if method == "POST" and not self._rules.knows_origin(headers.get("origin", ""), host):
            return PlainTextResponse("This form did not come from a page of this server.\n", 403)
        if method != "POST" and not cookie and headers.get("sec-fetch-site") == "cross-site":
            return _once_more(scope)
        if self._rules.password and not path.startswith(_OPEN) and not (cookie and self._sessions.of(cookie)):
            return _to_login(scope, headers)
        return None

    async def _form(
        self, receive: Receive, headers: Mapping[str, str], cookie: str
    ) -> tuple[Mapping[str, str], Response | None]:
        if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return {}, PlainTextResponse("Only forms are taken.\n", 415)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False) and message["type"] == "http.request"
            if len(body) > _LARGEST_BODY:
                return {}, PlainTextResponse("This form is too large.\n", 413, {"connection": "close"})
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        except ValueError:
            return {}, PlainTextResponse("This is no form.\n", 400)
        if not self._sessions.fits(cookie, form.get("csrf", "")):
            return {}, PlainTextResponse(
                "This form is out of date, or cookies are switched off: load its page again and send it again.\n", 403
            )
        return form, None

    def _dressed(self, send: Send, fresh: str) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if fresh and b"set-cookie" not in given:
                    more.append((b"set-cookie", self._rules.set_cookie(fresh).encode()))
                if self._rules.secure:
                    more.append((b"strict-transport-security", b"max-age=31536000"))
                message["headers"] = [*message["headers"], *(each for each in more if each[0] not in given)]
            await send(message)

        return dressed


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found and 0 < len(found.value) <= 100 else ""


def _once_more(scope: Scope) -> Response:
    """A page that asks for itself: browsers send a strict cookie only where our own page is what asks."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>segment-replicator</title>'
        f'<meta http-equiv="refresh" content="0;url={_path(scope)}"></head>'
        f'<body><p><a href="{_path(scope)}">Go on</a></p></body></html>'
    )
    return Response(text, media_type="text/html")


def _to_login(scope: Scope, headers: Mapping[str, str]) -> Response:
    if "hx-request" in headers:
        return PlainTextResponse("Log in again.\n", 401, {"hx-redirect": "/login"})
    if scope["method"] == "POST":
        return RedirectResponse("/login", 303)
    return RedirectResponse(f"/login?next={quote(_path(scope), safe='')}", 303)


def _path(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return "/" + quote(scope["path"].lstrip("/"), safe="/") + (f"?{quote(query, safe='=&%')}" if query else "")
