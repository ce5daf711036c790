"""A life as `--life` says it: a file of events, or chance with its seed and its rate."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .chance import Chance
from .script import Event, Script

if TYPE_CHECKING:
    from .deeds import Course

_RANDOM = "random"
GRAMMAR = "FILE, random, or random:seed=2,rate=0.5/request (or rate=40/hour)"


def life_of(text: str) -> Course:
    """Raises a ValueError that says what cannot be read, and OSError for a file."""
    name, _, options = text.partition(":")
    if name != _RANDOM:
        return script_in(Path(text))
    given = dict(_option(part) for part in options.split(",")) if options else {}
    if unknown := sorted(given.keys() - {"seed", "rate"}):
        raise ValueError(f"chance has no {unknown[0]!r}; a life is {GRAMMAR}")
    number, _, per = given.get("rate", "0.25/request").partition("/")
    try:
        seed, rate = int(given.get("seed", "1")), float(number)
    except ValueError:
        raise ValueError(f"{text!r} is no life; it is {GRAMMAR}") from None
    if per not in ("request", "hour") or not 0 < rate < float("inf"):
        raise ValueError(f"the rate is {given['rate']!r}, but must be as 0.5/request or 40/hour")
    return Chance(seed, per_request=rate) if per == "request" else Chance(seed, per_hour=rate)


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


def script_in(path: Path) -> Script:
    """From TOML (`[[events]]`), JSON (`{"events": [...]}`), or JSON lines, by the name of the file."""
    text = path.read_text(encoding="utf-8")
    try:
        return Script(msgspec.convert(_events(path.suffix, text), tuple[Event, ...]))
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def _events(suffix: str, text: str) -> Any:
    if suffix in (".toml", ".json"):
        data = tomllib.loads(text) if suffix == ".toml" else msgspec.json.decode(text)
        if not isinstance(data, dict) or data.keys() != {"events"}:
            raise ValueError("it must hold a list named events, and nothing else")
        return data["events"]
    return [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
