"""The guide says of each alert what it means and what to do, and its configuration loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicator.settings import load_all
from replicator.settings.alerts import KINDS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")


def test_the_guide_says_of_each_alert_what_it_means_and_what_to_do() -> None:
    told = re.findall(r"^\| `(\w+)` \|(.+)\|(.+)\|$", PAGE, re.MULTILINE)
    assert tuple(name for name, *_ in told) == KINDS
    assert all(meaning.strip() and todo.strip() for _, meaning, todo in told)


def test_the_guide_s_configuration_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("replicator.toml").write_text("\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)))
    found = load_all({}, {})
    assert found.alerts.anybody
    assert found.jobs["nightly"].alerts.on == ("failed", "stale")
