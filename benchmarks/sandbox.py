"""How many pages of 1,000 records a second the sandbox serves over loopback: `python -m benchmarks.sandbox`."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

#: Path and name of the count.
LISTS = (("/suppressions", "Suppressions"), ("/audit-events", "AuditEvents"), ("/users", "Users"))
_NEXT = re.compile(rb'"next":"([^"]+)"')
#: So many bytes at the end of a page hold its cursors.
_TAIL = 500


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="of each object (%(default)s)")
    parser.add_argument("--pages", type=int, default=500, help="read of each list, at most (%(default)s)")
    parser.add_argument("--serve", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        return _serve(options.serve, options.records)
    print(f"{'list':14} {'records':>9} {'pages':>6} {'pages/s':>8} {'of server CPU':>14} {'peak MB':>8}")
    for path, name in LISTS:
        found = _measure(path, name, options.records, options.pages)
        rates = f"{found['pages'] / found['seconds']:8.0f} {found['pages'] / found['cpu']:14.0f}"
        print(f"{path:14} {options.records:9} {found['pages']:6} {rates} {found['peak_mb']:8.0f}")
    return 0


def _measure(path: str, name: str, records: int, pages: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sandbox", "--serve", name, "--records", str(records)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip() if server.stdout else ""
        if not server.stdout or not url:
            sys.exit("The sandbox did not start.")
        _keep_to(1)
        try:
            found = _read(url, path, pages)
        finally:
            server.terminate()
        cost: dict[str, Any] = json.loads(server.stdout.read())
    return found | cost


def _read(url: str, path: str, pages: int) -> dict[str, Any]:
    """Page after page, and of each no more than its cursor."""
    connection = HTTPConnection(urlsplit(url).netloc)
    first = f"{path}?pagination.count=1000"
    target, read = first, 0
    _page(connection, first)
    began = perf_counter()
    while target and read < pages:
        body = _page(connection, target)
        read += 1
        cursor = _NEXT.search(body, max(0, len(body) - _TAIL))
        target = f"{first}&pagination.cursor={cursor[1].decode()}" if cursor else ""
    seconds = perf_counter() - began
    connection.close()
    return {"pages": read, "seconds": seconds}


def _page(connection: HTTPConnection, target: str) -> bytes:
    connection.request("GET", target, headers={"Authorization": "Bearer sandbox"})
    answer = connection.getresponse()
    if answer.status != HTTPStatus.OK:
        sys.exit(f"{target} answered with status {answer.status}.")
    return answer.read()


def _serve(name: str, records: int) -> int:
    """One core, and at the end what it cost, the making of the workspace less."""
    from replicator.sandbox import Request, Sandbox
    from replicator.sandbox.server import serve

    _keep_to(0)
    sandbox = Sandbox(counts={name: records})
    path = next(path for path, counted in LISTS if counted == name)
    sandbox(Request("GET", path, {"authorization": "Bearer sandbox"}))
    began = process_time()
    serve(sandbox, ready=lambda url: print(url, flush=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": process_time() - began, "peak_mb": peak}), flush=True)
    return 0


def _keep_to(core: int) -> None:
    """Where the system can, so that neither end takes the other's core."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


if __name__ == "__main__":
    sys.exit(main())
