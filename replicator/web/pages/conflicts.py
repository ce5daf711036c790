"""Edits that the workspace contradicts, and a person's decision."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from replicator import exact
from replicator.catalog import by_name
from replicator.catalog.model import Type
from replicator.errors import ReplicatorError, UsageError
from replicator.sync.resolve import Side, conflicts, resolve
from replicator.target.decisions import Decisions
from replicator.web.compared import compared
from replicator.web.pages import common

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.catalog.model import Object

_DECISIONS = 20
#: What a form calls the value of a column.
_VALUE = "value."

log = logging.getLogger("replicator.web")


def listed(request: Request) -> Response:
    return _page(request)


def decide(request: Request) -> Response:
    """Settles one of them, as `replicator resolve` does; nothing is sent to Segment."""
    name, visit = common.named(request), request.state.visit
    site = common.site_of(request)
    conflict, side = request.path_params["conflict"], visit.form.get("side", "")
    if side not in get_args(Side):
        raise HTTPException(404)
    try:
        with site.books(name) as target, site.client(name) as client:
            values = _merged(target, conflict, visit.form) if side == "merged" else None
            resolve(target, client, site.options(name), conflict, side, values, common.who(request))
    except ReplicatorError as error:
        return _page(request, 409, why=site.told(error), conflict=conflict, form=visit.form)
    log.info("conflict resolved", extra={"connection": name, "conflict": conflict, "by": common.who(request)})
    request.app.state.sights.forget(name)
    return RedirectResponse(f"/c/{name}/conflicts?said={side}", 303)


def _merged(target: Any, conflict: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The values that differ from what is here already; at least one has to be there."""
    row = next((each for each in conflicts(target) if each["id"] == conflict), None)
    if row is None:
        raise UsageError(f"There is no conflict {conflict}: somebody decided it meanwhile.")
    thing, local = by_name[row["object"]], exact.load(row["local"])
    found = {
        name: _value(thing, name, form[f"{_VALUE}{name}"], local[name])
        for name in _mergeable(thing, local)
        if f"{_VALUE}{name}" in form
    }
    if not found:
        raise UsageError("The form holds no value: load the page again.")
    return found


def _value(thing: Object, name: str, text: str, local: Any) -> Any:
    """What a person wrote there, as the API has it. Browsers end each line with two characters."""
    if not (isinstance(local, str) and "\r\n" in local):
        text = text.replace("\r\n", "\n")
    if thing.column(name).type is Type.TEXT:
        return text
    try:
        return exact.load(text)
    except ValueError as error:
        raise UsageError(f"{name} must hold JSON, and does not: {error}.") from None


def _mergeable(thing: Object, local: Mapping[str, Any]) -> list[str]:
    """The columns that a form may hold: what can be sent and is no secret. None of a row that was deleted."""
    if all(value is None for value in local.values()):
        return []
    secret = {each.name for each in thing.columns if each.secret}
    return [name for name in local if name in thing.editable and name not in secret]


def _page(
    request: Request, status: int = 200, *, why: str = "", conflict: str = "", form: Mapping[str, str] | None = None
) -> Response:
    name = common.named(request)
    with common.site_of(request).books(name) as target:
        found = [_shown(each) for each in conflicts(target)]
        with target.reading() as reading:
            now = target.dialect.now(reading)
            decided = Decisions(target).newest(reading, "resolve", _DECISIONS)
    if form:
        for each in found:
            if each["id"] == conflict:
                each["merged"] |= {key: form[_VALUE + key] for key in each["merged"] if _VALUE + key in form}
    said = request.query_params.get("said", "")
    return common.page(
        request,
        "conflicts.html",
        "conflicts",
        status,
        conflicts=found,
        decided=decided,
        now=now,
        why=why,
        conflict=conflict,
        said=said if said in get_args(Side) and not why else "",
    )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    thing = by_name[row["object"]]
    base, local, remote = (exact.load(row[side]) or {} for side in ("base", "local", "remote"))
    return {
        **{name: row[name] for name in ("id", "object", "record_id", "reason", "seen_at")},
        "known_as": ", ".join(str(remote[name]) for name in thing.natural if remote.get(name) is not None),
        "here": [compared(thing, name, base.get(name), value) for name, value in local.items()],
        "there": [compared(thing, name, base.get(name), remote.get(name)) for name in local],
        "gone_here": all(value is None for value in local.values()),
        "gone_there": not remote,
        "merged": {name: _text(thing, name, local[name]) for name in _mergeable(thing, local)},
    }


def _text(thing: Object, name: str, value: Any) -> str:
    """As a form holds it."""
    if thing.column(name).type is Type.TEXT:
        return "" if value is None else str(value)
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except TypeError:  # a number that only exact.dump keeps
        return exact.dump(value)
