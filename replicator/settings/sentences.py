"""The file as a table, and what is said about wrong settings: sentences for people, without the value of any secret."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from replicator.errors import ConfigError

_ADVICE = (
    "a token belongs into no configuration file: set SEGMENT_TOKEN, or put it into a file of its own and name that with"
    " SEGMENT_TOKEN_FILE or token_file"
)
_LOOKS_LIKE_TOKEN = re.compile(r"token|api_?key|secret_?key|password", re.IGNORECASE)


def parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = (error.strerror or "no file").lower()
        raise ConfigError(f"Cannot read the configuration file {path}: {reason}. Name another with --config.") from None
    except ValueError as error:
        raise ConfigError(f"The configuration file {path} is no TOML: {_place(error)}. Correct it there.") from None


def _place(error: ValueError) -> str:
    """Where it is broken; the parser's own words may quote a secret."""
    found = re.search(r"\(at (.*?)\)", str(error))
    return f"it cannot be read at {found[1]}" if found else "it is not in UTF-8"


def unknown(key: str, known: list[str], what: str = "setting") -> str:
    if _LOOKS_LIKE_TOKEN.search(key) and not get_close_matches(key, ["token_file"], cutoff=0.85):
        return _ADVICE
    nearest = get_close_matches(key, known, n=1)
    return f"there is no such {what}" + (f"; the nearest is {nearest[0]}" if nearest else "")


def refusal(problems: Sequence[str]) -> ConfigError:
    """One error for all of them, each a sentence without its full stop."""
    if len(problems) == 1:
        return ConfigError(f"{problems[0]}.")
    return ConfigError("\n  - ".join([f"{len(problems)} settings are wrong:", *problems]), problems)
