"""docs/operations.md, done: a replica is moved within its kind and to another one, and the token is rotated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.access import Token
from replicator.sandbox.server import running
from tests import databases
from tests.cli.running import InProcess, Process
from tests.conftest import ROOT
from tests.databases import Database

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
WORDS = ("TrackingPlans", "TrackingPlanRules", "Sources")


def rows(url: str, query: str) -> list[Any]:
    engine = create_engine(url)
    with engine.begin() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def change(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def shell(words: list[str], environ: Mapping[str, str], **streams: Any) -> None:
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not on this machine")
    subprocess.run(words, check=True, env={**os.environ, **environ}, timeout=60, **streams)


def by_pg_dump(one: str, other: str, folder: Path) -> None:
    plain = [make_url(url).set(drivername="postgresql").render_as_string(hide_password=False) for url in (one, other)]
    shell(["pg_dump", "--no-owner", "--no-privileges", "--file", str(folder / "dump.sql"), plain[0]], {})
    quiet = {"stdout": subprocess.DEVNULL}
    shell(["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(folder / "dump.sql"), plain[1]], {}, **quiet)


def by_mysqldump(one: str, other: str, folder: Path) -> None:
    def words(program: str, url: str, *options: str) -> tuple[list[str], dict[str, str]]:
        at = make_url(url)
        place = ["--protocol=tcp", f"--host={at.host}", f"--port={at.port or 3306}", f"--user={at.username}"]
        return [program, *place, *options, str(at.database)], {"MYSQL_PWD": str(at.password)}

    with (folder / "dump.sql").open("wb") as dump:
        command, environ = words("mysqldump", one, "--single-transaction")
        shell(command, environ, stdout=dump)
    with (folder / "dump.sql").open("rb") as dumped:
        command, environ = words("mysql", other)
        shell(command, environ, stdin=dumped)


def by_sqlite(one: str, other: str, _folder: Path) -> None:
    shell(["sqlite3", str(make_url(one).database), f".backup {make_url(other).database}"], {})


MOVED: dict[str, tuple[str, Callable[[str, str, Path], None]]] = {
    "postgresql": ("pg_dump", by_pg_dump),
    "mariadb": ("mysqldump --single-transaction", by_mysqldump),
    "mysql": ("mysqldump --single-transaction", by_mysqldump),
    "sqlite": ("sqlite3", by_sqlite),
}


@pytest.mark.holds_secrets("files", because="a dump of the database holds what the database holds")
def test_a_moved_database_goes_on_where_it_was_with_its_edits(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replicator, folder = InProcess(capsys), tmp_path / "new"
    folder.mkdir()
    named, move = MOVED[database.kind]
    assert named in PAGE
    assert replicator("replicate", *WORDS, "--region", "sandbox", "--target", database.url).code == 0
    ((first,),) = rows(database.url, "SELECT min(id) FROM tracking_plans")
    change(database.url, f"UPDATE tracking_plans SET name = 'Ours' WHERE id = '{first}'")
    edited = replicator("pending", "--json", "--target", database.url).document["edits"]
    assert edited
    with databases.fresh(database.kind, folder) as new:
        move(database.url, new.url, tmp_path)
        again = replicator("replicate", *WORDS, "--json", "--region", "sandbox", "--target", new.url)
        assert again.code == 0
        written = [(each["inserted"], each["updated"], each["deleted"]) for each in again.document["objects"]]
        assert set(written) == {(0, 0, 0)}
        assert replicator("pending", "--json", "--target", new.url).document["edits"] == edited


@pytest.mark.holds_secrets("files", because="the test keeps the masks' key in a file, as the guide says")
def test_another_kind_of_database_is_filled_anew_with_the_same_masks(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replicator, key = InProcess(capsys), tmp_path / "mask-key"
    key.write_text("a key of at least sixteen characters\n")
    Path(tmp_path / "replicator.toml").write_text(
        f'region = "sandbox"\nobjects = ["Sources"]\nmask_key_file = "{key}"\n'
    )
    masks = []
    for url in (f"sqlite:///{tmp_path / 'old.db'}", database.url):
        asked = ("replicate", "--config", str(tmp_path / "replicator.toml"), "--target", url)
        assert replicator(*asked).code == 0
        found = rows(url, "SELECT id, write_keys FROM sources ORDER BY id")
        masks.append([(each, json.loads(keys) if isinstance(keys, str) else keys) for each, keys in found])
    assert masks[0] == masks[1]
    assert "masked:" in str(masks)


def test_a_running_daemon_takes_the_new_token_from_its_file(tmp_path: Path) -> None:
    asked: list[str] = []
    sandbox = Sandbox(tokens=(Token("the-old-one"), Token("the-new-one")))

    def watched(request: Request) -> Response:
        asked.append(request.headers["authorization"].removeprefix("Bearer "))
        return sandbox(request)

    file = tmp_path / "token"
    file.write_text("the-old-one\n")
    with running(watched) as url:
        (tmp_path / "replicator.toml").write_text(
            f'base_url = "{url}"\ntoken_file = "{file}"\ntarget = "sqlite:///replica.db"\nobjects = ["Labels"]\n'
            '[jobs.quick]\nevery = "5s"\n'
        )
        with Process(tmp_path).start("daemon") as daemon:
            try:
                _until(lambda: asked)
                (tmp_path / "token.new").write_text("the-new-one\n")
                (tmp_path / "token.new").replace(file)
                _until(lambda: "the-new-one" in asked)
            finally:
                daemon.terminate()
                daemon.communicate(timeout=40)
    turned = asked.index("the-new-one")
    assert turned > 0
    assert set(asked[:turned]) == {"the-old-one"}
    assert set(asked[turned:]) == {"the-new-one"}


def _until(true: Callable[[], Any]) -> None:
    until = time.monotonic() + 40
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)
