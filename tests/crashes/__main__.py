"""`python -m tests.crashes`: cuts runs short at every crash point and says what the next run could not mend."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests import databases
from tests.crashes import sweep
from tests.crashes.workspace import FLOWS


def main() -> int:
    asked = _asked()
    logging.getLogger("replicator").addHandler(logging.NullHandler())
    reports = []
    for kind in asked.database or databases.kinds():
        for flow in ["pair"] if asked.double else asked.flow or [name for name in FLOWS if name != "pair"]:
            reports.append(_swept(kind, flow, asked))
            if not asked.json:
                _print(reports[-1])
    if asked.json:
        sys.stdout.write(json.dumps([asdict(each) for each in reports]) + "\n")
    return 1 if any(each.violations for each in reports) else 0


def _swept(kind: str, flow: str, asked: argparse.Namespace) -> sweep.Report:
    modes = asked.mode or (["kill"] if asked.double else sweep.MODES)
    with tempfile.TemporaryDirectory() as folder, sweep.staged(kind, flow, Path(folder)) as scene:
        report = sweep.Report(kind, flow, len(scene.points))
        chosen = sweep.sample(sweep.cases(scene, modes, double=asked.double), asked.sample, asked.seed)
        if asked.point:
            chosen = [case for case in chosen if any(asked.point in str(point) for point in case.points)]
        if asked.list:
            for case in chosen:
                sys.stderr.write(f"{case}\n")
            return report
        sweep.sweep(scene, chosen, report, lambda problem: _tell(kind, problem))
    return report


def _tell(kind: str, problem: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {kind} {problem}\n")


def _print(report: sweep.Report) -> None:
    each = report.seconds / max(1, report.runs)
    sys.stdout.write(
        f"{report.kind} {report.flow}: {report.points} points, {report.runs} crashes, {each:.2f} s each,"
        f" {report.missed} not reached, {report.cycles} mended by a second run, {len(report.violations)} violations\n"
    )
    sys.stdout.flush()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--database", action="append", help="sqlite, postgresql, mariadb or mysql; all by default")
    parser.add_argument("--flow", action="append", choices=list(FLOWS), help="what is cut short; all by default")
    parser.add_argument("--mode", action="append", choices=sweep.MODES, help="how; all by default")
    parser.add_argument("--double", action="store_true", help="all pairs of points of the publish path")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="only N cases of each flow, drawn by the seed"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--point", help="only points whose name contains this")
    parser.add_argument("--list", action="store_true", help="only print the cases")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
