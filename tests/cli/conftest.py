"""A command line in a folder of its own, and a server of the API to point it at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, InProcess, Process


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test, without a configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def replicator(capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(capsys)


@pytest.fixture
def process(folder: Path) -> Process:
    return Process(folder)


@pytest.fixture(scope="session")
def api() -> Iterator[str]:
    """The URL of a small workspace that takes the token of these tests."""
    with running(Sandbox(token=TOKEN)) as url:
        yield url
