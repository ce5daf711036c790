"""What people read: texts of others can neither call anybody, nor make up a header, a link or another line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, strategies

from replicator.alerts import words
from replicator.alerts.decide import Alert, Key
from replicator.settings.alerts import KINDS

WHEN = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
FAILED = Alert(Key("failed", "nightly"), "It is down.", "0123456789abcdef", WHEN)
HOSTILE = (
    "x\r\nBcc: all@example.com\n\n<!channel> @here & [a](https://evil.example/?) \u202e\x1b[31m<https://e.example|ok>"
)


def test_a_message_says_what_where_why_since_when_what_to_type_and_of_which_run() -> None:
    assert words.message("acme", FAILED, "opened").lines() == [
        "acme: job nightly failed",
        "It is down.",
        "Since 2026-03-10 12:30 UTC",
        "Next: replicator --connection acme runs 01234567",
        "Run 0123456789abcdef",
    ]


def test_that_it_is_over_is_said_without_anything_to_do() -> None:
    over = replace(FAILED, closed=WHEN.replace(hour=14))
    assert words.message("acme", over, "closed").lines()[0] == "acme: job nightly failed - over"
    assert words.message("acme", over, "passed").lines() == [
        "acme: job nightly failed - came and went",
        "It is down.",
        "Since 2026-03-10 12:30 UTC until 2026-03-10 14:30 UTC",
        "Run 0123456789abcdef",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_and_a_command_to_type(kind: str) -> None:
    alert = replace(FAILED, key=Key(kind, "nightly", "Users"))  # type: ignore[arg-type]
    assert words.what(alert.key)
    assert words.todo_of("acme", alert).startswith("replicator --connection acme ")


def test_a_hostile_text_is_one_plain_line_in_a_chat() -> None:
    body = json.loads(words.slack([words.message("acme", replace(FAILED, why=HOSTILE), "opened")]))
    text = body["text"]
    assert len(text.splitlines()) == 5
    for bad in ("<", ">", "@here", "](", "://", "\x1b", "\u202e"):
        assert bad not in text
    assert "&lt;!channel&gt;" in text
    assert (body["mrkdwn"], body["link_names"], body["parse"]) == (False, False, "none")


def test_a_hostile_text_makes_no_header_of_a_mail() -> None:
    hostile = replace(FAILED, key=Key("quarantine", object=HOSTILE), why=HOSTILE)
    mail = words.mail([words.message(HOSTILE, hostile, "opened")], "a@example.com", ["b@example.com"], WHEN, "id")
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert read["Bcc"] is None
    assert set(read.keys()) >= {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"}
    assert "Bcc: all@example.com" in str(read["Subject"])
    assert len(mail["Subject"]) < 200


@given(strategies.text(), strategies.text())
def test_no_text_breaks_a_message(name: str, why: str) -> None:
    alert = replace(FAILED, key=Key("quarantine", object=name), why=why)
    made = words.message("acme", alert, "opened")
    assert all(len(line.splitlines()) == 1 for line in made.lines())
    assert not set(json.loads(words.slack([made]))["text"]) & set("<>")
    mail = words.mail([made], "a@example.com", ["b@example.com"], WHEN, "id")
    assert len(message_from_bytes(mail.as_bytes(), policy=default).keys()) == len(mail.keys())


def test_many_alerts_are_one_message_and_a_title_says_how_many() -> None:
    many = [words.message("acme", FAILED, "opened")] * 25
    assert json.loads(words.slack(many))["text"].endswith("And 5 more: replicator alerts")
    mail = words.mail(many, "a@example.com", ["b@example.com"], WHEN, "id")
    assert mail["Subject"] == "[replicator] acme: job nightly failed (and 24 more)"
    assert mail.get_content().rstrip().endswith("And 5 more: replicator alerts")


def test_a_secret_of_others_is_taken_out_before_the_text_is_cut() -> None:
    alert = replace(FAILED, why="x" * 395 + "hunter22hunter22")
    made = words.message("acme", alert, "opened", lambda text: text.replace("hunter22hunter22", "***"))
    assert made.why.endswith("x***")
