"""Runs as bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from replicator.web.charts import Bar, bars, number

_KINDS = ("inserted", "updated", "deleted")
_FAILED = ("failed", "died")
Row = Mapping[str, Any]


def charts(runs: Sequence[Row]) -> list[tuple[str, Markup]]:
    """Rows changed, requests and duration of those runs, which come newest first; those that go on are left out."""
    ended = [run for run in reversed(runs) if run["finished_at"]]
    return [
        ("Rows changed", _chart("Rows changed", ended, lambda run: {kind: run[kind] for kind in _KINDS})),
        ("Requests", _chart("Requests", ended, lambda run: {"requests": run["requests"]})),
        ("Duration", _chart("Duration", ended, lambda run: {"duration": took(run) or 0}, " s")),
    ]


def took(run: Row) -> float | None:
    """Seconds; None while it goes on."""
    return (run["finished_at"] - run["started_at"]).total_seconds() if run["finished_at"] else None


def _chart(title: str, runs: Sequence[Row], parts: Callable[[Row], Mapping[str, float]], unit: str = "") -> Markup:
    found = [Bar(_says(run, parts(run), unit), parts(run), run["status"] in _FAILED) for run in runs]
    # Every text in it was escaped where it was made.
    return Markup(bars(title, found, unit=unit))  # noqa: S704


def _says(run: Row, parts: Mapping[str, float], unit: str) -> str:
    told = ", ".join(f"{number(value)}{unit} {name}" for name, value in parts.items())
    return f"{run['started_at']:%Y-%m-%d %H:%M} UTC, {run['status']}: {told}"
