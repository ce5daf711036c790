"""What somebody sees who watches."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN


class BusyOnce:
    """A workspace that asks to wait for a second before the second page."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(token=TOKEN, counts={"Suppressions": 1500})
        self.asked = False

    def __call__(self, request: Request) -> Response:
        if "cursor" in request.target and not self.asked:
            self.asked = True
            body = b'{"errors":[{"type":"rate-limit","message":"Rate limit exceeded"}]}'
            return Response(429, (("Content-Type", "application/json"), ("Retry-After", "1")), body)
        return self.sandbox(request)


def watched(folder: Path, *words: str, **environ: str) -> str:
    """What the command writes to a terminal on stderr, without colours and movements."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "140", **environ}
    with subprocess.Popen(
        [sys.executable, "-m", "replicator", *words], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # how Linux says that the other end was closed
            while chunk := os.read(ours, 65536):
                seen += chunk
        process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 0, seen
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())


def test_bars_show_pages_rows_requests_and_why_it_waits_and_go_away(folder: Path) -> None:
    busy: Any = BusyOnce()
    with running(busy) as url:
        seen = watched(folder, "replicate", "Suppressions", "--base-url", url, SEGMENT_TOKEN=TOKEN)
    assert re.search(r"Suppressions .*1 page, 1,000 rows, \d requests?", seen)
    assert "waiting 1 s: Segment asked to wait" in seen
    assert re.search(r"objects +\S+ +1/1", seen)
    assert "object finished" not in seen
