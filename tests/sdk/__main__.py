"""`python -m tests.sdk`: asks the sandbox for each operation through Segment's own SDK for TypeScript.

It needs node, npm and npm's registry, so it is no part of the suite. Each call meets a workspace that nobody wrote to.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from replicator.sandbox import Request, Response
from replicator.sandbox.server import running
from tests.sandbox.contract import operations, write_operations
from tests.sandbox.valid import Valid, prepared, valid_reads, valid_writes

PACKAGE = "@segment/public-api-sdk-typescript"


@dataclass
class Workspace:
    """Made anew where a request says so."""

    client: Any = field(default_factory=prepared)

    def __call__(self, request: Request) -> Response:
        if request.target == "/__fresh":
            self.client = prepared()
            return Response(200, (("Content-Type", "text/plain"),), b"")
        answer: Response = self.client.sandbox(request)
        return answer


def main() -> int:
    if not (shutil.which("node") and shutil.which("npm")):
        sys.exit("This needs node and npm: install them.")
    with tempfile.TemporaryDirectory() as folder, running(Workspace()) as url:
        _npm(folder)
        (Path(folder) / "calls.json").write_text(json.dumps(_calls()))
        command = ["node", str(Path(__file__).with_name("call.mjs")), url, "calls.json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=True)
    told = json.loads(done.stdout)
    found = (
        f"{len(told['parsed'])} operations parsed, {len(told['failed'])} failed, {len(told['unknown'])} not in the SDK"
    )
    failures = [f"{name}: {why}" for name, why in told["failed"].items()]
    sys.stdout.write("\n".join([found, *failures]) + "\n")
    return 1 if told["failed"] else 0


def _npm(folder: str) -> None:
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", *options, PACKAGE], cwd=folder, timeout=300, check=True)


def _calls() -> list[dict[str, Any]]:
    client = prepared()
    valid: dict[str, Valid] = {**valid_reads(client), **valid_writes(client)}
    names = [operation.id for operation in operations()] + [operation.id for _, operation in write_operations()]
    return [{"id": name, **asdict(valid[name])} for name in names]


if __name__ == "__main__":
    sys.exit(main())
