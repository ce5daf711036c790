"""Whom to tell when something needs a person: the settings of alerts, and how each is read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from replicator.settings.schedule import interval

#: What can be told; docs/alerts.md says what each means.
Kind = Literal["failed", "partial", "stale", "drift", "deletes", "conflicts", "quarantine", "pending", "away"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Those that are about one job.
JOB_KINDS: tuple[Kind, ...] = ("failed", "partial", "stale")
Tls = Literal["starttls", "tls", "off"]
_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What is told to whom, unless a job says otherwise."""

    on: tuple[Kind, ...] = KINDS
    #: Without a success for so long, a job is stale; None: once two of its turns passed.
    stale_after: str | None = None
    #: Edits that wait for so long are told.
    pending_after: str = "1d"
    webhook_url: str | None = field(default=None, repr=False)
    webhook_url_file: Path | None = None
    mail_to: tuple[str, ...] = ()
    mail_from: str | None = None
    #: Host and port.
    mail_server: tuple[str, int] | None = None
    mail_tls: Tls = "starttls"
    mail_user: str | None = None
    mail_password: str | None = field(default=None, repr=False)
    mail_password_file: Path | None = None
    #: Certificates to trust in place of the system's.
    ca_file: Path | None = None

    @property
    def anybody(self) -> bool:
        """Whether there is somebody to tell."""
        return bool(self.webhook_url or self.webhook_url_file or self.mail_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAlerts:
    """What of it is otherwise for one job; None: nothing."""

    on: tuple[Kind, ...] | None = None
    stale_after: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    webhook_url_file: Path | None = None
    mail_to: tuple[str, ...] | None = None

    @property
    def anybody(self) -> bool:
        """Whether it names somebody to tell."""
        return bool(self.webhook_url or self.webhook_url_file or self.mail_to)


def length(text: str | None) -> timedelta | None:
    """26h -> twenty-six hours."""
    return interval(text) if text else None


def loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def webhook(value: Any) -> str:
    """The address, if what is sent there cannot be read on its way. ValueError otherwise."""
    text = value.strip() if isinstance(value, str) else ""
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname or ""))
    plain = text.isascii() and text.isprintable() and " " not in text
    if not (safe and plain and parts.hostname and parts.username is None) or parts.port == 0:
        raise ValueError
    return text


def kinds(allowed: tuple[Kind, ...]) -> Callable[[Any], tuple[Kind, ...]]:
    """Reads a list of those kinds."""

    def read(value: Any) -> tuple[Kind, ...]:
        words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or not set(words) <= set(allowed):
            raise ValueError
        return tuple(words)

    return read


def addresses(value: Any) -> tuple[str, ...]:
    """One mail address or a list of them; none of them can end a line of a header."""
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
    return tuple(address(word) for word in words)


def address(value: Any) -> str:
    """One mail address."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError
    return value


def contradictions(
    said: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]], given: Collection[str]
) -> Iterator[str]:
    """What the values, each of them right, lack together; `given` are all keys, those of wrong values too."""
    mails = [name for name, each in jobs.items() if each.get("mail_to")]
    missing = " and ".join(key for key in ("mail_server", "mail_from") if key not in given)
    if missing:
        if said.get("mail_to"):
            yield f"alerts.mail_to needs alerts.{missing.replace(' and ', ' and alerts.')} too"
        for name in mails:
            yield f"jobs.{name}.alerts.mail_to needs alerts.{missing.replace(' and ', ' and alerts.')} too"
    secret = "mail_password" in given or "mail_password_file" in given
    if "mail_user" in given and not secret:
        yield "alerts.mail_user needs alerts.mail_password_file or REPLICATOR_ALERTS_MAIL_PASSWORD"
    if secret and "mail_user" not in given:
        yield "alerts.mail_password_file needs alerts.mail_user"
    server = said.get("mail_server")
    if server and said.get("mail_tls") == "off" and not loopback(server[0]):
        yield f"alerts.mail_tls is 'off', but {server[0]} is not this machine: it must be starttls or tls"
