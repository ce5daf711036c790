"""What is written to people. Texts of others and names are cleaned, cut and escaped for each reader. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.alerts.decide import Alert, Key, Word

#: Of one reason, of one message's alerts, and of a title.
_REASON, _MOST, _TITLE = 400, 20, 120
_AFTER: dict[Word, str] = {"opened": "", "closed": " - over", "passed": " - came and went"}


@dataclass(frozen=True, slots=True)
class Message:
    """One alert, for people; each part is one clean line."""

    title: str
    why: str
    when: str
    todo: str
    run: str

    def lines(self) -> list[str]:
        """The message as text."""
        parts = (self.title, self.why, self.when, f"Next: {self.todo}" if self.todo else "", self.run)
        return [part for part in parts if part]


def message(connection: str, alert: Alert, said: Word, scrub: Callable[[str], str] = str) -> Message:
    """What is told of it; `scrub` takes secrets out of texts of others."""
    over = alert.closed is not None
    run = f"Run {alert.run}" if alert.run else ""
    when = f"Since {_moment(alert.opened)}"
    if alert.closed:
        when += f" until {_moment(alert.closed)}"
    todo = "" if over else todo_of(connection, alert)
    title = clean(f"{connection}: {what(alert.key)}{_AFTER[said]}", _TITLE)
    return Message(title, clean(scrub(alert.why), _REASON), when, clean(todo, _REASON), run)


def what(key: Key) -> str:
    """The condition in a few words."""
    who = {"push": "sending edits", "hand": "a run by hand"}.get(key.detail, f"job {key.job}")
    match key.kind:
        case "failed":
            return f"{who} failed"
        case "partial":
            return f"{who} left objects out"
        case "stale":
            return f"{who} is stale"
        case "drift":
            return f"{key.object} is not as expected (drift)"
        case "deletes":
            return f"deletions of {key.object} wait for approval"
        case "conflicts":
            return f"conflicts in {key.object}"
        case "quarantine":
            return f"{key.object} has records in quarantine"
        case "pending":
            return "edits wait to be sent"
        case "away":
            return "the database cannot be used"


def todo_of(connection: str, alert: Alert) -> str:
    """The command to type next."""
    key, program = alert.key, f"replicator --connection {connection}"
    run = (alert.run or "")[:8]
    match key.kind:
        case "failed" | "partial":
            return f"{program} runs {run}"
        case "stale":
            return f"{program} jobs"
        case "drift":
            return f"{program} objects {key.object}"
        case "deletes":
            return f"{program} replicate {key.object} --allow-deletes {key.object}, if they are gone in Segment"
        case "conflicts":
            return f"{program} conflicts"
        case "quarantine":
            return f"{program} quarantine list {key.object}"
        case "pending":
            return f"{program} plan"
        case "away":
            return f"{program} check"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def clean(text: str, limit: int) -> str:
    """One line without control and format characters, at most so long."""
    plain = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= limit else f"{plain[: limit - 3]}..."


def slack(messages: Sequence[Message]) -> bytes:
    """The JSON that Slack, Mattermost and their like take; nothing in it is a link, a mention or mark-up."""
    shown = ["\n".join(each.lines()) for each in messages[:_MOST]]
    if more := len(messages) - len(shown):
        shown.append(f"And {more} more: replicator alerts")
    plain = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    return json.dumps({"text": escaped("\n\n".join(shown)), **plain}).encode()


def escaped(text: str) -> str:
    """As text of a chat: an empty character breaks what would call people or load pictures."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"@(?=\w)", "@\u200b", text)
    return text.replace("](", "]\u200b(").replace("://", ":\u200b//")


def mail(messages: Sequence[Message], sender: str, to: Sequence[str], when: datetime, identifier: str) -> EmailMessage:
    """A plain mail; told twice, it has the same id."""
    found = EmailMessage()
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    found["Subject"] = f"[replicator] {messages[0].title}{more}"
    found["From"] = Address("replicator", addr_spec=sender)
    found["To"] = ", ".join(to)
    found["Date"] = format_datetime(when)
    found["Message-ID"] = f"<{identifier}@{sender.partition('@')[2]}>"
    found["Auto-Submitted"] = "auto-generated"
    shown = ["\n".join(each.lines()) for each in messages[:_MOST]]
    if len(messages) > _MOST:
        shown.append(f"And {len(messages) - _MOST} more: replicator alerts")
    found.set_content("\n\n".join(shown) + "\n")
    return found
