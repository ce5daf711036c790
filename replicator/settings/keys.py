"""How the value of each setting is read, and what is expected of it, for people."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from replicator.settings import alerts, schedule

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
#: A range of more months than this is a typing mistake.
_MOST_MONTHS = 240
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: how its value is read (ValueError: it is none), and what is expected, for people."""

    read: Callable[[Any], Any]
    expects: str
    secret: bool = False
    in_file: bool = True


def _one_of(*words: str) -> Key:
    def read(value: Any) -> Any:
        if value not in words:
            raise ValueError
        return value

    return Key(read, f"one of {', '.join(words)}")


def _number(least: float, most: float, kind: type[int | float] = int) -> Key:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
        if not least <= number <= most:
            raise ValueError
        return number

    return Key(read, f"a {'whole ' if kind is int else ''}number from {least} to {most}")


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


def key_bytes(value: Any) -> bytes:
    if not isinstance(value, str) or len(value.strip()) < _SHORTEST_KEY:
        raise ValueError
    return value.strip().encode()


def _interval(value: Any) -> str:
    schedule.interval(value)
    return str(value)


def _address(value: Any) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})", value)
    if not found or int(found[3]) > 65535:
        raise ValueError
    return found[1] or found[2], int(found[3])


def _hosts(value: Any) -> tuple[str, ...]:
    return tuple(_text(word, "[A-Za-z0-9._-]+") for word in _words(value))


def _queue(value: Any) -> str:
    """As libpq reads it; the driver's name is SQLAlchemy's."""
    scheme, _, rest = _text(value).partition("://")
    if scheme.removesuffix("+psycopg") not in {"postgresql", "postgres"} or not rest:
        raise ValueError
    return f"postgresql://{rest}"


def _counts(value: Any) -> Mapping[str, int]:
    if isinstance(value, str):
        value = tomllib.loads(f"counts = {value}")["counts"]
    if not isinstance(value, dict) or not all(type(count) is int and count >= 0 for count in value.values()):
        raise ValueError
    return value


#: What is kept of the page's password: scrypt's parameters, the salt and the digest.
HASHED = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9_-]{16,}):([A-Za-z0-9_-]{43})")
_PATH = Key(lambda value: Path(_text(value)), "the path of a file")
#: Ours are added before and behind it, and PostgreSQL's names end at 63 characters.
_NAME = Key(lambda value: _text(value, "[A-Za-z_][A-Za-z0-9_]{0,30}|"), "a name of letters, digits and _, at most 31")
KEYS: Mapping[str, Key] = {
    "region": _one_of("us", "eu", "sandbox"),
    "base_url": Key(_text, "a URL", secret=True),
    "token_file": _PATH,
    "ca_file": _PATH,
    "target": Key(_text, "a database URL such as sqlite:///replica.db", secret=True),
    "target_file": _PATH,
    "schema": _NAME,
    "prefix": _NAME,
    "objects": Key(_words, "a list of objects and groups"),
    "history": Key(_words, "a list of objects and groups"),
    "period": Key(
        months,
        "a month such as 2023-04, a range such as 2023-01..2023-06"
        f" (at most {_MOST_MONTHS} months, the earlier one first), or a list of those",
    ),
    "extended": _one_of("auto", "on", "off"),
    "reread_hours": _number(0, 24 * 366, float),
    "deletes": _one_of("soft", "hard"),
    "concurrency": _number(1, 64),
    "schema_policy": _one_of("evolve", "freeze", "fail"),
    "push": Key(_flag, "true or false"),
    "push_deletes": Key(_flag, "true or false"),
    "deploy": Key(_flag, "true or false"),
    "conflicts": _one_of("error", "segment_wins", "target_wins", "newest"),
    "migrate": Key(_flag, "true or false"),
    "mask_key": Key(
        key_bytes, f"at least {_SHORTEST_KEY} characters that nobody can guess", secret=True, in_file=False
    ),
    "mask_key_file": _PATH,
    "leave_out": Key(_columns, "a list of columns such as Users.email"),
    "masked": Key(_columns, "a list of columns such as Users.email"),
    "plain_secrets": Key(_columns, "a list of columns such as Sources.write_keys"),
    "deadline": _number(1, 3600, float),
    "tries": _number(1, 100),
    "sandbox.size": _one_of("small", "medium", "large"),
    "sandbox.seed": _number(0, 2**31 - 1),
    "sandbox.counts": Key(_counts, "a table of names and whole numbers, such as { Sources = 20 }"),
}


def _paths(value: Any) -> Mapping[str, str]:
    """Paths to modes; a quoted path is one, and a table of TOML with dots in it is a table of tables."""
    found: dict[str, str] = {}
    for name, mode in value.items():
        if isinstance(mode, dict):
            found |= {f"{name}.{below}": each for below, each in _paths(mode).items()}
        elif mode in {"drop", "null", "hash"} and all(name.split(".")):
            found[name] = mode
        else:
            raise ValueError
    return found


def _where(value: Any) -> Mapping[str, Any]:
    """Times as the text that they are compared by."""
    return {name: _said(each) for name, each in value.items()}


def _names(value: Any) -> Mapping[str, str]:
    """What begins with _ is ours."""
    return {name: _text(each, "[A-Za-z][A-Za-z0-9_]{0,59}") for name, each in value.items()}


def _said(value: Any) -> Any:
    match value:
        case dict():
            if not value or not value.keys() <= _TESTS:
                raise ValueError
            return {test: _said(each) for test, each in value.items()}
        case list():
            return [_said(each) for each in value]
        case date():
            return value.isoformat()
        case str() | int() | float():
            return value
        case _:
            raise ValueError


_TESTS = {"is", "not", "from", "below", "like", "present"}
_COLUMNS = Key(_words, "a list of names of columns")
#: What stands in a table [object.NAME].
OBJECT_KEYS: Mapping[str, Key] = {
    "columns": _COLUMNS,
    "leave_out": _COLUMNS,
    "plain_secrets": _COLUMNS,
    "mask": Key(_paths, 'a table such as { email = "hash", "settings.apiKey" = "drop" } of drop, null and hash'),
    "rename": Key(_names, 'a table of columns and names of letters, digits and _, such as { email = "mail" }'),
    "where": Key(
        _where,
        'a table such as { type = "A", enabled = true, slug = { like = "a-*" } }; the tests are is, not, from, below,'
        " like and present",
    ),
    "extended": KEYS["extended"],
    "history": Key(_flag, "true or false"),
    "deletes": KEYS["deletes"],
    "reread_hours": KEYS["reread_hours"],
}
_ZONE = Key(schedule.zone, "the name of a time zone such as Europe/Berlin")
_OBJECTS = Key(_words, "a list of objects and groups")
JOB_KEYS: Mapping[str, Key] = {
    "connections": Key(_words, "a list of names of connections"),
    "objects": _OBJECTS,
    "mode": _one_of("incremental", "full"),
    "sync": Key(_flag, "true or false"),
    "history": _OBJECTS,
    "schedule": Key(schedule.cron, "five fields of cron, such as 0 3 * * *, that some time comes true for"),
    "every": Key(_interval, "an interval from 5s to 366d, such as 15m"),
    "time_zone": _ZONE,
    "jitter": _number(0, 86_400, float),
}
#: Of [alerts], and of [jobs.NAME.alerts].
_STALE_AFTER = Key(_interval, "an interval from 5s to 366d, such as 26h")
_WEBHOOK = Key(alerts.webhook, "an https URL, or an http one on this machine", secret=True, in_file=False)
_MAIL_TO = Key(alerts.addresses, "a list of mail addresses such as ops@example.com")
ALERT_KEYS: Mapping[str, Key] = {
    "on": Key(alerts.kinds(alerts.KINDS), f"a list of {', '.join(alerts.KINDS)}"),
    "stale_after": _STALE_AFTER,
    "pending_after": _STALE_AFTER,
    "webhook_url": _WEBHOOK,
    "webhook_url_file": _PATH,
    "mail_to": _MAIL_TO,
    "mail_from": Key(alerts.address, "a mail address such as replicator@example.com"),
    "mail_server": Key(_address, "a host and a port such as smtp.example.com:587"),
    "mail_tls": _one_of("starttls", "tls", "off"),
    "mail_user": Key(_text, "a name"),
    "mail_password": Key(_text, "a password", secret=True, in_file=False),
    "mail_password_file": _PATH,
    "ca_file": _PATH,
}
JOB_ALERT_KEYS: Mapping[str, Key] = {
    "on": Key(alerts.kinds(alerts.JOB_KINDS), f"a list of {', '.join(alerts.JOB_KINDS)}"),
    "stale_after": _STALE_AFTER,
    "webhook_url": _WEBHOOK,
    "webhook_url_file": _PATH,
    "mail_to": _MAIL_TO,
}
WEB_KEYS: Mapping[str, Key] = {
    "listen": Key(_address, "an address such as 127.0.0.1:8080"),
    "page": Key(_flag, "true or false"),
    "password_hash": Key(
        lambda value: _text(value, HASHED.pattern), "a line as `replicator web password` makes it", secret=True
    ),
    "password_file": _PATH,
    "url": Key(
        lambda value: _text(value, r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?"),
        "the address of the page without a path, such as https://replicator.example.com",
    ),
    "hosts": Key(_hosts, "a list of names such as replicator.internal"),
}
FLEET_KEYS: Mapping[str, Key] = {
    "queue": Key(_queue, "the URL of a PostgreSQL database, such as postgresql://user@host/database", secret=True),
    "schema": Key(lambda value: _text(value, "[A-Za-z_][A-Za-z0-9_]{0,30}"), "a name of letters, digits and _"),
}
