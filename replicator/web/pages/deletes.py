"""Deletions that the guard holds back, and a person's word that lets one run perform them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from replicator import exact
from replicator.catalog import by_name
from replicator.target.bookkeeping import bookkeeping
from replicator.target.decisions import TAKEN_BACK, Decisions
from replicator.target.state import State
from replicator.web.pages import common
from replicator.web.veil import shown

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.target.state import ObjectState

_DECISIONS = 20

log = logging.getLogger("replicator.web")


def listed(request: Request) -> Response:
    name = common.named(request)
    with common.site_of(request).books(name) as target, target.reading() as reading:
        states = State(bookkeeping(target.dialect), target.place.scope).every(reading)
        approved = Decisions(target).approved(reading)
        decided = Decisions(target).newest(reading, "deletes", _DECISIONS)
        now = target.dialect.now(reading)
    held = [state for _, state in sorted(states.items()) if state.status == "needs_person"]
    return common.page(
        request,
        "deletes.html",
        "deletes",
        held=[(state, *_going(state)) for state in held],
        approved=approved,
        decided=decided,
        taken_back=TAKEN_BACK,
        now=now,
        said=request.query_params.get("said", ""),
    )


def _going(state: ObjectState) -> tuple[list[str], list[list[Any]]]:
    """The first of the rows that would go: the names of their columns, and the values."""
    thing, rows = by_name.get(state.object), exact.load(state.going) if state.going else []
    if thing is None or not rows:
        return [], []
    return list(rows[0]), [[shown(thing, name, value) for name, value in row.items()] for row in rows]


def decide(request: Request) -> Response:
    """Approves what the page showed, or takes an approval back."""
    name, thing = common.named(request), common.thing_of(request).name
    deed, who = request.state.visit.form.get("deed", ""), common.who(request)
    if deed not in {"approve", "take-back"}:
        raise HTTPException(404)
    with common.site_of(request).books(name) as target, target.begin() as connection:
        decisions = Decisions(target)
        state = State(bookkeeping(target.dialect), target.place.scope).read(connection, thing)
        if deed == "take-back":
            decisions.take_back(connection, thing)
        elif state.status != "needs_person":
            return RedirectResponse(f"/c/{name}/deletes?said=moved", 303)
        elif thing not in decisions.approved(connection):
            decisions.keep(connection, "deletes", thing, who, state.message or "")
    log.info("deletions approved" if deed == "approve" else "approval taken back", extra={"object": thing, "by": who})
    request.app.state.sights.forget(name)
    return RedirectResponse(f"/c/{name}/deletes?said={deed}", 303)
