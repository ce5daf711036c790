"""Settings: merged key by key, with what is secret in them kept as the API shows it.

Null removes a key; secrets come back as bullets and passwords not at all (resources.md, "Updates" and "Reads that
bite"). Which settings are secret is not in the contract: their names tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replicator.sandbox.series import Record

BULLET = "•"
_BULLETS = 16
_SECRETS = ("key", "token", "secret", "passphrase", "ciphertext")
#: A longer secret is shown with its last letters.
_SHORT = 12
_LAST = 4


def is_password(name: str) -> bool:
    return name.lower().endswith("password")


def merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> Record:
    """What the settings are after these were given, as they are shown."""
    kept = {name: value for name, value in known.items() if name not in given}
    return kept | {name: value for name, value in shown(given, known).items() if value is not None}


def shown(given: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> Record:
    known = known or {}
    return {name: _shown(name, value, known.get(name)) for name, value in given.items() if not is_password(name)}


def _shown(name: str, value: Any, known: Any) -> Any:
    if isinstance(value, dict):
        return shown(value, known if isinstance(known, dict) else None)
    if not (isinstance(value, str) and value and name.lower().endswith(_SECRETS)):
        return value
    # A client that writes back what it has read has not changed the secret.
    return (known or value) if BULLET in value else masked(value)


def masked(secret: str) -> str:
    return BULLET * _BULLETS + (secret[-_LAST:] if len(secret) > _SHORT else "")
