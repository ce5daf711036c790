"""The command line as its users have it: words and an environment in, an exit code and two streams out."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from replicator.cli import resort
from replicator.errors import ReplicatorError
from tests import canaries

#: Hunted after each test.
TOKEN = canaries.TOKEN


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err + self.out
        assert TOKEN not in self.err + self.out
        return lines[0].removeprefix("error: ")


class Run(Protocol):
    def __call__(self, *words: str, **environ: str) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """The same code as the console script's, less the process: a tenth of a second faster for each of many tests."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, **environ: str) -> Outcome:
        self.capture.readouterr()
        with _loggers_restored():
            code = resort.run(words, environ)
        streams = self.capture.readouterr()
        return Outcome(code, streams.out, streams.err)


@contextmanager
def _loggers_restored() -> Iterator[None]:
    ours = logging.getLogger("replicator")
    before = (ours.handlers[:], ours.propagate, ours.level)
    try:
        yield
    finally:
        ours.handlers[:], ours.propagate = before[0], before[1]
        ours.setLevel(before[2])


@dataclass(frozen=True, slots=True)
class Process:
    """A process of its own, for signals and for what happens at a process's end."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "replicator", *words],
            cwd=self.folder,
            env={**os.environ, **self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, **environ: str) -> Outcome:
        with self.start(*words, **environ) as process:
            out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, out, err)


def exit_code(error: type[ReplicatorError]) -> int:
    return error.exit_code
