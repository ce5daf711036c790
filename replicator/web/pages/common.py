"""What every page of a connection begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from replicator.web import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.catalog.model import Object
    from replicator.web.guard import Visit
    from replicator.web.sight import Seen, Sights
    from replicator.web.site import Site


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def named(request: Request) -> str:
    """The connection that the path is about."""
    name: str = request.path_params["connection"]
    if name not in site_of(request).connections():
        raise HTTPException(404)
    return name


def thing_of(request: Request) -> Object:
    """The object that the path is about."""
    from replicator.catalog import by_name

    name: str = request.path_params["object"]
    if name not in by_name:
        raise HTTPException(404)
    return by_name[name]


def seen_of(request: Request, name: str) -> Seen:
    """The connection's sight, as the tabs tell it."""
    sights: Sights = request.app.state.sights
    return sights.of(name)


def page(request: Request, template: str, tab: str, status: int = 200, /, **values: Any) -> Response:
    """A page of one connection, with its tabs."""
    name = named(request)
    names = list(site_of(request).connections())
    return render.page(
        request, template, status, name=name, names=names, tab=tab, seen=seen_of(request, name), **values
    )


def who(request: Request) -> str:
    """Who decides, for the record: the name of the login, else where the request came from."""
    visit: Visit = request.state.visit
    return visit.who or f"the status page, asked from {visit.address}"
