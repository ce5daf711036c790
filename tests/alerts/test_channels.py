"""A webhook and a mail, sent to real servers: no proxy, no redirect, over verified TLS, within a deadline."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replicator.alerts import channels
from replicator.alerts.channels import ChannelBroken, Mail, Webhook
from replicator.alerts.words import Message
from replicator.settings import Alerts
from tests.alerts.servers import PASSWORD, Hook, Inbox, hook, inbox
from tests.segment.test_tls import certificate, server_side

TOLD = [Message("acme: job nightly failed", "It is down.", "Since then", "replicator runs 1", "Run 1")]


@pytest.fixture
def trusted(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """The server's side, and the file that makes a client trust it."""
    file = certificate(tmp_path, "IP:127.0.0.1")
    return server_side(file), file


def webhook(to: Hook, **more: Any) -> Webhook:
    return replace(Webhook("webhook", to.url, None), **more)


def mail(to: Inbox, **more: Any) -> Mail:
    alerts = Alerts(mail_server=("127.0.0.1", to.port), mail_from="replicator@example.com", mail_tls="off")
    return Mail("mail", replace(alerts, **more), ("ops@example.com", "boss@example.com"))


def broken(channel: Webhook | Mail) -> ChannelBroken:
    with pytest.raises(ChannelBroken) as caught:
        channel.send(TOLD)
    assert str(caught.value).endswith(".")
    return caught.value


def test_a_webhook_gets_the_message_as_json() -> None:
    with hook() as to:
        webhook(to).send(TOLD)
        assert to.texts == ["acme: job nightly failed\nIt is down.\nSince then\nNext: replicator runs 1\nRun 1"]
        assert to.paths == [to.url.partition(str(to.port))[2]]


def test_a_webhook_s_address_may_lie_in_a_file_that_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    with hook() as to:
        channel = webhook(to, url=None, file=file)
        assert "cannot be read: no such file" in str(broken(channel))
        file.write_text("ftp://example.com/x")
        assert "must hold an https URL" in str(broken(channel))
        file.write_text(f"{to.url}\n")
        channel.send(TOLD)
        assert len(to.bodies) == 1
        assert set(channel.secrets()) >= {to.url}


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook() as proxy, hook() as to:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        webhook(to).send(TOLD)
        assert (len(to.bodies), proxy.paths) == (1, [])


def test_a_redirect_is_not_followed() -> None:
    with hook() as elsewhere, hook() as to:
        to.status, to.headers = 307, {"Location": elsewhere.url}
        assert "answered 307; redirects are not followed" in str(broken(webhook(to)))
        assert elsewhere.paths == []


def test_what_a_webhook_answers_is_told_without_its_address_and_its_wait_is_kept() -> None:
    with hook() as to:
        to.status, to.headers = 429, {"Retry-After": "120"}
        error = broken(webhook(to))
        assert (str(error), error.wait) == ("The webhook at 127.0.0.1 answered 429.", 120)


def test_a_webhook_that_is_not_there_is_told() -> None:
    with hook() as to:
        pass
    assert str(broken(webhook(to))) == "127.0.0.1 cannot be reached: connection refused."


def test_a_webhook_that_answers_byte_by_byte_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "DEADLINE", 1.0)
    with hook() as to:
        to.drip = 0.1
        began = time.monotonic()
        assert "within 1 seconds" in str(broken(webhook(to)))
        assert time.monotonic() - began < 3


def test_the_certificate_of_a_webhook_is_verified(trusted: tuple[ssl.SSLContext, Path]) -> None:
    context, file = trusted
    with hook(context) as to:
        assert "certificate of 127.0.0.1 is not trusted" in str(broken(webhook(to)))
        assert to.bodies == []
        webhook(to, ca_file=file).send(TOLD)
        assert len(to.bodies) == 1


def test_a_mail_goes_to_everybody_as_plain_text() -> None:
    with inbox() as to:
        mail(to).send(TOLD)
        (found,) = to.mails
        assert to.to == [["ops@example.com", "boss@example.com"]]
        assert found["Subject"] == "[replicator] acme: job nightly failed"
        assert found["From"] == "replicator <replicator@example.com>"
        assert "Next: replicator runs 1" in found.get_content()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # TLS from the first byte on is none of the server's business
@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_a_mail_goes_over_verified_tls_and_a_login(
    trusted: tuple[ssl.SSLContext, Path], how: Any, tmp_path: Path
) -> None:
    context, file = trusted
    (tmp_path / "mail.secret").write_text(f"{PASSWORD}\n")
    with inbox(context, starttls=how == "starttls", login=True) as to:
        safe = mail(to, mail_tls=how, mail_user="me", mail_password_file=tmp_path / "mail.secret", ca_file=file)
        assert safe.secrets() == [PASSWORD]
        safe.send(TOLD)
        assert to.secure == [(True, True)]
        untrusted = replace(safe, alerts=replace(safe.alerts, ca_file=None))
        assert "certificate of 127.0.0.1 is not trusted" in str(broken(untrusted))
        wrong = replace(safe, alerts=replace(safe.alerts, mail_password=f"{PASSWORD}-wrong"))
        assert str(broken(wrong)) == "127.0.0.1 answered 535 to mail_user and its password."
        assert len(to.mails) == 1


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    file = certificate(tmp_path, "DNS:elsewhere.example")
    with inbox(server_side(file)) as to:
        assert "is not trusted" in str(broken(mail(to, mail_tls="starttls", ca_file=file)))
        assert to.mails == []


def test_a_server_without_tls_gets_no_mail_that_asks_for_it() -> None:
    with inbox() as to:
        assert "does not offer what mail_tls" in str(broken(mail(to, mail_tls="starttls")))
        assert to.mails == []


def test_what_a_mail_server_answers_is_told_by_its_number() -> None:
    with inbox() as to:
        to.refuse = True
        assert str(broken(mail(to))) == "127.0.0.1 answered 451."
    assert "cannot be reached" in str(broken(mail(to)))
