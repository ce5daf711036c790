"""Many measurements to a few figures: medians, and ratios of what was measured next to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

#: Job -> what it measured; see benchmarks.jobs.
Round = dict[str, dict[str, float]]
Summary = dict[str, Any]

_COLUMNS = (
    ("target", 10),
    ("job", 16),
    ("rows", 8),
    ("rows/s", 8),
    ("wall s", 7),
    ("x limit", 8),
    ("CPU s/100k", 11),
    ("peak MB", 8),
    ("requests", 9),
    ("needed", 7),
    ("written", 8),
)
_TITLES = {"drop": "fetch and drop", "bare": "bare limit", "full": "full run", "again": "second run"}


def summary(rounds: Sequence[Round]) -> dict[str, Summary]:
    """One line for each job; `ratio` is the median of the rounds' own ratios to the bare limit."""
    return {job: _line(rounds, job) for job in _TITLES}


def _line(rounds: Sequence[Round], job: str) -> Summary:
    def middle(of: Callable[[Round], float], digits: int) -> float:
        return round(median(of(each) for each in rounds), digits)

    last = rounds[-1][job]
    return {
        "rows": last["rows"],
        "rows_per_second": middle(lambda each: each[job]["rows"] / each[job]["wall"], 0),
        "wall_seconds": middle(lambda each: each[job]["wall"], 2),
        "ratio_to_bare": middle(lambda each: each[job]["wall"] / each["bare"]["wall"], 2),
        "cpu_seconds_per_100k": middle(lambda each: each[job]["cpu"] / each[job]["rows"] * 100_000, 2),
        "peak_megabytes": middle(lambda each: each[job]["peak"], 0),
        "requests": last["requests"],
        "requests_needed": last["needed"],
        "rows_written": last.get("written"),
        "rows_stored": last.get("stored"),
    }


def table(summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    """The figures for people."""
    lines = ["".join(f"{name:>{width}}" for name, width in _COLUMNS)]
    for target, jobs in summaries.items():
        for job, line in jobs.items():
            values = (target, _TITLES[job], *(value for name, value in line.items() if name != "rows_stored"))
            cells = (
                "" if value is None else f"{value:.0f}" if name in _WHOLE else value
                for (name, _), value in zip(_COLUMNS, values, strict=True)
            )
            lines.append("".join(f"{cell!s:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True)))
    return "\n".join(lines)


_WHOLE = {"rows/s", "peak MB"}
