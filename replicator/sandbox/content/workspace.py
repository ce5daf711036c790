"""The workspace itself, and the echo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicator.sandbox.messages import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.calls import Call
    from replicator.sandbox.series import Record
    from replicator.sandbox.world import World

_HIDDEN = frozenset({"authorization", "cookie"})
_FIRST_ERROR, _LAST_ERROR = 400, 599


def workspace(world: World, _call: Call) -> Record:
    return dict(world.workspace)


def echo(_world: World, call: Call) -> Mapping[str, Any]:
    """Answers with an error when asked to. `delay` is checked and not obeyed: the sandbox has no clock to wait on."""
    message = call.query.required("message")
    call.query.number("delay", 0, 0, 60_000)
    status = call.query.number("statusCode", 200, 200, _LAST_ERROR)
    if call.query.flag("triggerUnexpectedError"):
        raise Refusal(500, "unexpected-error", "An unexpected error occurred")
    if call.query.flag("triggerMultipleErrors"):
        refusal = Refusal(422, "input-validation", message, field="message")
        refusal.errors.append({"type": "input-validation", "message": message})
        raise refusal
    if call.query.flag("triggerError") or status >= _FIRST_ERROR:
        raise Refusal(max(status, _FIRST_ERROR), "RequestError", message)
    shown = {name: value for name, value in call.headers.items() if name not in _HIDDEN}
    return {"method": "get", "message": message, "headers": shown}
