"""What is asked wrongly gets one sentence, exit code 2 (or the documented other one), and nothing is written."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.running import TOKEN, Run
from tests.conftest import free_port

NO_PERIOD = ("DailyWorkspaceAPICallsUsage", "DailyPerSourceMTUUsage")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["replicat"], "No such command 'replicat'. Did you mean 'replicate'? See replicator --help."),
        (["replicate", "TrakingPlans"], 'No object or group is called "TrakingPlans"; the nearest is TrackingPlans.'),
        (["replicate", "-Uses"], 'No object or group is called "Uses"; the nearest is Users.'),
        (["replicate", "Echo"], "Echo cannot be replicated: it answers what it was asked"),
        (["replicate", "--perod", "2023-04"], "There is no option --perod; did you mean --period?"),
        (["replicate", "--perod=2023-04"], "There is no option --perod; did you mean --period?"),
        (["replicate", "--", "--full"], "--full stands after --, where every word is a name"),
        (["replicate", "--", "--ful"], "There is no option --ful; did you mean --full?"),
        (["replicate", "Qqq"], 'No object or group is called "Qqq"; `replicator objects` lists them.'),
        (["replicate", "--period", "2023-4"], "--period is ['2023-4'], but must be a month such as 2023-04"),
        (["replicate", "--period", "1999-01..2026-11"], "(at most 240 months, the earlier one first)"),
        (["replicate", "--period", "2026-01..2025-12"], "(at most 240 months, the earlier one first)"),
        (["replicate", "--period", "2999-01"], "The month 2999-01 has not begun yet"),
        (["replicate", "--region", "mars"], "--region is 'mars', but must be one of us, eu, sandbox"),
        (["replicate", "--concurrency", "0"], "--concurrency is 0, but must be a whole number from 1 to 64"),
        (["replicate", "--concurrency", "many"], "Invalid value for '--concurrency'"),
        (["replicate", "--extended", "maybe"], "--extended is 'maybe', but must be one of auto, on, off"),
        (["replicate", "--allow-deletes", "Usrs"], 'There is no object "Usrs"; the nearest is Users.'),
        (
            ["replicate", "--region", "sandbox", "--target", "sqlite:///a.db?mode=ro&foo=1"],
            "The target's foo, mode means nothing to SQLite",
        ),
        (["status", "--target", "sqlite:///a.db?foo=1"], "The target's foo means nothing to SQLite"),
        (["replicate", "--prefix", "a-b"], "--prefix is 'a-b', but must be a name of letters"),
        (["replicate", "--config", "no.toml"], "Cannot read the configuration file no.toml: no such file"),
        (["replicate", "Users", "-Users"], "The words leave no object to replicate"),
        (["replicate", "--region", "us", "--base-url", "http://127.0.0.1:1"], "exclude one another"),
        (["replicate", "--target"], "Option '--target' requires an argument"),
        (["objects", "Trackingplan"], 'There is no object "Trackingplan"; the nearest is TrackingPlans.'),
        (["objects", "--group", "cor"], "There is no group 'cor'; the groups are core, usage"),
        (["sandbox", "--size", "huge"], "size must be one of small, medium, large"),
        (["sandbox", "--count", "Sources"], "--count is 'Sources', but must be a name and a whole number"),
        (["sandbox", "--count", "Sorces=3"], "there is no 'Sorces'; the nearest is Sources."),
        (["sandbox", "--rate-limit", "0"], "--rate-limit is '0', but must be real, off"),
        (["schema", "plan", "--exitcode"], "There is no option --exitcode; did you mean --exit-code?"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(replicator: Run, folder: Path, words: list[str], told: str) -> None:
    outcome = replicator(*words)
    assert told in outcome.error
    assert (outcome.code, outcome.out) == (2, "")
    assert not any(folder.iterdir())


def test_usage_objects_without_a_period_are_named_before_the_first_request(replicator: Run, folder: Path) -> None:
    outcome = replicator("replicate", *NO_PERIOD)
    for part in (*NO_PERIOD, '"period" is required', "--period", "-usage"):
        assert part in outcome.error
    assert outcome.code == 2
    assert not any(folder.iterdir())


def test_without_a_token_the_places_where_it_is_looked_for_are_named(replicator: Run, folder: Path) -> None:
    outcome = replicator("replicate")
    assert "SEGMENT_TOKEN is not set, SEGMENT_TOKEN_FILE is not set" in outcome.error
    assert outcome.code == 2
    assert not any(folder.iterdir())


def test_a_token_with_a_stray_character_is_refused_and_not_shown(replicator: Run) -> None:
    outcome = replicator("replicate", SEGMENT_TOKEN=f"Bearer {TOKEN}")
    assert "begins with the word Bearer" in outcome.error
    assert outcome.code == 2


def test_a_wrong_token_stops_the_run(replicator: Run, api: str) -> None:
    outcome = replicator("replicate", "--base-url", api, SEGMENT_TOKEN="wrong-token-0123456789")
    assert "Segment does not accept the token" in outcome.error
    assert "check the region" in outcome.error
    assert outcome.code == 1
    assert "wrong-token" not in outcome.out + outcome.err


def test_no_server_at_the_address_is_a_failed_run(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text("tries = 1")
    outcome = replicator("replicate", "--base-url", f"http://127.0.0.1:{free_port()}", SEGMENT_TOKEN=TOKEN)
    assert "the connection failed" in outcome.error
    assert "Check the network." in outcome.error
    assert outcome.code == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.com", "must be https: over http the token could be read on the way"),
        ("https://user:hunter22@example.com", "must hold no user name or password"),
        ("example.com", "must begin with https://"),
        ("https://example.com:99999", "is no URL"),
    ],
)
def test_an_address_that_must_not_get_the_token_is_refused(replicator: Run, url: str, told: str) -> None:
    outcome = replicator("replicate", "--base-url", url, SEGMENT_TOKEN=TOKEN)
    assert told in outcome.error
    assert outcome.code == 2
    assert "hunter22" not in outcome.err


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("replica.db", 2, "no database URL"),
        ("oracle://u:hunter22@h/d", 2, "writes to postgresql, mysql, mariadb and sqlite"),
        ("nonsense://u:hunter22@h/d", 2, "no database URL"),
        ("postgresql://u:hunter22@h:port/d", 2, "no database URL"),
        ("sqlite://", 2, "in memory"),
        ("mysql://u:hunter22@127.0.0.1:3306/", 2, "names no database: add it, as in mysql://user@host/database"),
        ("postgresql://u:hunter22@127.0.0.1", 2, "names no database"),
        ("sqlite:///no/folder/replica.db", 2, "does not exist: create it"),
        ("sqlite:///.", 2, "is a folder"),
        ("postgresql://u:hunter22@127.0.0.1:99999/d", 2, "port 99999 is none: give one from 1 to 65535"),
        ("postgresql://u:hunter22@127.0.0.1:{port}/d", 1, "nothing listens there"),
        ("postgresql+asyncpg://u:hunter22@127.0.0.1:{port}/d", 1, "nothing listens there"),
        ("mysql://u:hunter22@127.0.0.1:{port}/d", 1, "nothing listens there"),
    ],
)
def test_an_impossible_target_is_one_sentence(replicator: Run, folder: Path, url: str, code: int, told: str) -> None:
    outcome = replicator("replicate", "--region", "sandbox", "--target", url.format(port=free_port()))
    assert told in outcome.error
    assert outcome.code == code
    assert "hunter22" not in outcome.err + outcome.out
    assert not any(folder.iterdir())


@pytest.mark.parametrize("verb", ["replicate", "replicate --dry-run", "schema plan", "schema apply", "pending"])
def test_a_schema_in_sqlite_is_refused_before_anything_is_made(replicator: Run, folder: Path, verb: str) -> None:
    outcome = replicator(*verb.split(), "Labels", "--schema", "foo", REPLICATOR_REGION="sandbox")
    assert outcome.error == (
        "SQLite has no schemas, so no table can lie in foo: give a prefix of the tables' names instead."
    )
    assert outcome.code == 2
    assert not any(folder.iterdir())


@pytest.mark.parametrize(
    "verb", [("status",), ("runs",), ("schema", "apply"), ("schema", "plan"), ("check", "--region", "sandbox")]
)
def test_no_command_meets_a_database_that_is_down_with_a_traceback(replicator: Run, verb: tuple[str, ...]) -> None:
    outcome = replicator(*verb, "--target", f"postgresql://u:hunter22@127.0.0.1:{free_port()}/d")
    assert "nothing listens there" in outcome.err + outcome.out
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert "hunter22" not in outcome.err + outcome.out


@pytest.mark.parametrize("verb", [("status",), ("runs",)])
def test_looking_into_a_file_that_is_not_there_makes_none(replicator: Run, folder: Path, verb: tuple[str, ...]) -> None:
    outcome = replicator(*verb)
    assert "There is no file replica.db" in outcome.error
    assert outcome.code == 2
    assert not any(folder.iterdir())


def test_with_json_an_error_is_a_document_too(replicator: Run) -> None:
    outcome = replicator("replicate", "--json", "Nothing")
    assert outcome.document["exit_code"] == outcome.code == 2
    assert outcome.document["error"] == outcome.error


def test_an_unknown_count_of_the_sandbox_names_the_nearest(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text("[sandbox]\ncounts = { Sorces = 3 }")
    outcome = replicator("replicate", "--region", "sandbox")
    assert "there is no 'Sorces'; the nearest is Sources." in outcome.error
    assert outcome.code == 2


def test_a_column_that_holds_no_secret_cannot_be_made_plain(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('plain_secrets = ["Sources.name"]')
    outcome = replicator("replicate", "--region", "sandbox")
    assert "Sources has no secret column name; its secret columns: " in outcome.error
    assert outcome.code == 2


def test_a_port_in_use_is_one_sentence(replicator: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = replicator("sandbox", "--port", str(taken.getsockname()[1]))
    assert "address already in use. Choose another --port or --host." in outcome.error
    assert outcome.code == 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("CONCURENCY", "CONCURRENCY"),
        ("PUSH_DELETE", "PUSH_DELETES"),
        ("TARGETS", "TARGET"),
        ("WEB_LISTENS", "WEB_LISTEN"),
        ("CONNECTIONS_ACME_TARGT", "CONNECTIONS_ACME_TARGET"),
        ("CONNECTIONS_OTHER_TARGET", "CONNECTIONS_ACME_TARGET"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(replicator: Run, given: str, meant: str) -> None:
    Path("replicator.toml").write_text("[connections.acme]\n")
    outcome = replicator("config", "check", **{f"REPLICATOR_{given}": "3"})
    assert f"REPLICATOR_{given}: there is no such setting; the nearest is REPLICATOR_{meant}." in outcome.error
    assert outcome.code == 2


@pytest.mark.parametrize("name", ["TOKEN", "TOKEN_FILE"])
def test_a_token_in_a_variable_that_nobody_reads_is_an_error_that_names_the_right_one(
    replicator: Run, name: str
) -> None:
    outcome = replicator("replicate", "Labels", "--region", "sandbox", **{f"REPLICATOR_{name}": TOKEN})
    assert outcome.error == f"REPLICATOR_{name}: there is no such setting; the nearest is SEGMENT_{name}."
    assert outcome.code == 2


@pytest.mark.parametrize("name", ["OBJECT_LABELS_DELETES", "CONNECTIONS_ACME_OBJECT_LABELS_DELETES"])
def test_a_variable_of_one_object_is_refused_whatever_the_file_says(replicator: Run, name: str) -> None:
    Path("replicator.toml").write_text('[connections.acme.object.Labels]\ndeletes = "soft"\n[object.Labels]\n')
    outcome = replicator("replicate", **{f"REPLICATOR_{name}": "hard"})
    told = "what holds for one object is read from the file alone: say it in a table [object.NAME] there."
    assert outcome.error == f"REPLICATOR_{name}: {told}"
    assert outcome.code == 2


def test_the_counts_of_the_sandbox_may_stand_in_the_environment_as_in_the_file(replicator: Run) -> None:
    Path("replicator.toml").write_text('region = "sandbox"')
    outcome = replicator("replicate", "Labels", "--json", REPLICATOR_SANDBOX_COUNTS="{ Labels = 3 }")
    assert outcome.document["objects"][0]["inserted"] == 3
    assert "such as { Sources = 20 }" in replicator("replicate", REPLICATOR_SANDBOX_COUNTS="Labels=3").error


def test_a_variable_of_somebody_else_is_left_alone(replicator: Run) -> None:
    """Kubernetes sets such ones beside a service that is called `replicator`."""
    theirs = {
        "REPLICATOR_PORT": "tcp://10.0.0.1:80",
        "REPLICATOR_SERVICE_HOST": "10.0.0.1",
        "REPLICATOR_TEST_HISTORIES": "x",
    }
    assert replicator("config", "check", **theirs).code == 0
