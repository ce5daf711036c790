"""Certificates for the sandbox over TLS: a good one, and those that a client has to refuse.

A client that trusts `ca_file` accepts the valid one and refuses the expired and the wrong-host one for just that.
They are made with the `openssl` command, anew for each server.
"""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONFIG = """
[ca]
default_ca = sandbox
[sandbox]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
[anything]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[valid]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
subjectAltName = {names}
[elsewhere]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
subjectAltName = DNS:elsewhere.example
[alone]
basicConstraints = CA:FALSE
subjectAltName = {names}
"""
_SELF_SIGNED = "req -x509 -days 9000 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config config"
_GOOD = "-startdate 20200101000000Z -enddate 20490101000000Z"
_PAST = "-startdate 20200101000000Z -enddate 20200102000000Z"


@dataclass(frozen=True, slots=True)
class Certificates:
    ca_file: Path
    #: By what is wrong with the certificate; `valid` if nothing is.
    contexts: dict[str, ssl.SSLContext]

    def context(self, wrong: Callable[[], str | None]) -> ssl.SSLContext:
        """The valid certificate for each connection, unless `wrong` names another one for it."""

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            kind = wrong()
            if kind is not None:
                connection.context = self.contexts[kind]

        context = self.contexts["valid"]
        context.sni_callback = choose
        return context


@contextmanager
def certificates(host: str = "127.0.0.1") -> Iterator[Certificates]:
    """Valid for this host and for loopback, for as long as the block lasts; OSError where there is no openssl."""
    with TemporaryDirectory(prefix="sandbox-tls-") as name:
        folder = Path(name)
        (folder / "config").write_text(_CONFIG.format(names=_names(host)))
        (folder / "index").touch()
        _openssl(folder, f"{_SELF_SIGNED} -subj /CN=Sandbox -extensions authority -keyout ca.key -out ca.pem")
        _openssl(folder, f"{_SELF_SIGNED} -subj /CN=alone -extensions alone -keyout key.pem -out self-signed")
        _openssl(folder, "req -new -config config -key key.pem -subj /CN=sandbox -out request")
        for kind, extensions, period in (
            ("valid", "valid", _GOOD),
            ("expired", "valid", _PAST),
            ("wrong-host", "elsewhere", _GOOD),
        ):
            _openssl(
                folder,
                f"ca -batch -notext -config config -keyfile ca.key -cert ca.pem -in request -out {kind}"
                f" -extensions {extensions} {period}",
            )
        kinds = ("valid", "expired", "wrong-host", "self-signed")
        yield Certificates(folder / "ca.pem", {kind: _context(folder, kind) for kind in kinds})


def _names(host: str) -> str:
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    try:
        own = f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        own = f"DNS:{host}"
    return ", ".join(dict.fromkeys([*names, own]))


def _openssl(folder: Path, command: str) -> None:
    done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, S607 - the words are ours, the host is an address or a name
    if done.returncode:
        raise OSError(f"openssl {command.split(maxsplit=1)[0]} failed: {done.stderr.strip()}")


def _context(folder: Path, kind: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / kind, folder / "key.pem")
    return context
