"""What the program is told: a TOML file, the environment and the command line, checked together.

An option goes before the environment, the environment before the file, the file before the default. All problems are
reported at once, and no value of a secret is ever shown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from replicator.errors import ConfigError

DEFAULT_FILE = "replicator.toml"
CONFIG_VARIABLE = "REPLICATOR_CONFIG"
_ADVICE = (
    "a token belongs into no configuration file: set SEGMENT_TOKEN, or put it into a file of its own and name that with"
    " SEGMENT_TOKEN_FILE or token_file"
)
_LOOKS_LIKE_TOKEN = re.compile(r"token|api_?key|secret_?key|password", re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
#: A range of more months than this is a typing mistake.
_MOST_MONTHS = 240
_SHORTEST_KEY = 16

Extended = Literal["auto", "on", "off"]
Deletes = Literal["soft", "hard"]
Policy = Literal["evolve", "freeze", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The fake workspace of `region = "sandbox"`."""

    size: Literal["small", "medium", "large"] = "small"
    seed: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked as far as it can be without asking anybody."""

    region: Literal["us", "eu", "sandbox"] = "us"
    base_url: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None
    #: A URL that may hold a password.
    target: str = field(default="sqlite:///replica.db", repr=False)
    schema: str = ""
    prefix: str = ""
    objects: tuple[str, ...] = ()
    #: Objects and groups of which every version is kept.
    history: tuple[str, ...] = ()
    #: First days of months.
    period: tuple[str, ...] = ()
    extended: Extended = "auto"
    concurrency: int = 8
    schema_policy: Policy = "evolve"
    #: Hours after which what did not move is read again all the same; 0 in every run.
    reread_hours: float = 24.0
    deletes: Deletes = "soft"
    migrate: bool = True
    mask_key: bytes | None = field(default=None, repr=False)
    mask_key_file: Path | None = None
    plain_secrets: frozenset[str] = frozenset()
    deadline: float = 60.0
    tries: int = 6
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)


@dataclass(frozen=True, slots=True)
class _Key:
    """One setting: how its value is read (ValueError: it is none), and what is expected, for people."""

    read: Callable[[Any], Any]
    expects: str
    secret: bool = False
    in_file: bool = True


def _one_of(*words: str) -> _Key:
    def read(value: Any) -> Any:
        if value not in words:
            raise ValueError
        return value

    return _Key(read, f"one of {', '.join(words)}")


def _number(least: float, most: float, kind: type[int | float] = int) -> _Key:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
        if not least <= number <= most:
            raise ValueError
        return number

    return _Key(read, f"a {'whole ' if kind is int else ''}number from {least} to {most}")


def _text(value: Any, pattern: str = r"(?s:.+)") -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    flags = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return value if isinstance(value, bool) else flags[value.lower()]


def _words(value: Any) -> tuple[str, ...]:
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word for word in words):
        raise ValueError
    return tuple(words)


def _columns(value: Any) -> frozenset[str]:
    words = _words(value)
    if not all(re.fullmatch(r"\w+\.\w+", word) for word in words):
        raise ValueError
    return frozenset(words)


def months(value: Any) -> tuple[str, ...]:
    """The first day of each month that "2023-04", "2023-01..2023-06" or a list of those names."""
    found = {day for word in _words(value) for day in _range(*word.partition("..")[::2], dots=".." in word)}
    return tuple(sorted(found))


def _range(first: str, last: str, *, dots: bool) -> Iterator[str]:
    ends = [_MONTH.fullmatch(word) for word in (first, last if dots else first)]
    if not all(ends):
        raise ValueError
    begin, end = (int(found[1]) * 12 + int(found[2]) - 1 for found in ends if found)
    if not begin <= end < begin + _MOST_MONTHS:
        raise ValueError
    for month in range(begin, end + 1):
        yield f"{month // 12:04}-{month % 12 + 1:02}-01"


def _key_bytes(value: Any) -> bytes:
    if not isinstance(value, str) or len(value.strip()) < _SHORTEST_KEY:
        raise ValueError
    return value.strip().encode()


def _counts(value: Any) -> Mapping[str, int]:
    if not isinstance(value, dict) or not all(type(count) is int and count >= 0 for count in value.values()):
        raise ValueError
    return value


_PATH = _Key(lambda value: Path(_text(value)), "the path of a file")
#: Ours are added before and behind it, and PostgreSQL's names end at 63 characters.
_NAME = _Key(lambda value: _text(value, "[A-Za-z_][A-Za-z0-9_]{0,30}|"), "a name of letters, digits and _, at most 31")
KEYS: Mapping[str, _Key] = {
    "region": _one_of("us", "eu", "sandbox"),
    "base_url": _Key(_text, "a URL", secret=True),
    "token_file": _PATH,
    "ca_file": _PATH,
    "target": _Key(_text, "a database URL such as sqlite:///replica.db", secret=True),
    "schema": _NAME,
    "prefix": _NAME,
    "objects": _Key(_words, "a list of objects and groups"),
    "history": _Key(_words, "a list of objects and groups"),
    "period": _Key(months, "a month such as 2023-04, a range such as 2023-01..2023-06, or a list of those"),
    "extended": _one_of("auto", "on", "off"),
    "concurrency": _number(1, 64),
    "schema_policy": _one_of("evolve", "freeze", "fail"),
    "migrate": _Key(_flag, "true or false"),
    "reread_hours": _number(0, 24 * 366, float),
    "deletes": _one_of("soft", "hard"),
    "mask_key": _Key(
        _key_bytes, f"at least {_SHORTEST_KEY} characters that nobody can guess", secret=True, in_file=False
    ),
    "mask_key_file": _PATH,
    "plain_secrets": _Key(_columns, "a list of columns such as Sources.write_keys"),
    "deadline": _number(1, 3600, float),
    "tries": _number(1, 100),
    "sandbox.size": _one_of("small", "medium", "large"),
    "sandbox.seed": _number(0, 2**31 - 1),
    "sandbox.counts": _Key(_counts, "a table of names and whole numbers, such as { Sources = 20 }"),
}
#: These name one thing in two ways: whichever is said at the higher place counts.
_RIVALS = (("region", "base_url"), ("mask_key", "mask_key_file"))


def variable(key: str) -> str:
    """The environment variable of a setting; the client's own reads SEGMENT_TOKEN_FILE."""
    return f"REPLICATOR_{key.upper().replace('.', '_')}"


def load(environ: Mapping[str, str], options: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """The settings; `options` are those of the command line that were given, `config` its --config.

    Raises ConfigError, which names every problem.
    """
    return _Loader(environ, options, config).settings()


class _Loader:
    def __init__(self, environ: Mapping[str, str], options: Mapping[str, Any], config: Path | None) -> None:
        self.problems: list[str] = []
        named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
        path = named or Path(DEFAULT_FILE)
        self.path = path
        table = _parsed(path) if named or path.is_file() else {}
        set_variables = {
            key: environ[variable(key)] for key in KEYS if environ.get(variable(key)) and key != "token_file"
        }
        #: Highest first: what a place is called for each key, and what was said there.
        self.places: list[tuple[Callable[[str], str], dict[str, Any]]] = [
            (lambda key: f"--{key.replace('_', '-')}", {k: v for k, v in options.items() if v is not None}),
            (variable, set_variables),
            (lambda key: f"{key} in {path}", self._flat(table)),
        ]

    def settings(self) -> Settings:
        self._settle_rivals()
        values = {key: value for key in KEYS if (value := self._value(key)) is not None}
        if "mask_key_file" in values and "mask_key" not in values:
            values["mask_key"] = self._mask_key(values["mask_key_file"])
        if self.problems:
            raise ConfigError(_sentence(self.problems))
        sandbox = {key.removeprefix("sandbox."): values.pop(key) for key in list(values) if "." in key}
        return Settings(**values, sandbox=SandboxSettings(**sandbox))

    def _flat(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """{"sandbox": {"size": ...}} -> {"sandbox.size": ...}, less what is no setting."""
        flat: dict[str, Any] = {}
        for key, value in table.items():
            inner = value if key == "sandbox" and isinstance(value, dict) else None
            flat |= {f"sandbox.{name}": each for name, each in inner.items()} if inner is not None else {key: value}
        known = [key for key, each in KEYS.items() if each.in_file]
        for key in sorted(flat.keys() - set(known)):
            self.problems.append(f"{key} in {self.path}: {_unknown(key, known)}")
        return {key: value for key, value in flat.items() if key in known}

    def _settle_rivals(self) -> None:
        for one, other in _RIVALS:
            for at, (place, said) in enumerate(self.places):
                if one in said and other in said:
                    self.problems.append(f"{place(one)} and {place(other)} exclude one another: give one of them")
                if one in said or other in said:
                    for _, lower in self.places[at + 1 :]:
                        lower.pop(one, None)
                        lower.pop(other, None)
                    break

    def _value(self, key: str) -> Any:
        for place, said in self.places:
            if key not in said:
                continue
            try:
                value = KEYS[key].read(said[key])
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
                shown = "" if KEYS[key].secret else f" is {said[key]!r:.80}, but"
                self.problems.append(f"{place(key)}{shown} must be {KEYS[key].expects}")
                return None
            in_file = said is self.places[-1][1]
            return self.path.parent / value if in_file and isinstance(value, Path) else value
        return None

    def _mask_key(self, path: Path) -> bytes | None:
        try:
            return _key_bytes(path.read_text("ascii"))
        except OSError as error:
            self.problems.append(f"the mask key file {path} cannot be read ({(error.strerror or 'no file').lower()})")
        except ValueError:
            self.problems.append(f"the mask key file {path} must hold {KEYS['mask_key'].expects}")
        return None


def _parsed(path: Path) -> dict[str, Any]:
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


def _unknown(key: str, known: list[str]) -> str:
    if _LOOKS_LIKE_TOKEN.search(key) and not get_close_matches(key, ["token_file"], cutoff=0.85):
        return _ADVICE
    nearest = get_close_matches(key, known, n=1, cutoff=0.0)
    return f"there is no such setting; the nearest is {nearest[0]}"


def _sentence(problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{problems[0]}."
    return "\n  - ".join([f"{len(problems)} settings are wrong:", *problems])
