"""docs/daemon.md: its configuration is one, and its service is as systemd wants it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import InProcess
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "daemon.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_s_configuration_is_right_and_its_jobs_are_listed_and_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("replicator.toml").write_text(block("toml"))
    command = InProcess(capsys)
    assert command("config", "check").out == "The configuration is right: 1 connection, 2 jobs.\n"
    assert {job["job"]: job["schedule"] for job in command("jobs", "--json").document["jobs"]} == {
        "nightly": "0 3 * * *",
        "often": "15m",
    }
    done = command("run", "nightly", "--json")
    assert done.code == 0, done.err
    (run,) = done.document["connections"]
    usage = [each for each in run["objects"] if each["object"] == "DailyWorkspaceAPICallsUsage"]
    assert usage[0]["inserted"] > 0


def test_the_page_s_service_holds_nothing_that_systemd_does_not_know(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        known = {"Unit", "Service", "Install"}
        assert set(re.findall(r"^\[(\w+)\]$", block("ini"), re.MULTILINE)) == known
        return
    unit = tmp_path / "replicator.service"
    unit.write_text(block("ini").replace("/opt/replicator/bin/replicator", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    wrong = [line for line in checked.stderr.splitlines() if "replicator.service" in line]
    assert not wrong
