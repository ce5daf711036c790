"""`python -m tests.model`: random histories of a workspace and of runs, and what the replica makes of them."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests import databases
from tests.model import histories


def main() -> int:
    asked = _asked()
    shares = [asked.histories // asked.processes] * asked.processes
    shares[0] += asked.histories - sum(shares)
    begin, wrong = time.monotonic(), 0
    with ProcessPoolExecutor(asked.processes) as pool:
        parts = [pool.submit(_part, asked.database, share, asked.seed + at) for at, share in enumerate(shares)]
        for part in parts:
            try:
                part.result()
            except Exception as error:  # noqa: BLE001 - what a history did wrong is told
                wrong += 1
                sys.stderr.write(f"{error}\n{''.join(getattr(error, '__notes__', []))}\n")
    seconds = time.monotonic() - begin
    sys.stdout.write(f"{asked.database}: {asked.histories} histories, {seconds:.0f} s, {wrong} parts went wrong\n")
    return 1 if wrong else 0


def _part(kind: str, number: int, seed: int) -> None:
    logging.getLogger("replicator").addHandler(logging.NullHandler())
    histories.run(kind, number, seed)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--database", choices=databases.kinds(), default="sqlite")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
