"""What would be accepted and have no effect gets a sentence that says what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Run

ZONE = "jobs.a.time_zone in replicator.toml needs jobs.a.schedule in place of jobs.a.every."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[jobs.a]\nevery = "1h"\ntime_zone = "Europe/Berlin"', ZONE),
        (
            '[web]\nlisten = "127.0.0.1:0"\nhosts = ["http://a"]',
            "web.hosts in replicator.toml is ['http://a'], but must be a list of names such as replicator.internal.",
        ),
        ("[object.Labels]\nwhere = { key = {} }", "object.Labels.where in replicator.toml is {'key': {}}, but must be"),
    ],
)
def test_a_setting_that_needs_another_says_so(replicator: Run, folder: Path, text: str, told: str) -> None:
    (folder / "replicator.toml").write_text(text)
    outcome = replicator("config", "check")
    assert told in outcome.error
    assert outcome.code == 2


@pytest.mark.parametrize(
    "text",
    [
        '[jobs.a]\ntime_zone = "UTC"\njitter = 0\nevery = "1h"',
        '[jobs.a]\ntime_zone = "Europe/Berlin"\njitter = 5\nschedule = "0 3 * * *"',
        '[jobs.a]\njitter = 5\nevery = "1h"',
        '[jobs.a]\ntime_zone = "Europe/Berlin"\njitter = 5',
        "push_deletes = true\ndeploy = true",
        '[web]\nurl = "https://a.example.com"\nhosts = ["a"]',
        '[web]\nlisten = "127.0.0.1:0"\nhosts = ["a.internal", "B", "a_b"]',
    ],
)
def test_what_has_an_effect_or_waits_for_a_switch_is_right(replicator: Run, folder: Path, text: str) -> None:
    (folder / "replicator.toml").write_text(text)
    assert replicator("config", "check").err == ""


def test_a_wrong_value_is_not_told_as_a_missing_one_too(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(
        '[web]\nlisten = "x"\nurl = "https://a"\n[jobs.a]\nschedule = "x"\njitter = 5\n[alerts]\n'
        'mail_server = "localhost"\nmail_to = ["a@example.com"]\nmail_from = "a@example.com"'
    )
    assert replicator("config", "check").err.startswith("error: 3 settings are wrong:")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "refresh TrackingPlans --period 2026-10",
            "TrackingPlans has no months: --period is for usage objects alone. Leave it out.",
        ),
        ("sandbox --control-host ::1", "--control-host needs --control-port."),
        (
            "init --yes --region sandbox --token-file nofile",
            "The sandbox takes no token: leave out --token-file, or name another --region.",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(replicator: Run, folder: Path, words: str, told: str) -> None:
    outcome = replicator(*words.split())
    assert (outcome.error, outcome.code) == (told, 2)
    assert not any(folder.iterdir())


@pytest.mark.parametrize("given", ["", " , "])
def test_a_word_for_deletes_names_an_object(replicator: Run, given: str) -> None:
    outcome = replicator("replicate", "Labels", "--region", "sandbox", "--allow-deletes", given)
    assert outcome.error == "--allow-deletes names no object: give one, as in --allow-deletes Users."
    assert outcome.code == 2
