"""`replicator config`, and the choice of one connection of several."""

from __future__ import annotations

from pathlib import Path

from tests.cli.running import Run

TWO = """
region = "sandbox"
[connections.a]
target = "sqlite:///a.db"
[connections.b]
target = "sqlite:///b.db"
[jobs.all]
"""


def test_check_says_that_all_is_right_and_asks_nobody(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(TWO)
    outcome = replicator("config", "check")
    assert (outcome.code, outcome.out) == (0, "The configuration is right: 2 connections, 1 job.\n")
    assert sorted(path.name for path in folder.iterdir()) == ["replicator.toml"]


def test_check_names_every_problem(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text("tries = 0\n[jobs.x]\nmode = 1")
    outcome = replicator("config", "check")
    assert outcome.code == 2
    assert "tries in replicator.toml" in outcome.err
    assert "jobs.x.mode in replicator.toml" in outcome.err


def test_check_knows_the_objects_of_a_job(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('[jobs.x]\nobjects = ["Sorces"]')
    outcome = replicator("config", "check")
    assert outcome.code == 2
    assert "Sources" in outcome.error


def test_show_hides_every_secret(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        '[connections.a]\ntarget = "postgresql://u:hunter22@h/d?password=hunter23"\nbase_url = "https://x:hunter24@h"'
    )
    for words in ((), ("--json",)):
        shown = replicator("config", "show", *words, REPLICATOR_MASK_KEY="hunter25-hunter25").out
        assert "hunter" not in shown
        assert "postgresql://u:***@h/d?***" in shown


def test_what_show_shows_is_a_configuration_that_means_the_same(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(TWO)
    before = replicator("config", "show").out
    (folder / "replicator.toml").write_text(
        "\n".join(line for line in before.splitlines() if line not in ('name = "all"',))
    )
    assert replicator("config", "show").out == before


def test_one_connection_of_several_is_named_before_the_verb(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(TWO)
    assert replicator("replicate", "Labels").code == 2
    assert replicator("--connection", "b", "replicate", "Labels").code == 0
    assert (folder / "b.db").exists()
    assert not (folder / "a.db").exists()
    assert "Labels" in replicator("status", REPLICATOR_CONNECTION="b").out
