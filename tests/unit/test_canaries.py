"""The hunt for secrets finds what it is there to find: a leak planted in each channel, in each encoding."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import canaries
from tests.canaries import CODE_WORD, MADE_UP_WORD, TOKEN, TOKEN_WORD, forms, found
from tests.databases import PASSWORD_WORD

ROOT = Path(__file__).resolve().parents[2]
ENCODINGS = 11
LEAKS = """
import base64, logging, sqlite3, subprocess, sys
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text

from replicator.errors import ReplicatorError
from tests.canaries import CODE_WORD, MADE_UP_WORD, TOKEN
from tests.databases import PASSWORD_WORD

SECRETS = (TOKEN, "https://hooks.example/" + MADE_UP_WORD + "/7", "postgresql://me:" + PASSWORD_WORD + "@host")
ENCODED = {
    "plain": str,
    "base64": lambda secret: base64.b64encode(b"Bearer " + secret.encode()).decode(),
    "base64 behind one": lambda secret: base64.b64encode(b"x" + secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "URL": lambda secret: quote(secret + "/ä", safe=""),
    "every byte in URL": lambda secret: "".join(f"%{each:02X}" for each in secret.encode()),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "JSON": lambda secret: "".join(f"\\\\u{ord(each):04x}" for each in secret),
    "bytes": lambda secret: "".join(f"\\\\x{ord(each):02x}" for each in secret),
    "shortened": lambda secret: secret[:-1] + "...",
}


@pytest.fixture(params=ENCODED)
def encoding(request):
    return request.param


@pytest.fixture(params=range(len(SECRETS)))
def leaked(request, encoding):
    return ENCODED[encoding](SECRETS[request.param])


def test_leak_printed(leaked):
    print(f"... {leaked} ...", file=sys.stderr)


def test_leak_read_back(leaked, capsys):
    print(leaked)
    capsys.readouterr()


def test_leak_logged(leaked):
    logging.getLogger("replicator").warning("it went wrong", extra={"why": {"deep": leaked}})


def test_leak_traceback(leaked):
    try:
        raise ValueError(leaked)
    except ValueError:
        logging.getLogger("replicator").exception("it went wrong")


def test_leak_raised(leaked):
    with pytest.raises(ReplicatorError):
        raise ReplicatorError(f"the server says {leaked}")


def test_leak_child(leaked):
    subprocess.run([sys.executable, "-c", f"print({leaked!r})"], capture_output=True)


def test_leak_arguments(leaked):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', '', given], check=True)"
    exec(code, {"__name__": "replicator.somewhere", "given": leaked})


def test_leak_file(leaked, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "export.csv").write_text(leaked)


def test_leak_file_of_a_factory(leaked, tmp_path_factory):
    (tmp_path_factory.mktemp("other") / "log.jsonl").write_bytes(leaked.encode())


def test_leak_wide_file(tmp_path, leaked, encoding):
    (tmp_path / "wide.txt").write_bytes(leaked.encode("utf-16" if encoding == "plain" else "utf-8"))


def test_leak_database(leaked, database):
    engine = create_engine(database.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE somewhere (some_value TEXT)"))
        connection.execute(text("INSERT INTO somewhere VALUES (:value)"), {"value": leaked})
    engine.dispose()


def test_leak_of_code_printed():
    print(CODE_WORD)


def test_fine_where_it_belongs(tmp_path):
    (tmp_path / "replicator.toml").write_text(SECRETS[2])
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "function.js").write_text(CODE_WORD)
    print("nothing of it")


@pytest.mark.holds_secrets("files", because="it is what the test is about")
def test_fine_by_intent(tmp_path):
    (tmp_path / "plain.csv").write_text(TOKEN)


@pytest.mark.holds_secrets("files", because="but not on the screen")
def test_leak_beside_what_is_meant(tmp_path):
    (tmp_path / "plain.csv").write_text(TOKEN)
    print(TOKEN)
"""


@pytest.mark.timeout(300)
@pytest.mark.holds_secrets("files", "database", "output", because="it plants them, and shows what the hunt says")
def test_a_leak_in_any_channel_and_encoding_fails_the_test_that_made_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import database, pytest_configure\n")
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", f"--confcutdir={tmp_path}"]
    command += [f"--basetemp={tmp_path / 'inner'}", str(tmp_path / "test_leaks.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False)
    told = [line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]
    outcomes: dict[str, set[str]] = {}
    for outcome, rest in told:
        name = rest.split(" - ")[0].rpartition("::")[2]
        outcomes.setdefault(name, set()).add(outcome)
    leaks = {name: seen for name, seen in outcomes.items() if name.startswith("test_leak")}
    fine = {name: seen for name, seen in outcomes.items() if name.startswith("test_fine")}
    unnoticed = [name for name, seen in leaks.items() if not seen & {"FAILED", "ERROR"}]
    assert not unnoticed, unnoticed
    assert all(seen == {"PASSED"} for seen in fine.values()), fine
    channels = Counter(name.partition("[")[0] for name in leaks if "[" in name)
    assert len(fine) == 2
    assert len(channels) == 11
    assert min(channels.values()) == ENCODINGS * 3, channels


@pytest.mark.parametrize("word", [TOKEN_WORD, PASSWORD_WORD, MADE_UP_WORD, CODE_WORD])
def test_no_form_of_a_word_is_so_short_that_it_could_stand_anywhere(word: str) -> None:
    assert min(map(len, forms(word))) >= 8
    assert found("output", b"nothing") == []


def test_every_secret_of_a_sandbox_can_be_found() -> None:
    from replicator.sandbox import Request, Sandbox

    sandbox = Sandbox()
    for target in ("/sources", "/functions?resourceType=SOURCE"):
        answer = sandbox(Request("GET", target, {"authorization": "Bearer sandbox"}))
        assert answer.status == 200
        if target == "/sources":
            assert found("output", answer.body) == [MADE_UP_WORD]


def test_every_exemption_names_where_and_why(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        for marker in item.iter_markers("holds_secrets"):
            assert set(marker.args) <= set(canaries.CHANNELS), item.nodeid
            assert marker.args, item.nodeid
            assert marker.kwargs.get("because"), item.nodeid


def test_the_token_bears_its_word_at_both_ends() -> None:
    assert TOKEN.startswith(TOKEN_WORD)
    assert TOKEN.endswith(TOKEN_WORD)
