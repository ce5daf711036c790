"""TLS is always verified (reliability.md: H22)."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from replicator.errors import ConfigError, Unreachable
from tests.segment.conftest import Connect
from tests.segment.scripted import in_turn, serving
from tests.segment.test_faults import GOOD, one_sentence, read


def openssl(command: str, *more: str | Path) -> bytes:
    return subprocess.run(["openssl", *command.split(), *more], check=True, capture_output=True).stdout


def certificate(folder: Path, host: str) -> Path:
    """A self-signed certificate for that host, with its key in the same file."""
    file, name = folder / "server.pem", f"subjectAltName={host}"
    made = openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -addext", name, "-keyout", file
    )
    file.write_bytes(file.read_bytes() + made)
    return file


def server_side(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_self_signed_certificate_is_refused_at_once(connect: Connect, tmp_path: Path) -> None:
    file = certificate(tmp_path, "IP:127.0.0.1")
    with serving(in_turn(GOOD), server_side(file)) as server:
        client = connect(server.url)
        with pytest.raises(Unreachable, match=r"certificate is refused \(self-signed certificate") as caught:
            read(client)
        one_sentence(caught.value)
        assert client.requests == 1
        assert server.seen == []


def test_a_ca_file_makes_its_certificates_good(connect: Connect, tmp_path: Path) -> None:
    file = certificate(tmp_path, "IP:127.0.0.1")
    with serving(in_turn(GOOD), server_side(file)) as server:
        assert len(read(connect(server.url, ca_file=file))) == 1


def test_a_certificate_of_another_host_is_refused(connect: Connect, tmp_path: Path) -> None:
    file = certificate(tmp_path, "DNS:elsewhere.example")
    with serving(in_turn(GOOD), server_side(file)) as server:
        with pytest.raises(Unreachable, match="IP address mismatch"):
            read(connect(server.url, ca_file=file))
        assert server.seen == []


def test_an_expired_certificate_is_refused(connect: Connect, tmp_path: Path) -> None:
    file, names = certificate(tmp_path, "IP:127.0.0.1"), tmp_path / "names"
    names.write_text("subjectAltName=IP:127.0.0.1")
    openssl("req -new -subj /CN=test", "-key", file, "-out", tmp_path / "request.pem")
    expired = openssl("x509 -req -days -1", "-in", tmp_path / "request.pem", "-signkey", file, "-extfile", names)
    file.write_bytes(file.read_bytes().partition(b"-----BEGIN CERT")[0] + expired)
    with serving(in_turn(GOOD), server_side(file)) as server:
        with pytest.raises(Unreachable, match="certificate has expired"):
            read(connect(server.url, ca_file=file))
        assert server.seen == []


def test_https_to_a_server_without_tls_is_unreachable(connect: Connect) -> None:
    with (
        serving(in_turn(GOOD)) as server,
        pytest.raises(Unreachable, match=r"the connection failed|no complete answer"),
    ):
        read(connect(server.url.replace("http:", "https:"), deadline=0.3, tries=1))


def test_a_ca_file_that_is_none_is_a_wrong_setting(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name, reason in (("empty.pem", "it holds no certificate"), ("missing.pem", "No such file")):
        with pytest.raises(ConfigError, match=reason):
            connect("https://127.0.0.1:1", ca_file=tmp_path / name)
