"""docs/two-way-sync.md: the walk, executed."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicator.sandbox import Sandbox
from replicator.sandbox.server import running
from tests.cli.running import InProcess
from tests.conftest import ROOT
from tests.databases import Database, engine
from tests.scenarios.network import Network

PAGE = (ROOT / "docs" / "two-way-sync.md").read_text("utf-8")
BLOCK = re.compile(r"```(sh|sql|text)\n(.*?)```", re.DOTALL)
SERVER = "http://127.0.0.1:8765"


def test_the_page_s_walk_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, network = InProcess(capsys), Network(Sandbox())
    environ: dict[str, str] = {}
    printed = ""
    with running(network) as url:
        for language, text in BLOCK.findall(PAGE):
            if language == "sql":
                with closing(sqlite3.connect("replica.db")) as database:
                    database.executescript(text)
            elif language == "text":
                assert text in printed
            else:
                printed = "".join(
                    _line(line.replace(SERVER, url), command, network, environ) for line in text.splitlines()
                )
    names = {plan["name"] for plan in network.write("GET", "/tracking-plans?pagination.count=200")["trackingPlans"]}
    assert {"Our name", "Ecommerce"} <= names
    assert "Made in SQL" not in names


def _line(line: str, command: InProcess, network: Network, environ: dict[str, str]) -> str:
    words = shlex.split(line)
    match words[0]:
        case "export":
            environ |= dict(word.split("=", 1) for word in words[1:])
        case "curl":
            path = "/" + words[-1].split("/", 3)[3]
            body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
            network.write(words[words.index("-X") + 1], path, body)
        case "replicator" if words[1] != "sandbox":
            outcome = command(*words[1:], **environ)
            assert outcome.code in {0, 4}, outcome.err
            return outcome.out
    return ""


@pytest.mark.kinds("postgresql")
def test_the_page_s_form_for_postgresql_changes_a_schema_there(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    command, words = InProcess(capsys), ("--target", database.url)
    assert command("replicate", "TrackingPlanRules", *words, REPLICATOR_REGION="sandbox").code == 0
    form = re.findall(r"`(jsonb_set\(.*\))`", PAGE)[0]
    opened = engine(database.url)
    with opened.begin() as connection:
        connection.exec_driver_sql(f"UPDATE tracking_plan_rules SET json_schema = {form} WHERE version = 2")
    opened.dispose()
    edits = command("pending", "--json", *words).document["edits"]
    assert {field["name"] for edit in edits for field in edit["fields"]} == {"json_schema"}
    assert {field["local"]["description"] for edit in edits for field in edit["fields"]} == {"Ours"}
