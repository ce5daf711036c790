"""What a run over one big, unchanged object costs: `python -m benchmarks.unchanged`, README.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import workspace
from benchmarks.measure import measure
from tests import databases

_COLUMNS = ("target", "job", "rows", "wall s", "CPU s", "peak MB", "written", "x wall", "x CPU")
_TITLES = {"compare": "fetch, compare", "unchanged": "second run"}
Round = dict[str, dict[str, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unchanged", description=__doc__)
    parser.add_argument("--target", action="append", choices=(*databases.ENVIRONMENT, "sqlite"), help="may be repeated")
    parser.add_argument("--rows", type=int, default=200_000, help="suppressions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    with workspace.serving(options.rows) as base_url:
        rounds = {kind: _rounds(base_url, kind, options.rounds) for kind in options.target or databases.kinds()}
    summaries = {kind: _summary(found) for kind, found in rounds.items()}
    if options.json:
        print(json.dumps({"rows": options.rows, "rounds": options.rounds, "targets": summaries}, indent=2))
        return 0
    print("".join(f"{name:>15}" for name in _COLUMNS))
    for kind, jobs in summaries.items():
        for job, line in jobs.items():
            print("".join(f"{cell!s:>15}" for cell in (kind, _TITLES[job], *line.values())))
    return 0


def _rounds(base_url: str, kind: str, count: int) -> list[Round]:
    with tempfile.TemporaryDirectory() as folder, databases.fresh(kind, Path(folder)) as plain:
        measure("remember", base_url, plain.url)
        with tempfile.TemporaryDirectory() as other, databases.fresh(kind, Path(other)) as replica:
            measure("unchanged", base_url, replica.url)
            urls = {"compare": plain.url, "unchanged": replica.url}
            return [{job: measure(job, base_url, url) for job, url in urls.items()} for _ in range(count)]


def _summary(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    """Medians; the last two are the medians of the rounds' own ratios to fetch and compare."""

    def line(job: str) -> dict[str, float]:
        figures: dict[str, float] = {"rows": rounds[-1][job]["rows"]}
        figures |= {name: round(median(each[job][name] for each in rounds), 2) for name in ("wall", "cpu")}
        figures["peak"] = round(median(each[job]["peak"] for each in rounds))
        figures["written"] = max(each[job]["written"] for each in rounds)
        for name in ("wall", "cpu"):
            figures[f"{name}_ratio"] = round(median(each[job][name] / each["compare"][name] for each in rounds), 2)
        return figures

    return {job: line(job) for job in _TITLES}


if __name__ == "__main__":
    sys.exit(main())
