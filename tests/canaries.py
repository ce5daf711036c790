"""Each secret of the tests bears a word that stands nowhere else, at both of its ends. After each test they are hunted:
in what was printed, logged, raised and given by child processes, in the arguments of those that the program starts, in
the files that are there and in the database.

A test that holds secrets by intent says where and why: `@pytest.mark.holds_secrets("files", because="...")`.
"""

from __future__ import annotations

import base64
import logging
import math
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError

from replicator.errors import ReplicatorError
from tests import databases
from tests.databases import PASSWORD_WORD

TOKEN_WORD = "TokenCanary"
#: What Segment's end gives the scenarios in the place of a person's token.
TOKEN = f"{TOKEN_WORD}-0123456789-{TOKEN_WORD}"
#: In every secret that the sandbox makes up, and in the code of its functions, which is no secret in its own column.
MADE_UP_WORD, CODE_WORD = "FakeSecret", "FakeCode"
#: In the addresses of webhooks and the passwords of mail servers that alerts are sent to.
ALERT_WORD = "AlertCanary"

CHANNELS = ("output", "log", "error", "arguments", "files", "database")
_SECRET = (TOKEN_WORD, PASSWORD_WORD, MADE_UP_WORD, ALERT_WORD)
_WORDS = {channel: _SECRET if channel in {"files", "database"} else (*_SECRET, CODE_WORD) for channel in CHANNELS}
#: Where a person puts a secret for the program to read it: files by their ending or name, and the word of that secret.
_GIVEN = {".toml": PASSWORD_WORD, "token": TOKEN_WORD, ".secret": ALERT_WORD}
_SQLITE = b"SQLite format 3\0"


def forms(word: str) -> Iterator[bytes]:
    """What the word looks like in each encoding. Letters alone are the same in URLs, in JSON, in HTML and in a repr."""
    plain = word.encode()
    yield plain
    for before in range(3):
        # Only the characters that nothing around the word has a part in.
        coded = base64.b64encode(b"\0" * before + plain)
        yield coded[math.ceil(before * 8 / 6) : (before + len(plain)) * 8 // 6]
    for shown in (plain.hex(), plain.hex().upper()):
        yield shown.encode()
        yield "".join(f"%{shown[at : at + 2]}" for at in range(0, len(shown), 2)).encode()
    for mark in (b"\\x%02x", b"\\u%04x"):
        # Shown once more, as in a repr or in JSON within JSON, the backslashes are two.
        yield from (b"".join(slash + mark % byte for byte in plain) for slash in (b"", b"\\"))
    yield b"\0".join(plain[at : at + 1] for at in range(len(plain)))


_FORMS = {word: tuple(forms(word)) for word in (*_SECRET, CODE_WORD)}
_heard: list[tuple[str, bytes]] = []
_searched: set[Path] = set()
_spared: set[Path] = set()


def found(channel: str, data: bytes, but: str = "") -> list[str]:
    """The words of secrets that are in there, in whatever form."""
    return [word for word in _WORDS[channel] if word != but and any(form in data for form in _FORMS[word])]


def hear(channel: str, *said: str | bytes | None) -> None:
    whole = (each if isinstance(each, bytes) else each.encode("utf-8", "surrogatepass") for each in said if each)
    _heard.extend((channel, each) for each in whole)


class _Ear(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        more = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        hear("log", f"{record.getMessage()} {vars(record)} {more}")


def _overhear(owner: type, name: str, channel: str) -> None:
    """What that method gives is heard, too."""
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def overheard(*given: Any, **more: Any) -> Any:
        said = original(*given, **more)
        hear(channel, *said)
        return said

    setattr(owner, name, overheard)


def _overhear_errors() -> None:
    original = ReplicatorError.__init__

    def overheard(self: ReplicatorError, *given: Any, **more: Any) -> None:
        hear("error", *map(repr, given), repr(more))
        original(self, *given, **more)

    setattr(ReplicatorError, "__init__", overheard)  # noqa: B010 - for as long as the tests run


def _overhear_arguments() -> None:
    """Whoever looks at the processes of a machine reads the arguments of those that the program starts."""
    original = subprocess.Popen.__init__

    def overheard(self: subprocess.Popen[Any], args: Any, *given: Any, **more: Any) -> None:
        if _is_the_programs(sys._getframe(1)):
            hear("arguments", repr(args))
        original(self, args, *given, **more)

    setattr(subprocess.Popen, "__init__", overheard)  # noqa: B010 - for as long as the tests run


def _is_the_programs(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_globals.get("__name__", "").startswith("replicator."):
            return True
        frame = frame.f_back
    return False


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger().addHandler(_Ear())
    # A capture that the test reads itself is in no report.
    _overhear(pytest.CaptureFixture, "readouterr", "output")
    _overhear(subprocess.Popen, "communicate", "output")
    _overhear_errors()
    _overhear_arguments()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _heard.clear()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Before the test's own files go."""
    try:
        given = yield
    finally:
        new = _new_folders(item)
    _hear_reported(item)
    _fail(item, [*_in_what_was_heard(), *(problem for folder in new for problem in _in_files(folder))])
    return given


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    given = yield
    _hear_reported(item)
    _fail(item, _in_what_was_heard())
    return given


@pytest.fixture(scope="session", autouse=True)
def _no_file_of_the_whole_run_holds_a_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What later tests wrote into the folders of earlier ones."""
    yield
    problems = [
        problem for folder in _folders(tmp_path_factory.getbasetemp()) - _spared for problem in _in_files(folder)
    ]
    assert not problems, problems


def _hear_reported(item: pytest.Item) -> None:
    for _, kind, content in item._report_sections:
        hear("log" if kind == "log" else "output", content)


def _in_what_was_heard() -> list[tuple[str, str]]:
    problems = [(channel, f"{word} was in the {channel}") for channel, data in _heard for word in found(channel, data)]
    _heard.clear()
    return problems


def _new_folders(item: pytest.Item) -> set[Path]:
    base = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # it has no public name
    new = _folders(base) - _searched
    _searched.update(new)
    if item.get_closest_marker("holds_secrets"):
        _spared.update(new)
    return new


def _folders(base: Path) -> set[Path]:
    """Without pytest's own links to the newest of a name."""
    return {each for each in base.iterdir() if not each.is_symlink()}


def _in_files(folder: Path) -> Iterator[tuple[str, str]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield from _in_file(path)


def _in_file(path: Path) -> Iterator[tuple[str, str]]:
    try:
        data = path.read_bytes()
    except OSError:
        return
    is_database = data.startswith(_SQLITE) or path.name.endswith(("-wal", "-journal"))
    channel = "database" if is_database else "files"
    given = next((word for end, word in _GIVEN.items() if path.name.endswith(end)), "")
    for word in found(channel, data, but=given):
        yield channel, f"{word} was in the file {path.name}"


def in_server(url: str) -> list[tuple[str, str]]:
    """What all tables of that database hold, as the server writes it; SQLite's is a file."""
    engine = databases.engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        is_postgres = engine.dialect.name == "postgresql"
        if is_postgres:
            connection.execute(text("SET lock_timeout = '2s'"))
            listed = (
                "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema)' AND pg_relation_size(c.oid) > 0"
            )
        else:
            listed = (
                "SELECT concat('`', table_name, '`') FROM information_schema.tables"
                " WHERE table_schema = database() AND table_type = 'BASE TABLE'"
            )
        names = connection.execute(text(listed)).scalars().all()
        if not is_postgres and names:
            each = (f"SELECT '{name}' FROM DUAL WHERE EXISTS (SELECT 1 FROM {name})" for name in names)
            with suppress(DBAPIError):  # a test broke a table: each by itself, then
                names = connection.exec_driver_sql(" UNION ALL ".join(each)).scalars().all()
        problems = []
        for name in names:
            try:
                rows = connection.exec_driver_sql(f"SELECT {'t::text' if is_postgres else '*'} FROM {name} t").all()
            except DBAPIError:  # a test broke it
                continue
            shown = (row[0] if is_postgres else str(row) for row in rows)
            data = "\n".join(shown).encode("utf-8", "surrogatepass")
            problems += [("database", f"{word} was in the table {name}") for word in found("database", data)]
    return problems


def check(item: pytest.Item, url: str) -> None:
    _fail(item, in_server(url))


def _fail(item: pytest.Item, problems: list[tuple[str, str]]) -> None:
    marker = item.get_closest_marker("holds_secrets")
    meant = set(marker.args) if marker else set()
    told = sorted({problem for channel, problem in problems if channel not in meant})
    if told:
        pytest.fail(f"a secret got out: {'; '.join(told)}", pytrace=False)
