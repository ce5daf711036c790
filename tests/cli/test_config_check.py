"""`replicator config check` refuses what the commands refuse, in their words, and asks nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Run

NOWHERE = '"/nonexistent/file"'
NO_FILE = "no such file or directory"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('target = "foo"', "no database URL that this program knows"),
        ('target = "oracle://x/y"', "this program writes to postgresql"),
        ('target = "postgresql://h"', "names no database"),
        ('target = "postgresql://h:abc/x"', "no database URL that this program knows"),
        ('target = "postgresql://h:99999/x"', "port 99999 is none: give one from 1 to 65535"),
        ('target = "sqlite://"', "in memory"),
        ('target = "sqlite:///x.db?mode=ro"', "mode means nothing to SQLite"),
        ('target = "sqlite:///none/x.db"', "The folder none of the target file x.db does not exist"),
        ('schema = "foo"', "SQLite has no schemas"),
        ('base_url = "http://example.com"', "must be https"),
        ('base_url = "ftp://x"', "must begin with https:// and a host"),
        ('base_url = "https://user:pw@host/x"', "must hold no user name or password"),
        (f"ca_file = {NOWHERE}", "Cannot use the CA file /nonexistent/file"),
        ('objects = ["core", "-core"]', "objects in replicator.toml: The words leave no object to replicate"),
        ('objects = ["nope"]', 'objects in replicator.toml: No object or group is called "nope"'),
        ('history = ["nope"]', 'history in replicator.toml: No object or group is called "nope"'),
        ('leave_out = ["Nope.id"]', 'leave_out: There is no object "Nope"'),
        ("[object.Nope]", 'object.Nope: There is no object "Nope"'),
        ("[sandbox]\ncounts = { Foo = 1 }", "The sandbox cannot be made so: counts: there is no 'Foo'"),
        (f"token_file = {NOWHERE}", "Cannot read the token file named in the configuration"),
        (f"[alerts]\nwebhook_url_file = {NOWHERE}", f"The file /nonexistent/file cannot be read: {NO_FILE}"),
        (f"[jobs.a.alerts]\nwebhook_url_file = {NOWHERE}", f"The file /nonexistent/file cannot be read: {NO_FILE}"),
    ],
)
def test_what_a_run_would_refuse_is_no_right_configuration(replicator: Run, folder: Path, text: str, told: str) -> None:
    (folder / "replicator.toml").write_text(text)
    outcome = replicator("config", "check")
    assert told in outcome.error
    assert (outcome.code, outcome.out) == (2, "")
    assert [path.name for path in folder.iterdir()] == ["replicator.toml"]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"SEGMENT_TOKEN": "a b"}, "SEGMENT_TOKEN holds a space or a line break"),
        ({"SEGMENT_TOKEN_FILE": "/nonexistent"}, "Cannot read the file named by SEGMENT_TOKEN_FILE"),
        ({"REPLICATOR_OBJECTS": "nope"}, 'REPLICATOR_OBJECTS: No object or group is called "nope"'),
    ],
)
def test_the_environment_is_checked_too(replicator: Run, environ: dict[str, str], told: str) -> None:
    outcome = replicator("config", "check", **environ)
    assert told in outcome.error
    assert outcome.code == 2


def test_where_there_is_no_token_yet_the_rest_is_checked(replicator: Run) -> None:
    assert replicator("config", "check", SEGMENT_TOKEN="").code == 0


def test_the_token_of_a_fake_workspace_is_never_read(replicator: Run) -> None:
    assert replicator("config", "check", REPLICATOR_REGION="sandbox", SEGMENT_TOKEN="a b").code == 0


def test_every_problem_is_told_at_once(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        'reread_hours = -1\nobjects = ["nope"]\nleave_out = ["id"]\ntarget = "foo"\n'
        'masked = ["Users.mail", "Users.id"]\n'
        '[jobs.a]\nobjects = ["zip"]\nhistory = ["zap"]\n'
    )
    told = replicator("config", "check").err
    assert told.startswith("error: 8 settings are wrong:\n  - ")
    for part in (
        "reread_hours in replicator.toml is -1",
        "leave_out in replicator.toml is ['id']",
        'objects in replicator.toml: No object or group is called "nope"',
        'jobs.a.objects in replicator.toml: No object or group is called "zip"',
        'jobs.a.history in replicator.toml: No object or group is called "zap"',
        "no database URL",
        "masked: Users has no column mail",
        "masked: Users.id must stay",
    ):
        assert part in told


def test_what_one_connection_alone_has_wrong_is_told_with_its_name(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        'base_url = "http://example.com"\n[connections.a]\ntarget = "foo"\n[connections.b]\nobjects = ["nope"]\n'
    )
    told = replicator("config", "check").err.splitlines()
    assert len(told) == 4
    assert told[1].startswith("  - connection a: The target without :// is no database URL")
    assert told[2].startswith("  - The base URL must be https")
    assert told[3].startswith("  - connection b: connections.b.objects in replicator.toml: No object")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('objects = ["nope"]', ("replicate",)),
        ('objects = ["core", "-core"]', ("replicate",)),
        ('history = ["nope"]', ("replicate", "Labels")),
        ('leave_out = ["Nope.id"]', ("replicate", "Labels")),
        ('[jobs.a]\nobjects = ["nope"]', ("run", "a")),
        ('[jobs.a]\nhistory = ["nope"]', ("run", "a")),
    ],
)
def test_a_command_says_it_in_the_same_words(replicator: Run, folder: Path, text: str, words: tuple[str, ...]) -> None:
    (folder / "replicator.toml").write_text(f'region = "sandbox"\n{text}')
    assert replicator(*words).error == replicator("config", "check").error


def test_a_configuration_without_an_error_may_name_files_that_are_there(replicator: Run, folder: Path) -> None:
    (folder / "token").write_text("a-token-of-some-length")
    (folder / "hook").write_text("https://hooks.example.com/services/T0/B0/abc")
    (folder / "replicator.toml").write_text('token_file = "token"\n[alerts]\nwebhook_url_file = "hook"\n')
    outcome = replicator("config", "check")
    assert outcome.code == 0, outcome.err
