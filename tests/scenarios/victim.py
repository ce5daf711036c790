"""A run in a process of its own, to be killed: `python victim.py DATABASE_URL BASE_URL OBJECT ...`."""

from __future__ import annotations

import sys
import threading

from replicator import intake
from replicator.catalog import select
from replicator.run import Options, replicate
from replicator.segment.client import Client
from replicator.segment.token import Token
from replicator.target.database import open_target
from tests.scenarios.replica import Told


def main(url: str, base_url: str, *words: str) -> int:
    # Every page is stored as soon as it is read, as where the API is slow.
    intake.BATCH_SECONDS = 0
    target = open_target(url)
    stop = threading.Event()
    with Client(base_url=base_url, token=Token("sandbox"), stop=stop) as client:
        options = Options(objects=select(words), mask_key=b"k" * 32)
        run = replicate(target, client, options, Told(), stop)
    target.close()
    return run.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
