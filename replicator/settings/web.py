"""Whether the status page may be shown where it is said to be: beyond this machine it needs a password."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from replicator.settings.keys import HASHED

if TYPE_CHECKING:
    from replicator.settings.model import Web

#: Who reaches the page may decide conflicts and deletions.
SHORTEST_PASSWORD = 12
#: Far above any password; keeps a wrong file from being read whole.
_LONGEST = 1024
_UNGUARDED = (
    "web.listen in {where} is reached from other machines, and the status page has no password: give web.password_file,"
    " or web.password_hash as `replicator web password` makes it; listen on 127.0.0.1; or, where only monitors ask, set"
    " web.page = false"
)


def guarded(web: Web, where: str) -> tuple[Web, list[str]]:
    """The same with what its password file holds, and what is wrong with it. `where` is the configuration file."""
    if web.password_hash and web.password_file:
        return web, [
            f"web.password_hash and web.password_file in {where} exclude one another: give one of them",
        ]
    if web.password_file:
        password, problem = _read(web.password_file)
        if problem:
            return web, [problem]
        web = replace(web, password=password)
    if web.listen and web.page and not (web.password_hash or web.password) and not is_loopback(web.listen[0]):
        return web, [_UNGUARDED.format(where=where)]
    return web, []


def is_loopback(host: str) -> bool:
    """Whether only this machine gets there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _read(path: Path) -> tuple[str, str]:
    """What the file holds, else what is wrong with it."""
    try:
        with path.open("rb") as file:
            found = file.read(_LONGEST).decode().strip()
    except OSError as error:
        return "", f"the password file {path} cannot be read ({(error.strerror or 'no file').lower()})"
    except ValueError:
        return "", f"the password file {path} must hold text in UTF-8"
    if HASHED.fullmatch(found):
        return found, ""
    if len(found) < SHORTEST_PASSWORD or "\n" in found:
        return "", (
            f"the password file {path} must hold one line: a password of at least {SHORTEST_PASSWORD} characters,"
            " or what `replicator web password` makes of one"
        )
    return found, ""
