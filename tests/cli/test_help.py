"""What the program says of itself, and how soon."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from replicator import __version__, errors
from tests.cli.running import Process, Run

HEAVY = ("sqlalchemy", "alembic", "httpx", "rich", "uvicorn", "psycopg", "pymysql", "structlog", "replicator.catalog")
VERBS = (
    *("replicate", "refresh", "check", "objects", "status", "runs", "sandbox", "schema", "state", "quarantine"),
    *("init", "run", "config", "config check", "config show"),
    *("health", "state show", "state set", "state reset", "quarantine list", "quarantine retry"),
)
GROUPS = ("", "config", "schema", "state", "quarantine", "web")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["replicate", "--help"]])
def test_help_answers_at_once(words: list[str], folder: Path) -> None:
    code = (
        "import sys; from replicator.cli.resort import run; code = run(sys.argv[1:], {});"
        f"found = [name for name in {HEAVY!r} if name in sys.modules];"
        "sys.exit(f'loaded: {found}' if found else code)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 0.1 s where nothing else runs; a loaded machine counts more.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_the_help_has_every_exit_code(replicator: Run) -> None:
    shown = replicator("--help").out
    told = {int(line.split()[0]) for line in shown.splitlines() if line.split() and line.split()[0].isdigit()}
    codes = {each.exit_code for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "exit_code")}
    assert told == {0, 3, 5, 130} | codes


def test_the_version_is_the_packages(replicator: Run) -> None:
    assert replicator("--version").out == f"replicator {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(replicator: Run, verb: str) -> None:
    outcome = replicator(*verb.split(), "--help")
    assert outcome.code == 0
    assert "Usage: replicator" in outcome.out
    *before, last = verb.split()
    assert last in replicator(*before, "--help").out


@pytest.mark.parametrize("group", [*GROUPS, "alerts"])
def test_no_summary_of_a_command_is_cut_short_on_a_narrow_terminal(
    replicator: Run, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = replicator(*group.split(), "--help").out
    _, _, commands = shown.partition("Commands:\n")
    assert commands
    assert not [line for line in commands.splitlines() if line.endswith("...")]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_verb_shows_its_help_and_counts_as_a_wrong_command_line(replicator: Run, group: str) -> None:
    outcome = replicator(*group.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == replicator(*group.split(), "--help").out


def test_the_module_is_the_command(process: Process) -> None:
    outcome = process("replicate", "Labels", "--region", "sandbox")
    assert outcome.code == 0
    assert "1 object, 6 inserted" in outcome.out


def test_a_mistake_of_the_program_is_one_line_and_its_traceback_shows_on_request(
    replicator: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such mistake to be had from outside, so the interpreter is made to lack a module."""
    monkeypatch.setitem(sys.modules, "replicator.catalog.costs", None)
    outcome = replicator("objects")
    assert outcome.error == (
        "This is a mistake in the program (ModuleNotFoundError)."
        " Please report it to the project, with the traceback that REPLICATOR_DEBUG=1 shows."
    )
    assert outcome.code == 1
    shown = replicator("objects", REPLICATOR_DEBUG="1", SEGMENT_TOKEN="replicator.catalog.costs").err
    assert "Traceback" in shown
    for off in ("", "0", "false", "No"):
        assert "Traceback" not in replicator("objects", REPLICATOR_DEBUG=off).err
    assert "replicator.catalog.costs" not in shown
