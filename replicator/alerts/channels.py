"""A webhook and a mail: sent within a deadline, over verified TLS, past no proxy and along no redirect.

What goes wrong becomes one sentence without the webhook's address, the password, or words of the server.
"""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from replicator.alerts import words
from replicator.errors import ReplicatorError
from replicator.settings.alerts import webhook

if TYPE_CHECKING:
    from replicator.settings import Alerts, Job

#: A message is sent within so many seconds, or not at all; each step of it within fewer.
DEADLINE, _STEP = 20.0, 10.0
_LONGEST_ANSWER = 4096
_LONGEST_SECRET = 4096


class ChannelBroken(ReplicatorError):
    """A message could not be sent; `wait` are the seconds that the other side asked for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class Channel(Protocol):
    """A way to people."""

    @property
    def name(self) -> str:
        """As the book and people know it."""
        ...

    def send(self, messages: Sequence[words.Message]) -> None:
        """Sends one message about all of them. Raises ChannelBroken."""
        ...

    def secrets(self) -> list[str]:
        """What must never be shown. Raises ChannelBroken where it cannot be read."""
        ...


def of(alerts: Alerts, jobs: Mapping[str, Job]) -> dict[str, Channel]:
    """Every channel of a configuration, by name."""
    found: list[Channel] = []
    if alerts.webhook_url or alerts.webhook_url_file:
        found.append(Webhook("webhook", alerts.webhook_url, alerts.webhook_url_file, alerts.ca_file))
    if alerts.mail_to:
        found.append(Mail("mail", alerts, alerts.mail_to))
    for name, job in jobs.items():
        own = job.alerts
        if own.webhook_url or own.webhook_url_file:
            found.append(Webhook(f"webhook of {name}", own.webhook_url, own.webhook_url_file, alerts.ca_file))
        if own.mail_to:
            found.append(Mail(f"mail of {name}", alerts, own.mail_to))
    return {each.name: each for each in found}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Takes JSON as Slack does."""

    name: str
    url: str | None = field(repr=False)
    file: Path | None
    ca_file: Path | None = None

    def _address(self) -> str:
        try:
            return self.url or webhook(_read(self.file))
        except ValueError:
            raise ChannelBroken(
                f"The file {self.file} must hold an https URL, or an http one on this machine."
            ) from None

    def secrets(self) -> list[str]:
        """The address, and its path alone: the host is known to everybody."""
        parts = urlsplit(self._address())
        return [self._address(), parts.path.strip("/"), parts.query]

    def send(self, messages: Sequence[words.Message]) -> None:
        parts = urlsplit(self._address())
        host, port = parts.hostname or "", parts.port
        made: HTTPConnection
        if parts.scheme == "https":
            made = HTTPSConnection(host, port, timeout=_STEP, context=trust(self.ca_file))
        else:
            made = HTTPConnection(host, port, timeout=_STEP)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = words.slack(messages)

        def post() -> tuple[int, float]:
            headers = {"Content-Type": "application/json", "User-Agent": "segment-replicator", "Connection": "close"}
            made.request("POST", path, body, headers)
            answer = made.getresponse()
            answer.read(_LONGEST_ANSWER)
            return answer.status, _seconds(answer.getheader("Retry-After"))

        status, wait = _within(post, lambda: made.sock, made.close, host)
        if not 200 <= status < 300:
            redirected = "; redirects are not followed" if 300 <= status < 400 else ""
            raise ChannelBroken(f"The webhook at {host} answered {status}{redirected}.", wait)


@dataclass(frozen=True, slots=True)
class Mail:
    """SMTP to the server of the settings."""

    name: str
    alerts: Alerts
    to: tuple[str, ...]

    def _password(self) -> str:
        return self.alerts.mail_password or _read(self.alerts.mail_password_file)

    def secrets(self) -> list[str]:
        """The password."""
        return [self._password()] if self.alerts.mail_user else []

    def send(self, messages: Sequence[words.Message]) -> None:
        host, port = self.alerts.mail_server or ("localhost", 25)
        sender = self.alerts.mail_from or ""
        identifier = hashlib.sha256(repr((messages, self.to)).encode()).hexdigest()[:32]
        text = words.mail(messages, sender, self.to, datetime.now(UTC), identifier)
        password = self._password() if self.alerts.mail_user else ""
        context = None if self.alerts.mail_tls == "off" else trust(self.alerts.ca_file)
        server: smtplib.SMTP
        if context and self.alerts.mail_tls == "tls":
            server = smtplib.SMTP_SSL(timeout=_STEP, context=context, local_hostname="localhost")
        else:
            server = smtplib.SMTP(timeout=_STEP, local_hostname="localhost")
        # The name that the certificate has to bear; connecting here, apart from making it, leaves it out.
        setattr(server, "_host", host)  # noqa: B010 - it is private

        def post() -> None:
            server.connect(host, port)
            if context and self.alerts.mail_tls == "starttls":
                server.starttls(context=context)
            if self.alerts.mail_user:
                server.login(self.alerts.mail_user, password)
            server.send_message(text, sender, self.to)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()

        _within(post, lambda: server.sock, server.close, host)


def _within(work: Callable[[], Any], sock: Callable[[], Any], close: Callable[[], None], host: str) -> Any:
    """What the work gives, within the deadline: a server that answers byte by byte is cut off then."""
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    thread = threading.Thread(target=run, name="alert", daemon=True)
    thread.start()
    thread.join(DEADLINE)
    late = thread.is_alive()
    with suppress(OSError, AttributeError):
        if late:
            sock().shutdown(socket.SHUT_RDWR)
    with suppress(OSError, smtplib.SMTPException):
        close()
    if late:
        raise ChannelBroken(f"{host} did not take the message within {DEADLINE:.0f} seconds.")
    if failed:
        raise ChannelBroken(_sentence(failed[0], host)) from None
    return found[0]


def _sentence(error: BaseException, host: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"The certificate of {host} is not trusted: {error.verify_message or 'it cannot be verified'}."
        case smtplib.SMTPAuthenticationError():
            return f"{host} answered {error.smtp_code} to mail_user and its password."
        case smtplib.SMTPNotSupportedError():
            return f"{host} does not offer what mail_tls and mail_user ask for."
        case smtplib.SMTPRecipientsRefused():
            return f"{host} refused every address of mail_to."
        case smtplib.SMTPResponseException():
            return f"{host} answered {error.smtp_code}."
        case TimeoutError():
            return f"{host} did not answer within {_STEP:.0f} seconds."
        case socket.gaierror():
            return f"There is no host {host}."
        case OSError() if error.strerror:
            return f"{host} cannot be reached: {error.strerror.lower()}."
        case OSError() | HTTPException():
            return f"{host} broke the connection off ({type(error).__name__})."
        case _:
            return f"{host} could not be told ({type(error).__name__})."


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What servers' certificates are verified by. Raises ChannelBroken for a file that holds none."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError):
        raise ChannelBroken(f"The certificates in {ca_file} cannot be read.") from None


def _read(file: Path | None) -> str:
    """The one line of a secret's file."""
    try:
        with (file or Path()).open(encoding="utf-8") as opened:
            text = opened.read(_LONGEST_SECRET).strip()
    except OSError as error:
        raise ChannelBroken(f"The file {file} cannot be read: {(error.strerror or 'no file').lower()}.") from None
    except ValueError:
        text = ""
    if not text or "\n" in text:
        raise ChannelBroken(f"The file {file} must hold one line.")
    return text


def _seconds(header: str | None) -> float:
    return float(header) if header and header.isdecimal() and len(header) < 6 else 0.0
