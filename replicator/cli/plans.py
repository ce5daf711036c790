"""Plans as files and as text: what `plan` shows and writes, and `apply` reads."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replicator.errors import UsageError

from . import pending
from .text import plural

if TYPE_CHECKING:
    from replicator.edits import Edit
    from replicator.sync.model import Step

#: What a plan file says it is; another program's file is refused.
_FORMAT = "segment-replicator plan 1"
_SHOWN = ("object", "id", "action", "known_as", "reason", "pin", "requests")
_DEEDS = {
    "create": "create in Segment",
    "update": "change in Segment",
    "delete": "delete in Segment",
    "pull": "take over from Segment",
    "adopt": "nothing to send",
    "conflict": "CONFLICT",
    "refused": "not sent",
}


def read(path: Path) -> list[Step]:
    from replicator.sync.model import Change, Step

    try:
        found = jsonlib.loads(path.read_text("utf-8"))
        if found["format"] != _FORMAT:
            found = {}
        return [
            Step(
                each["object"],
                each["id"],
                each["action"],
                each["known_as"],
                tuple(Change(**change) for change in each["changes"]),
                tuple(Change(**change) for change in each["overruled"]),
                each["reason"],
                each["pin"],
                each["requests"],
            )
            for each in found["steps"]
        ]
    except OSError as error:
        reason = (error.strerror or "no file").lower()
        raise UsageError(f"Cannot read the plan {path}: {reason}. `replicator plan --out FILE` makes one.") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is no plan of this program: make one with `replicator plan --out FILE`.") from None


def document(steps: Sequence[Step], where: str) -> dict[str, Any]:
    rows = [
        {
            **{name: getattr(each, name) for name in _SHOWN},
            "changes": [asdict(change) for change in each.changes],
            "overruled": [asdict(change) for change in each.overruled],
        }
        for each in steps
    ]
    return {"format": _FORMAT, "target": where, "steps": rows, "counts": counts(steps)}


def stray(edit: Edit) -> Step:
    """The edit of what cannot be written, as a plan shows it."""
    from replicator.sync.model import Step

    return Step(edit.object, edit.id, "refused", edit.known_as, reason="; ".join(edit.refused), edit=edit)


def counts(steps: Sequence[Step]) -> Mapping[str, int]:
    return dict(Counter(each.action for each in steps))


def text(steps: Sequence[Step], where: str) -> str:
    if not steps:
        return f"Nothing to do: {where} and the workspace agree."
    lines = [line for each in steps for line in _step(each)]
    told = ", ".join(f"{count} {_DEEDS[action]}" for action, count in counts(steps).items())
    writes = sum(each.requests for each in steps)
    return "\n".join([*lines, "", f"{plural(len(steps), 'record')}: {told}. At most {plural(writes, 'request')}."])


def _step(step: Step) -> Iterator[str]:
    reason = f" ({step.reason})" if step.reason else ""
    yield f"{pending.titled(step)}: {_DEEDS[step.action]}{reason}"
    for change in step.changes:
        yield from pending.changed(
            change.name, change.before, change.after, added=step.action == "create", labels=("in Segment", "sent")
        )
    for change in step.overruled:
        yield from pending.changed(change.name, change.before, change.after, labels=("here", "in Segment"))
