"""The edits of a job with `sync = true`, sent once its run has brought in what Segment has."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from replicator.errors import ReplicatorError, RunLocked

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from replicator.options import Options
    from replicator.outcome import RunResult
    from replicator.segment.client import Client
    from replicator.settings import Settings
    from replicator.sync.model import Done
    from replicator.target.database import Target

#: Another run may begin in between: sending waits so long for it to end, and looks so often.
_WAITS, _LOOKS = 600.0, 2.0

log = logging.getLogger("replicator.sync")


#: By job: the edits that its last run did not send, as far as this process told why.
Unsent = dict[str, frozenset[tuple[str | None, ...]]]


def after(
    result: RunResult,
    target: Target,
    client: Client,
    chosen: Options,
    settings: Settings,
    stop: threading.Event,
    unsent: Unsent,
) -> RunResult:
    """The run's result, and with the exit code of what came of the edits; told by log lines, what stays so once."""
    if result.status in {"failed", "interrupted"}:
        return result
    try:
        done = _sent(target, client, chosen, settings, stop)
    except ReplicatorError as error:
        log.error("edits were not sent; the job's next run sends them", extra={"why": str(error)})  # noqa: TRY400 - a sentence
        return replace(result, exit_code=error.exit_code)
    left = {(each.step.object, each.step.id, each.step.pin, each.outcome, each.error): each for each in done}
    left = {key: each for key, each in left.items() if each.error or each.outcome != "done"}
    for key in left.keys() - unsent.get(job := chosen.job or "", frozenset()):
        each = left[key]
        more = {"object": each.step.object, "id": each.step.id, "action": each.step.action, "why": each.error}
        told = "edit sent" if each.outcome == "done" else "edit not sent"
        log.warning(told, extra={"outcome": each.outcome, **more})
    unsent[job] = frozenset(left)
    log.info("edits sent", extra=dict(Counter(each.outcome for each in done)) or {"done": 0})
    return replace(result, exit_code=code(done) or result.exit_code)


def _sent(target: Target, client: Client, chosen: Options, settings: Settings, stop: threading.Event) -> Sequence[Done]:
    from replicator.sync import session

    from .sync import allowed

    until = time.monotonic() + _WAITS
    while True:
        try:
            return session.apply(target, client, chosen, allowed(settings, many=chosen.allow_deletes))
        except RunLocked:
            if time.monotonic() > until or stop.wait(_LOOKS):
                raise


def code(done: Sequence[Done]) -> int:
    """The exit code of what came of edits."""
    outcomes = {each.outcome for each in done}
    if "conflict" in outcomes:
        return 4
    if outcomes <= {"done"}:
        return 0
    return 3 if outcomes & {"done"} or "moved" in outcomes else 1 if "lost" in outcomes else 3
