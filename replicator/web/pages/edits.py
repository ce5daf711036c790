"""What people changed in the database and Segment does not have yet."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from replicator.options import layout_of
from replicator.sync import pending as waiting
from replicator.web.compared import compared
from replicator.web.pages import common

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.catalog.model import Object
    from replicator.edits import Edit

#: So many are shown with their fields.
_MOST = 100


def pending(request: Request) -> Response:
    name = common.named(request)
    site = common.site_of(request)
    options = site.options(name)
    things = [thing for thing in options.objects if thing.editable]
    with site.books(name) as target, target.reading() as reading:
        found = [
            (thing, edit) for thing in things for edit in waiting.pending(target, reading, layout_of(thing, options))
        ]
    shown = [_shown(thing, edit) for thing, edit in found[:_MOST]]
    return common.page(
        request,
        "edits.html",
        "edits",
        edits=shown,
        count=len(found),
        counts=Counter(edit.object for _, edit in found),
        push=site.connections()[name].push,
    )


def _shown(thing: Object, edit: Edit) -> dict[str, Any]:
    fields = edit.fields if edit.kind in {"update", "create"} else ()
    return {
        "edit": edit,
        "known_as": ", ".join(str(value) for value in edit.known_as.values() if value is not None),
        "fields": [compared(thing, each.name, each.base, each.local) for each in fields],
    }
