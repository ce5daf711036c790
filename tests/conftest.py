"""Fixtures that every test may ask for, and the switch that lets no test be left out unnoticed."""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from replicator import pace
from tests import canaries, databases
from tests.databases import Database

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT.parent / "shared" / "segment-api"
REQUIRE_ALL = "REPLICATOR_REQUIRE_ALL"
#: The files of tests that this process is done with.
_ENDED, _TIDY_EVERY = itertools.count(1), 8


def free_port() -> int:
    """A port of this machine that nobody listens on, for a server that has to be told one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(canaries)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A process that performs runs without end tidies up, as the daemon does: this one grew to gigabytes.

    It also holds each test there is, which takes a quarter of a second to look through: not after each file.
    """
    if (nextitem is None or nextitem.path != item.path) and next(_ENDED) % _TIDY_EVERY == 0:
        pace.tidy()


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests reach no test; the tests' own switches stay."""
    for name in list(os.environ):
        ours = name.startswith(("SEGMENT_", "REPLICATOR_"))
        if ours and name != REQUIRE_ALL and not name.startswith("REPLICATOR_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=databases.kinds())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh, empty database, on each kind of server in turn."""
    try:
        with databases.fresh(request.param, tmp_path) as fresh:
            yield fresh
            if fresh.kind != "sqlite":
                canaries.check(request.node, fresh.url)
    except databases.NoServer as error:
        pytest.skip(str(error))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that is about some kinds of database only is no test of the others: it is not left out there."""
    foreign = [item for item in items if _is_foreign(item)]
    config.hook.pytest_deselected(items=foreign)
    items[:] = [item for item in items if item not in set(foreign)]


def _is_foreign(item: pytest.Item) -> bool:
    kinds = {name for marker in item.iter_markers("kinds") for name in marker.args}
    call = getattr(item, "callspec", None)
    return bool(kinds) and call is not None and call.params.get("database") not in kinds


@pytest.fixture
def target_url(database: Database) -> str:
    return database.url


@pytest.fixture(scope="session")
def contract() -> Path:
    """The folder that holds Segment's Public API as data."""
    if not CONTRACT.is_dir():
        pytest.skip(f"the API contract is not there: {os.path.relpath(CONTRACT, ROOT)}")
    return CONTRACT


@pytest.fixture(scope="session")
def openapi(contract: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((contract / "openapi.json").read_bytes())
    return document


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _left_out_is_failed(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _left_out_is_failed(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out and why, once for each reason."""
    reasons = Counter(_reason(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("LEFT OUT", yellow=True)
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5} x {reason}")


def _reason(skip: object) -> str:
    reason = skip[2] if isinstance(skip, tuple) else skip
    return str(reason).removeprefix("Skipped: ")


def _left_out_is_failed(report: Report) -> Report:
    if os.environ.get(REQUIRE_ALL) and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE_ALL} is set, and this was left out: {_reason(report.longrepr)}"
    return report
