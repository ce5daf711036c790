"""docs/selection.md: its configuration and its SQL do what it says."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicator.settings.keys import OBJECT_KEYS
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
    Path("replicator.toml").write_text(block("toml").partition("[object.Users]")[0])
    assert command("replicate").code == 0
    Path("replicator.toml").write_text(block("toml"))
    assert command("replicate").code == 0
    with closing(sqlite3.connect("private.db")) as database:
        assert all(email.startswith("masked:") for (email,) in database.execute("SELECT email FROM users"))
        assert any(name for (name,) in database.execute("SELECT name FROM users"))
        metadata = [json.loads(held) for (held,) in database.execute("SELECT metadata FROM sources")]
        assert not [each for each in metadata if "logos" in each]
        assert {each["name"][:7] for each in metadata} == {"masked:"}
        assert all(title for (title,) in database.execute("SELECT title FROM source_functions"))
        kept = [row[1] for row in database.execute("PRAGMA table_info(sources_history)")]
        assert [name for name in kept if not name.startswith("_")] == ["id", "slug", "name", "metadata"]
        database.execute(block("sql"))
    again = command("replicate")
    assert again.code == 0
    with closing(sqlite3.connect("private.db")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
    assert "email" in columns
    assert "name" not in columns


def test_the_page_s_conditions_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    conditions = PAGE.partition("## Which records")[2].partition("```toml\n")[2].partition("```")[0]
    Path("replicator.toml").write_text(f'region = "sandbox"\n{conditions}')
    command = InProcess(capsys)
    assert command("config", "check").code == 0
    found = command("replicate", "Sources", "TrackingPlanRules", "--json").document["objects"]
    assert {each["object"]: each["filtered"] > 0 for each in found if each["object"] != "TrackingPlans"} == {
        "Sources": True,
        "TrackingPlanRules": True,
    }
    shown = command("config", "show")
    Path("replicator.toml").write_text(shown.out)
    assert command("config", "show").out == shown.out


def test_the_page_names_every_key_of_an_object() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Masks")[0], re.MULTILINE))
    assert named == set(OBJECT_KEYS)
