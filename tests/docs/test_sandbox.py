"""docs/sandbox.md says what there is: its options, switches, files, and the workflow, whose commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from replicator.sandbox.behaviour import Behaviour
from replicator.sandbox.life.script import Event
from replicator.sandbox.tenants import Workspace
from tests.conftest import free_port

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox.md").read_text("utf-8")
FAULTS = (ROOT / "docs" / "faults.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_names_each_switch_with_its_default_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", PAGE, re.MULTILINE)
    assert rows == [(each.name, _shown(each.default)) for each in fields(Behaviour)]


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_page_names_each_option_of_the_command_and_no_other() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "replicator", "sandbox", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = set(re.findall(r"^  (--[a-z-]+)", told, re.MULTILINE)) - {"--help"}
    start = PAGE.index("## What can be set")
    named = set(re.findall(r"`(--[a-z-]+)", PAGE[start : PAGE.index("A file of workspaces:")]))
    assert named | {"--host", "--port"} == options


def test_the_files_that_the_page_shows_can_be_read() -> None:
    for each in tomllib.loads(_blocks("toml")[0])["workspaces"]:
        msgspec.convert(each, Workspace)
    msgspec.json.decode(_blocks("json")[0], type=Event)


@pytest.fixture
def steps() -> list[dict[str, Any]]:
    """What the workflow runs after it has installed, at ports that are free."""
    document = yaml.safe_load(_blocks("yaml")[0])
    steps: list[dict[str, Any]] = [step for step in document["jobs"]["tests"]["steps"] if "run" in step]
    assert steps.pop(0)["run"] == "pip install segment-replicator"
    for port in ("4010", "4011"):
        free = str(free_port())
        for step in steps:
            step["run"] = step["run"].replace(port, free)
    return steps


@pytest.mark.holds_secrets("output", because="curl prints what the sandbox answers")
def test_the_commands_of_the_workflow_do_what_their_names_say(steps: list[dict[str, Any]], tmp_path: Path) -> None:
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    # One shell, so that what a step leaves in the background ends with the test; each line may fail, as on GitHub.
    script = "trap 'kill $(jobs -p)' EXIT\n" + "\n".join(
        f"echo; echo '== {each['name']}'\n{each['run']}" for each in steps
    )
    done = subprocess.run(
        ["/bin/bash", "-e", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, asked, failed, wrote = (part.partition("\n")[2] for part in done.stdout.split("== ")[1:])
    assert '"sources":[{' in asked
    assert '"sources":[{' in failed
    assert '"entries":[]' in wrote.replace(" ", "")
