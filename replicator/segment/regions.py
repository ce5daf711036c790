"""Where the API lives (resources.md, "Transport, hosts, auth"), and which other addresses may get the token."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from replicator.errors import ConfigError

REGIONS: Mapping[str, str] = MappingProxyType(
    {"us": "https://api.segmentapis.com", "eu": "https://eu1.api.segmentapis.com"}
)


def base_url(region: str, custom: str | None = None) -> str:
    """The address that every path is appended to. A custom one is never repeated in an error: it may hold a secret."""
    if custom is not None:
        return _checked(custom)
    try:
        return REGIONS[region]
    except KeyError:
        known = ", ".join(REGIONS)
        raise ConfigError(f"There is no region {region!r}. Choose one of {known}, sandbox.") from None


def _checked(custom: str) -> str:
    parts = _split(custom)
    problem = _problem(custom, parts) if parts else "is no URL"
    if parts is None or problem:
        raise ConfigError(f"The base URL {problem}. Give one such as {REGIONS['us']} or http://127.0.0.1:4010.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _split(custom: str) -> SplitResult | None:
    try:
        parts = urlsplit(custom)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts


def _problem(custom: str, parts: SplitResult) -> str | None:
    if not custom.isascii() or not custom.isprintable() or " " in custom or "\\" in custom:
        return "holds a space, a backslash, or a character outside ASCII"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "must begin with https:// and a host"
    if "@" in parts.netloc:
        return "must hold no user name or password"
    if "?" in custom or "#" in custom:
        return "must hold no query and no fragment"
    if not _is_name(parts.hostname):
        return "has a host with a part that is empty or longer than 63 characters"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "must be https: over http the token could be read on the way (http is for this machine alone)"
    return None


def _is_name(host: str) -> bool:
    """As whoever looks the host up is going to find: Python encodes each name with `idna`."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, told from its name alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
