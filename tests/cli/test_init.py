"""`replicator init`: the first minutes, by hand and by script."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from replicator.settings import load
from tests.cli.running import TOKEN, Run


def test_a_script_gets_a_file_that_only_its_owner_may_read_and_that_works(replicator: Run, folder: Path) -> None:
    outcome = replicator("init", "--yes", "--region", "sandbox", "--objects", "Labels, Roles")
    assert outcome.code == 0, outcome.err
    assert "Everything that was asked works." in outcome.out
    assert outcome.out.endswith("Next: `replicator replicate`.\n")
    file = folder / "replicator.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = load({}, {})
    assert (found.region, found.target, found.objects) == ("sandbox", "sqlite:///replica.db", ("Labels", "Roles"))
    assert replicator("replicate").code == 0


def test_a_person_is_asked_and_may_take_what_is_proposed(folder: Path) -> None:
    command = [sys.executable, "-m", "replicator", "init", "--config", "etc.toml"]
    answers = "sandbox\n\nusage -Daily*\n"
    done = subprocess.run(command, input=answers, capture_output=True, text=True, check=False, cwd=folder, timeout=60)
    assert "Region (us, eu, sandbox) [us]: " in done.stdout
    assert "Database [sqlite:///replica.db]: " in done.stdout
    assert "token" not in done.stdout.partition("Database")[0]
    assert load({}, {}, config=folder / "etc.toml").objects == ("usage", "-Daily*")


def test_a_file_that_is_there_is_left_alone(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text("tries = 3\n")
    assert "is already there" in replicator("init", "--yes").error
    assert (folder / "replicator.toml").read_text() == "tries = 3\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--region", "mars"), "--region is 'mars', but must be one of us, eu, sandbox"),
        (("--objects", "Lables"), "Labels"),
        (("--config", "none/r.toml"), "Cannot write none/r.toml: no such file or directory"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    replicator: Run, folder: Path, words: tuple[str, ...], told: str
) -> None:
    outcome = replicator("init", "--yes", *words)
    assert outcome.code == 2
    assert told in outcome.error
    assert not list(folder.iterdir())


def test_the_token_stays_where_it_is_and_what_does_not_work_is_said(replicator: Run, folder: Path, api: str) -> None:
    (folder / "token").write_text("not-the-token-of-this-workspace")
    outcome = replicator("init", "--yes", "--token-file", "token", REPLICATOR_BASE_URL=api, SEGMENT_TOKEN="")
    assert outcome.code == 1
    assert outcome.out.endswith("Mend that, then ask `replicator check` again.\n")
    text = (folder / "replicator.toml").read_text()
    assert f'token_file = "{folder / "token"}"' in text
    assert "not-the-token" not in text + outcome.out + outcome.err
    (folder / "token").write_text(TOKEN)
    assert "workspace  " in replicator("check", REPLICATOR_BASE_URL=api).out
