"""The environment variables: what each setting is called there, and what is said of names that mean nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

from replicator.settings.keys import ALERT_KEYS, FLEET_KEYS, KEYS, WEB_KEYS

CONFIG_VARIABLE = "REPLICATOR_CONFIG"
CONNECTION_VARIABLE = "REPLICATOR_CONNECTION"
_OURS, _OF_CONNECTIONS = "REPLICATOR_", "REPLICATOR_CONNECTIONS_"
_TABLES = {"": KEYS, "web.": WEB_KEYS, "alerts.": ALERT_KEYS, "fleet.": FLEET_KEYS}
#: The token is the client's: these two would be set in vain.
_ELSEWHERE = {"REPLICATOR_TOKEN": "SEGMENT_TOKEN", "REPLICATOR_TOKEN_FILE": "SEGMENT_TOKEN_FILE"}
_FOR_THE_FILE = "what holds for one object is read from the file alone: say it in a table [object.NAME] there"


def variable(key: str, connection: str = "") -> str:
    """The environment variable of a setting; the client's own reads SEGMENT_TOKEN_FILE."""
    of = f"CONNECTIONS_{connection}_" if connection else ""
    return re.sub(r"[.-]", "_", f"{_OURS}{of}{key}".upper())


def misspelt(environ: Mapping[str, str], connections: Collection[str] = ()) -> list[str]:
    """Variables that mean nothing, each with the one that was meant.

    That is one that is a letter or two from one of ours, or of a connection; another REPLICATOR_ name may be somebody
    else's.
    """
    known = dict.fromkeys(_known(connections))
    of_objects = tuple(variable("object.", connection) for connection in ("", *connections))
    told = []
    for name in sorted(environ.keys() - known):
        if not environ[name] or not name.startswith(_OURS):
            continue
        if name.startswith(of_objects):
            told.append(f"{name}: {_FOR_THE_FILE}")
            continue
        nearest = get_close_matches(name, known, n=1, cutoff=0.0 if name.startswith(_OF_CONNECTIONS) else 0.91)
        if meant := _ELSEWHERE.get(name) or next(iter(nearest), None):
            told.append(f"{name}: there is no such setting; the nearest is {meant}")
    return told


def _known(connections: Iterable[str]) -> Iterator[str]:
    yield from (
        variable(f"{table}{key}") for table, keys in _TABLES.items() for key in keys if table or key != "token_file"
    )
    yield from (variable(key, name) for name in connections for key in KEYS)
    yield from (CONFIG_VARIABLE, CONNECTION_VARIABLE, "REPLICATOR_DEBUG")
