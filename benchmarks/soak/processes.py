"""The processes of a soak: the sandbox, the daemons, and what the machine says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Two tokens of one workspace, so that its log tells the daemon from people; no secrets.
PEOPLE, PROGRAM = "sandbox", "replicator-of-the-soak"
_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}


class Sandbox:
    """A `replicator sandbox` with its control endpoint."""

    def __init__(self, folder: Path, counts: Mapping[str, int], seed: int) -> None:
        file = folder / "workspaces.json"
        tokens = [{"secret": PEOPLE}, {"secret": PROGRAM}]
        workspace = {"slug": "soak", "name": "Soak", "seed": seed, "counts": dict(counts), "tokens": tokens}
        file.write_text(json.dumps({"workspaces": [workspace]}))
        # As the app's own trail does: else nothing tells an incremental run of a rule or of code (resources.md).
        behaviour = ("--behaviour", "audit_unnamed=true")
        ports = ("--port", "0", "--control-port", "0")
        words = ("sandbox", *ports, "--workspaces", str(file), "--fault-seed", str(seed), *behaviour)
        self._log = (folder / "sandbox.log").open("wb")
        self.process = started(
            (*words, "--workspaces", str(file)), {}, folder, stdout=subprocess.PIPE, stderr=self._log
        )
        lines = self.process.stdout
        assert lines is not None  # noqa: S101 - it is a pipe
        self.url = lines.readline().decode().strip()
        self.control = lines.readline().decode().strip().removeprefix("control ")
        if not self.control:
            raise RuntimeError(f"the sandbox did not start: {(folder / 'sandbox.log').read_text()[-500:]}")

    def asked(self, path: str, method: str = "GET", body: Any = None) -> dict[str, Any]:
        """Of its control endpoint."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, sent, method=method)  # noqa: S310 - http at loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._log.close()


class Daemon:
    """A `replicator daemon` that is started again after each end."""

    def __init__(self, name: str, folder: Path, configuration: str) -> None:
        self.name, self.folder = name, folder
        self.file = folder / f"{name}.toml"
        self.file.write_text(configuration)
        self.log = folder / f"{name}.log"
        self.kills = self.stops = 0
        self.start()

    def start(self) -> None:
        words = ("daemon", "--config", str(self.file), "--log-format", "json")
        with self.log.open("ab") as log:
            self.process = started(words, {"SEGMENT_TOKEN": PROGRAM}, self.folder, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.stops += 1

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, float]:
        """Exit code and seconds after SIGTERM."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return code, time.monotonic() - began

    def lines(self) -> list[dict[str, Any]]:
        """Its log; a line that a kill cut is left out, one that is no JSON is `{"raw": line}`."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"raw": line})
        return found


def started(words: Sequence[str], environ: Mapping[str, str], folder: Path, **streams: Any) -> subprocess.Popen[bytes]:
    """The program, as its users have it: nothing of this environment reaches it but the path."""
    process: subprocess.Popen[bytes] = subprocess.Popen(
        (sys.executable, "-m", "replicator", *words),
        env={**_ENVIRONMENT, "HOME": str(folder), "PYTHONPATH": str(Path.cwd()), **environ},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        **streams,
    )
    return process


def command(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> tuple[int, str, str]:
    """One command to its end: exit code and both streams."""
    process = started(words, environ, folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out.decode(), err.decode()


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held at one moment."""

    seconds: float
    megabytes: float
    files: int
    threads: int
    connections: int


def sample(pid: int, seconds: float, connections: int) -> Sample | None:
    """None where the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone
    except OSError:
        return None
    found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in found:
        return None
    return Sample(seconds, int(found["VmRSS"].split()[0]) / 1024, files, int(found["Threads"]), connections)


@contextmanager
def standing(daemons: Sequence[Daemon]) -> Iterator[None]:
    """None of them is left over."""
    try:
        yield
    finally:
        for daemon in daemons:
            with suppress(OSError):
                daemon.go_on()
            daemon.process.kill()
            daemon.process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - http at loopback
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
