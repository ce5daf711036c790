"""Templates, and how values look on a page."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from replicator.web.guard import Visit

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
#: Stands for what is not known, or is not there.
NOTHING = "\N{EN DASH}"
#: What a status is called, and the sign before it, so that colour is not all that tells.
STATUSES: Mapping[str, tuple[str, str, str]] = {
    "done": ("good", "✓", "done"),
    "running": ("going", "…", "running"),
    "reads": ("going", "…", "reading"),
    "waits": ("quiet", "·", "waiting"),
    "new": ("quiet", "·", "never read"),
    "partial": ("person", "!", "partial"),
    "needs_person": ("person", "!", "needs a person"),
    "unavailable": ("person", "!", "not accessible"),
    "interrupted": ("quiet", NOTHING, "interrupted"),
    "skipped": ("quiet", NOTHING, "skipped"),
    "failed": ("wrong", "✕", "failed"),
    "died": ("wrong", "✕", "was killed"),
}


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """The page of that template, for whoever visits."""
    visit: Visit = request.state.visit
    site = {"request_path": request.url.path, "visit": visit, "password": request.app.state.rules.password}
    text = _templates().get_template(template).render(**site, **values)
    return HTMLResponse(text, status)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": moment,
        "ago": ago,
        "until": until,
        "seconds": duration,
        "number": number,
        "plural": plural,
        "status": status_of,
        "segment": lambda text: quote(str(text), safe=""),
    }
    made.globals |= {"static": static}
    return made


@lru_cache(maxsize=16)
def static(name: str) -> str:
    """The path of a file that comes with the page; another content has another path."""
    return f"/static/{name}?v={zlib.crc32((STATIC / name).read_bytes()):08x}"


def status_of(word: str | None) -> Markup:
    """A status as a sign and a word."""
    kind, sign, text = STATUSES.get(word or "", ("quiet", "·", word or "no run yet"))
    return Markup('<span class="status {}"><span aria-hidden="true">{}</span> {}</span>').format(kind, sign, text)


def moment(value: datetime | None) -> Markup | str:
    """The time in UTC, to the second."""
    if value is None:
        return NOTHING
    utc = value.astimezone(UTC) if value.tzinfo else value
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}")


def ago(value: datetime | None, now: datetime) -> Markup | str:
    """How long ago, with the time itself behind it."""
    if value is None:
        return "never"
    seconds = (now - value).total_seconds()
    return _told(value, "now" if seconds < 1 else f"{rough(seconds)} ago")


def until(value: datetime | None, now: datetime) -> Markup | str:
    """In how long."""
    if value is None:
        return NOTHING
    seconds = (value - now).total_seconds()
    return _told(value, "due now" if seconds < 1 else f"in {rough(seconds)}")


def _told(value: datetime, text: str) -> Markup:
    told = f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(f"{value:%Y-%m-%dT%H:%M:%SZ}", told, text)


def rough(seconds: float) -> str:
    """12 s, 3 min, 5 h, 2 d."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def duration(seconds: float | None) -> str:
    """0.4 s, 12 s, 4 min 10 s, 2 h 5 min."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def number(value: float | None) -> str:
    """1,234; a dash for what is not known."""
    return NOTHING if value is None else f"{value:,}"


def plural(count: int, word: str) -> str:
    """1 request, 2 requests."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
