"""What commands say about columns that the configuration calls by another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Run

SETTINGS = """region = "sandbox"
target = "sqlite:///replica.db"
[object.Users]
leave_out = ["permissions"]
history = true
"""


@pytest.fixture
def renamed(replicator: Run, folder: Path) -> Run:
    (folder / "replicator.toml").write_text(SETTINGS)
    assert replicator("replicate", "Users").code == 0
    (folder / "replicator.toml").write_text(SETTINGS + 'rename = { email = "mail" }\n')
    return replicator


def test_the_plan_of_the_schema_and_the_check_tell_what_will_be_renamed(renamed: Run) -> None:
    planned = renamed("schema", "plan", "Users", "--exit-code")
    assert planned.code == 5
    assert "ALTER TABLE users RENAME COLUMN email TO mail" in planned.out
    assert "ALTER TABLE users_history RENAME COLUMN email TO mail" in planned.out
    assert "permissions" not in planned.out
    told = ["rename column email of table users to mail", "rename column email of table users_history to mail"]
    assert renamed("check", "Users", "--json").document["target"]["changes"] == told
    assert renamed("schema", "apply", "Users").code == 0
    assert renamed("schema", "plan", "Users", "--exit-code").code == 0
    assert renamed("check", "Users", "--json").document["target"]["changes"] == []


def test_history_and_rows_of_a_moment_are_told_by_the_columns_names(renamed: Run) -> None:
    assert renamed("replicate", "Users", "--json").document["objects"][0]["updated"] == 0
    table = renamed("as-of", "now", "Users").out
    assert table.splitlines()[0] == "id,name,mail,_extra"
    assert set(renamed("as-of", "now", "Users", "--json").document["rows"][0]) >= {"id", "name", "mail"}
