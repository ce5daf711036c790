"""Alerts as their users have them: from the daemon, from commands that cron runs, and from `replicator alerts`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.servers import PASSWORD, Hook, hook, inbox, until
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_daemon import daemon, ended

FAILING = """
base_url = "{api}"
target = "{target}"
objects = ["Labels"]
[jobs.nightly]
every = "1h"
[alerts]
on = ["failed", "stale", "away"]
"""
WRONG = "another-token-than-theirs"


@pytest.fixture
def to() -> Iterator[Hook]:
    with hook() as found:
        yield found


def configure(api: str, to: Hook | None = None, target: str = "sqlite:///replica.db", more: str = "") -> None:
    told = ""
    if to:
        Path("webhook.secret").write_text(f"{to.url}\n")
        told = 'webhook_url_file = "webhook.secret"\n'
    Path("replicator.toml").write_text(FAILING.format(api=api, target=target) + told + more)


def first_lines(to: Hook) -> list[str]:
    return [part.splitlines()[0] for text in to.texts for part in text.split("\n\n")]


@pytest.mark.parametrize("words", [("run", "nightly"), ("replicate",), ("sync",)])
def test_a_command_that_fails_again_and_again_is_told_once_and_its_recovery_once(
    replicator: Run, api: str, to: Hook, words: tuple[str, ...]
) -> None:
    configure(api, to)
    for _ in range(2):
        assert replicator(*words, SEGMENT_TOKEN=WRONG).code == 1
    for _ in range(2):
        assert replicator(*words, SEGMENT_TOKEN=TOKEN).code == 0
    what = "job nightly" if words[0] == "run" else "a run by hand"
    assert first_lines(to) == [f"default: {what} failed", f"default: {what} failed - over"]
    assert "does not accept the token" in to.texts[0]


def test_a_job_that_cannot_even_begin_is_a_failed_run_and_told(replicator: Run, api: str, to: Hook) -> None:
    configure(api, to)
    outcome = replicator("run", "nightly")
    assert outcome.code == 2
    assert "SEGMENT_TOKEN" in outcome.error
    (run,) = replicator("runs", "--json").document["runs"]
    assert (run["status"], run["job"]) == ("failed", "nightly")
    assert first_lines(to) == ["default: job nightly failed"]


def test_alerts_lists_what_stands_with_the_command_to_type(replicator: Run, api: str, to: Hook) -> None:
    configure(api, to)
    assert replicator("alerts").out == "0 alerts open.\n" or replicator("alerts").err
    replicator("run", "nightly", SEGMENT_TOKEN=WRONG)
    (alert,) = replicator("alerts", "--json").document["alerts"]
    assert (alert["kind"], alert["job"], alert["told"]) == ("failed", "nightly", ["webhook"])
    assert alert["next"] == f"replicator --connection default runs {alert['run'][:8]}"
    told = replicator("alerts").out
    assert "job nightly failed" in told
    assert told.rstrip().endswith("1 alert open.")
    assert replicator(*alert["next"].split()[1:]).code == 0
    replicator("run", "nightly", SEGMENT_TOKEN=TOKEN)
    assert replicator("alerts").out == "0 alerts open.\n"


def test_alerts_lists_what_stands_where_nobody_is_told_of_anything(replicator: Run, api: str) -> None:
    configure(api, target="sqlite:///untold.db")
    replicator("run", "nightly", SEGMENT_TOKEN=WRONG)
    (alert,) = replicator("alerts", "--json").document["alerts"]
    assert (alert["kind"], alert["job"], alert["told"]) == ("failed", "nightly", [])
    replicator("run", "nightly", SEGMENT_TOKEN=TOKEN)
    assert replicator("alerts").out == "0 alerts open.\n"


def test_a_channel_that_does_not_work_is_logged_with_its_name_and_the_reason(
    process: Process, api: str, to: Hook
) -> None:
    configure(api, to)
    Path("webhook.secret").unlink()
    outcome = process("alerts", "test")
    assert outcome.code == 1
    for event in ("channel cannot be used", "alert not sent"):
        assert f'{event} channel=webhook why="' in outcome.err


def test_a_broken_channel_changes_nothing_of_a_run_and_is_shown(replicator: Run, api: str, to: Hook) -> None:
    configure(api, to)
    to.status = 500
    replicator("run", "nightly", SEGMENT_TOKEN=WRONG)
    outcome = replicator("run", "nightly", SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 0
    listed = replicator("alerts")
    assert (
        "webhook of connection default does not work (1 not told): The webhook at 127.0.0.1 answered 500." in listed.out
    )
    (broken,) = replicator("alerts", "--json").document["broken"]
    assert (broken["channel"], broken["untold"]) == ("webhook", 1)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # this machine is where it stays
def test_a_test_goes_through_each_channel_and_says_which_does_not_work(replicator: Run, api: str, to: Hook) -> None:
    assert "Nobody is told of anything" in replicator("alerts", "test").error
    with inbox(login=True) as mails:
        configure(api, to, more=_mail(mails.port))
        environ = {"REPLICATOR_ALERTS_MAIL_PASSWORD": PASSWORD}
        outcome = replicator("alerts", "test", **environ)
        assert (outcome.code, outcome.out) == (0, "webhook: sent\nmail: sent\n")
        assert mails.mails[0]["Subject"] == "[replicator] Alerts of replicator work"
        to.status = 404
        outcome = replicator("alerts", "test", **environ)
        assert (outcome.code, outcome.out) == (1, "webhook: The webhook at 127.0.0.1 answered 404.\nmail: sent\n")


def _mail(port: int) -> str:
    return (
        f'mail_to = "ops@example.com"\nmail_from = "me@example.com"\nmail_server = "127.0.0.1:{port}"\n'
        'mail_tls = "off"\nmail_user = "me"\n'
    )


def test_a_database_that_is_away_is_told_by_the_command_that_met_it(replicator: Run, api: str, to: Hook) -> None:
    configure(api, to, target="postgresql://nobody@127.0.0.1:1/none")
    assert replicator("run", "nightly", SEGMENT_TOKEN=TOKEN).code == 1
    assert first_lines(to) == ["default: the database cannot be used"]
    assert "nothing listens there" in to.texts[0]


def test_a_database_that_only_the_command_line_names_is_nobody_s_business(replicator: Run, api: str, to: Hook) -> None:
    configure(api, to)
    assert replicator("replicate", "--target", "sqlite:///scratch.db", SEGMENT_TOKEN=WRONG).code == 1
    assert to.bodies == []


def test_config_show_hides_what_alerts_are_sent_with(replicator: Run, api: str, to: Hook) -> None:
    configure(api, more=_mail(25))
    environ = {"REPLICATOR_ALERTS_WEBHOOK_URL": to.url, "REPLICATOR_ALERTS_MAIL_PASSWORD": PASSWORD}
    shown = replicator("config", "show", **environ).out
    assert 'webhook_url = "***"' in shown
    assert 'mail_password = "***"' in shown
    document = replicator("config", "show", "--json", **environ).document
    assert document["alerts"]["mail_server"] == "127.0.0.1:25"
    assert document["jobs"]["nightly"]["alerts"] == {}


def test_the_daemon_tells_what_its_runs_end_with_and_a_webhook_that_hangs_keeps_none_waiting(
    process: Process, api: str, to: Hook
) -> None:
    with inbox() as mails:
        more = f'mail_to = "ops@example.com"\nmail_from = "me@example.com"\nmail_server = "127.0.0.1:{mails.port}"\n'
        configure(api, to, more=f'{more}mail_tls = "off"\n')
        to.drip = 0.5
        with daemon(process, "--log-format", "json", SEGMENT_TOKEN=WRONG) as started:
            began = time.monotonic()
            until(lambda: mails.mails, 60)
            lines = ended(started)
        assert time.monotonic() - began < 60
    (mail,) = mails.mails
    assert mail["Subject"] == "[replicator] default: job nightly failed"
    assert {line["status"] for line in lines if line["event"] == "job ended"} == {"failed"}
    (broken,) = [line for line in lines if line["event"] == "alert not sent"]
    assert (broken["channel"], broken["connection"]) == ("webhook", "default")


def test_the_daemon_follows_changed_alerts_at_sighup(process: Process, api: str, to: Hook) -> None:
    configure(api)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=WRONG) as started:
        until(lambda: Path("replica.db").exists())
        time.sleep(3)
        configure(api, to)
        started.send_signal(signal.SIGHUP)
        until(lambda: to.bodies)
        lines = ended(started)
    assert first_lines(to) == ["default: job nightly failed"]
    assert [line for line in lines if line["event"] == "alert sent"]
