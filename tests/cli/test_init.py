"""`replicator init`: the first minutes, by hand and by script."""

from __future__ import annotations

import signal
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
    answers = "sandbox\n\nusage -DailyPer*\n"
    done = subprocess.run(command, input=answers, capture_output=True, text=True, check=False, cwd=folder, timeout=60)
    assert "Region (us, eu, sandbox) [us]: " in done.stdout
    assert "Database [sqlite:///replica.db]: " in done.stdout
    assert "token" not in done.stdout.partition("Database")[0]
    assert load({}, {}, config=folder / "etc.toml").objects == ("usage", "-DailyPer*")


NO_URL = (
    "The target without :// is no database URL that this program knows: use postgresql://user@host/database,"
    " mysql://user@host/database, mariadb://user@host/database or sqlite:///file.db."
)


def asked(folder: Path, *words: str, answers: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "replicator", "init", *words]
    return subprocess.run(command, input=answers, capture_output=True, text=True, check=False, cwd=folder, timeout=60)


def test_a_wrong_answer_is_told_at_once_and_asked_for_again(folder: Path) -> None:
    done = asked(folder, answers="mars\nsandbox\nfoo\nsqlite:///a.db\nLables\nLabels\n")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "--region is 'mars', but must be one of us, eu, sandbox.",
        NO_URL,
        '--objects: No object or group is called "Lables"; the nearest is Labels.',
    ]
    found = load({}, {}, config=folder / "replicator.toml")
    assert (found.region, found.target, found.objects) == ("sandbox", "sqlite:///a.db", ("Labels",))


def test_where_nobody_answers_the_option_that_answers_is_named(folder: Path) -> None:
    done = asked(folder, answers="sandbox\n")
    told = (
        "Nobody answers: standard input is at its end. Give --yes, and what is to differ from its default as options."
    )
    assert done.stderr.splitlines()[-1] == f"error: {told}"
    assert done.returncode == 2
    assert not list(folder.iterdir())


def test_stopped_at_a_question_by_one_ctrl_c_it_ends_as_the_help_says(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "replicator", "init"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as asking:
        assert asking.stdout
        assert asking.stdout.read(6) == b"Region"
        asking.send_signal(signal.SIGINT)
        _, told = asking.communicate(timeout=60)
    assert (asking.returncode, told.split()[-1]) == (1, b"Stopped.")


def test_the_next_step_names_the_file_that_was_written(replicator: Run) -> None:
    told = replicator("init", "--yes", "--region", "sandbox", "--objects", "Labels", "--config", "my file.toml").out
    assert "`replicator check --config 'my file.toml'` says:" in told
    assert told.endswith("Next: `replicator replicate --config 'my file.toml'`.\n")


def test_what_the_environment_says_is_neither_asked_nor_written(replicator: Run, folder: Path) -> None:
    environ = {"REPLICATOR_TARGET": "sqlite:///envt.db", "REPLICATOR_REGION": "sandbox"}
    outcome = replicator("init", "--yes", "--config", "o.toml", **environ)
    assert outcome.code == 0, outcome.err
    assert "REPLICATOR_TARGET goes before a file, which leaves it out." in outcome.out
    assert "SQLite file envt.db" in outcome.out
    assert load(environ, {}, config=Path("o.toml")).target == "sqlite:///envt.db"
    assert "target" not in (folder / "o.toml").read_text()
    refused = replicator("init", "--yes", "--config", "p.toml", "--target", "sqlite:///p.db", **environ)
    assert refused.error == "REPLICATOR_TARGET goes before a file: unset it, or leave out --target."
    assert not (folder / "p.toml").exists()


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
