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
    (folder / "replicator.toml").write_text(before)
    assert replicator("config", "show").out == before != ""


def test_of_two_that_name_one_thing_show_shows_the_one_that_was_said(replicator: Run, folder: Path) -> None:
    (folder / "key").write_text("a key that nobody can guess")
    (folder / "url").write_text("sqlite:///a.db")
    (folder / "replicator.toml").write_text(
        'base_url = "http://127.0.0.1:4010"\nmask_key_file = "key"\ntarget_file = "url"'
    )
    before = replicator("config", "show").out
    (folder / "replicator.toml").write_text(before)
    assert replicator("config", "check").err == ""
    assert replicator("config", "show").out == before


def test_show_shows_what_holds_for_one_object_and_that_means_the_same(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        TWO.replace(
            "[connections.a]", '[object.Users]\nmask = { email = "hash", "permissions.a" = "drop" }\n[connections.a]'
        )
        + "[connections.b.object.Labels]\nhistory = true\n"
    )
    before = replicator("config", "show").out
    assert '"permissions.a" = "drop"' in before
    (folder / "replicator.toml").write_text(before)
    assert replicator("config", "show").out == before
    assert replicator("config", "check").code == 0
    assert list(replicator("config", "check", "--json").document["connections"]) == ["a", "b"]


def test_one_connection_of_several_is_named_before_the_verb(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(TWO)
    assert replicator("replicate", "Labels").code == 2
    assert replicator("--connection", "b", "replicate", "Labels").code == 0
    assert (folder / "b.db").exists()
    assert not (folder / "a.db").exists()
    assert "Labels" in replicator("status", REPLICATOR_CONNECTION="b").out


def test_a_job_is_performed_for_each_of_its_connections(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(TWO + 'objects = ["Labels"]\n[jobs.b]\nconnections = ["b"]')
    outcome = replicator("run", "all")
    assert outcome.code == 0
    assert outcome.out.count("1 object, 6 inserted") == 2
    assert "all of connection b" not in replicator("--connection", "a", "run", "all").out
    assert replicator("--connection", "a", "run", "b").error == "The job b is not for connection 'a', but for b."
    assert replicator("run", "al").error == "There is no job 'al'; the nearest is all."


def test_one_connection_that_cannot_run_leaves_the_others_right(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        TWO.replace("sqlite:///a.db", "sqlite:///none/a.db")
        + 'objects = ["Labels"]\nmode = "full"\nhistory = ["Labels"]'
    )
    outcome = replicator("run", "all")
    assert outcome.code == 2
    assert "The folder none of the target file a.db does not exist" in outcome.error
    assert "1 object, 6 inserted" in outcome.out
    assert replicator("--connection", "b", "runs", "--json").document["runs"][0]["mode"] == "full"


def test_check_names_columns_that_cannot_be_left_out_or_masked(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('leave_out = ["Users.id"]\nmasked = ["users.mail"]')
    outcome = replicator("config", "check")
    assert outcome.code == 2
    assert "leave_out: Users.id must stay as it is" in outcome.err
    assert "masked: Users has no column mail; the nearest is email" in outcome.err
