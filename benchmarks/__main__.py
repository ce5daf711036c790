"""How fast the whole path is, beside what nothing can beat: `python -m benchmarks --help`, README.md."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import make_url

import replicator
from benchmarks import figures, workspace
from benchmarks.measure import measure
from tests import databases

Rounds = list[figures.Round]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    kinds = [_kind(target) for target in options.target or databases.kinds()]
    # As pip does when it installs the wheel: an import is no compilation then, whatever this shell's settings are.
    compileall.compile_dir(Path(replicator.__file__).parent, quiet=2)
    with workspace.serving(options.rows) as base_url:
        measure("drop", base_url)  # the first request makes the sandbox build its workspace
        measured = _rounds(base_url, kinds, options.rounds, print if options.verbose else _silent)
    summaries = {kind: figures.summary(rounds) for kind, rounds in measured.items()}
    if options.json:
        print(json.dumps({"rows": options.rows, "rounds": options.rounds, "targets": summaries}, indent=2))
    else:
        print(figures.table(summaries))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--target",
        action="append",
        metavar="URL",
        help="sqlite, postgresql, mariadb or mysql, or an administrator's URL of such a server; may be repeated"
        " (every kind that is found)",
    )
    parser.add_argument(
        "--rows", type=int, default=100_000, help="suppressions, and as many audit events (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--verbose", action="store_true", help="each measurement as it comes")
    return parser


def _kind(target: str) -> str:
    if target in databases.LOCAL or target == "sqlite":
        return target
    backend = make_url(target).get_backend_name()
    kind = "mariadb" if target.startswith("mariadb") else backend
    if kind != "sqlite":
        os.environ[databases.ENVIRONMENT[kind]] = target
    return kind


def _silent(_: str) -> None: ...


def _rounds(base_url: str, kinds: Sequence[str], count: int, say: Callable[[str], None]) -> dict[str, Rounds]:
    """Yardsticks and product take turns, because a machine's speed changes from minute to minute."""
    measured: dict[str, Rounds] = {kind: [] for kind in kinds}
    for _ in range(count):
        for kind in list(measured):
            try:
                found = _round(base_url, kind)
            except databases.NoServer as error:
                print(error, file=sys.stderr)
                del measured[kind]
                continue
            measured[kind].append(found)
            say(f"{kind}: {json.dumps(found)}")
    return measured


def _round(base_url: str, kind: str) -> figures.Round:
    """`needed` is what the counted records take in pages and details: a later run needs no children and no details."""
    drop = measure("drop", base_url)
    with tempfile.TemporaryDirectory() as folder, databases.fresh(kind, Path(folder)) as plain:
        bare = measure("bare", base_url, plain.url)
    with tempfile.TemporaryDirectory() as folder, databases.fresh(kind, Path(folder)) as replica:
        full = measure("full", base_url, replica.url)
        again = measure("again", base_url, replica.url)
    full["needed"], again["needed"] = bare["needed"], bare.pop("needed_later")
    return {"drop": drop, "bare": bare, "full": full, "again": again}


if __name__ == "__main__":
    sys.exit(main())
