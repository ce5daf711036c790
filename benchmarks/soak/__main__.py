"""The daemon for minutes or hours, with everything going wrong that can: `python -m benchmarks.soak --help`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import report
from .servers import KINDS, NoServer
from .soak import as_data, soak


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is well; 1: something is not; 2: no server to try it with."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of life on each kind of database (%(default)s)")
    parser.add_argument(
        "--target", action="append", choices=sorted(KINDS), metavar="KIND", help=f"{', '.join(KINDS)} (postgresql)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the workspace, the faults and the people (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the logs of all processes are copied to")
    parser.add_argument("--verbose", action="store_true", help="what happens, as it happens, on standard error")
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        if options.verbose:
            print(f"{time.monotonic() - began:8.1f} s  {text}", file=sys.stderr, flush=True)

    verdicts = []
    for kind in options.target or ["postgresql"]:
        try:
            verdicts.append(soak(kind, options.minutes, options.seed, say, options.keep))
        except NoServer as error:
            print(f"{kind}: {error}", file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps({verdict.kind: as_data(verdict) for verdict in verdicts}, indent=2))
    else:
        print(report.text(verdicts))
    return 0 if all(verdict.well for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
