"""docs/selection.md: its configuration and its SQL do what it says."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.running import InProcess
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "selection.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_s_configuration_stores_what_it_says_and_its_statement_removes_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = InProcess(capsys)
    Path("replicator.toml").write_text(block("toml").replace("leave_out", "# leave_out"))
    assert command("replicate").code == 0
    Path("replicator.toml").write_text(block("toml"))
    assert command("replicate").code == 0
    with closing(sqlite3.connect("private.db")) as database:
        assert all(email.startswith("masked:") for (email,) in database.execute("SELECT email FROM users"))
        assert any(name for (name,) in database.execute("SELECT name FROM users"))
        database.execute(block("sql"))
    again = command("replicate")
    assert again.code == 0
    with closing(sqlite3.connect("private.db")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
    assert "email" in columns
    assert "name" not in columns
