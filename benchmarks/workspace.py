"""The workspace that is replicated, and the sandbox that serves it: `python -m benchmarks.workspace ROWS`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

TOKEN = "sandbox"  # noqa: S105 - the documented token of a fake workspace
#: Two flat objects that make the bulk, and nested ones with parents and with details.
BULK = ("Suppressions", "AuditEvents")
#: The one that `unchanged` reads again: its listing is read whole in every run.
COMPARED = "Suppressions"
OBJECTS = (
    *BULK,
    "Sources",
    "Destinations",
    "TrackingPlans",
    "TrackingPlanRules",
    "SourceFunctions",
    "DestinationFunctions",
    "InsertSourceFunctions",
    "InsertDestinationFunctions",
    "InsertTransformationFunctions",
)
_NESTED = {
    "Sources": 20,
    "Destinations": 300,
    "TrackingPlans": 40,
    "RulesPerPlan": 100,
    "SourceFunctions": 10,
    "DestinationFunctions": 10,
    "InsertSourceFunctions": 10,
    "InsertDestinationFunctions": 10,
    "InsertTransformationFunctions": 10,
}


@contextmanager
def serving(rows: int) -> Iterator[str]:
    """The base URL of a sandbox in a process of its own: `rows` of each bulk object, no rate limit."""
    command = [sys.executable, "-m", "benchmarks.workspace", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                sys.exit("The sandbox did not start.")
            yield url
        finally:
            server.terminate()


def _serve(rows: int) -> None:
    """The workspace's clock stands still: audit events that come in between two runs would be new rows."""
    # Only here: what is measured imports this module, too, and not the sandbox.
    from replicator.sandbox import Sandbox
    from replicator.sandbox.server import serve

    began = datetime.now(UTC)
    sandbox = Sandbox(counts=_NESTED | dict.fromkeys(BULK, rows), token=TOKEN, now=lambda: began)
    serve(sandbox, ready=lambda url: print(url, flush=True))


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
