"""What the pages say, over a real socket: of one connection, of several, of a run that goes on, and no secret."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from replicator.cli import turns
from replicator.cli.keeper import Keeper, perform
from replicator.settings import load_all
from replicator.web import sight, veil
from tests.canaries import MADE_UP_WORD
from tests.cli.running import TOKEN, Run
from tests.cli.test_daemon import wait_for
from tests.cli.test_stopping import Held, held
from tests.web.deciding import ENVIRON, Scene, scene
from tests.web.serving import Still, serving

__all__ = ["held"]

SIMPLE = """
region = "sandbox"
objects = ["Labels", "Roles"]
[connections.acme]
target = "sqlite:///acme.db"
[jobs.often]
every = "15m"
"""


@pytest.fixture
def acme(replicator: Run, folder: Path) -> Iterator[Scene]:
    with scene(replicator, folder) as made:
        yield made


def test_the_overview_says_what_runs_when_and_how_fresh_everything_is(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(SIMPLE)
    assert replicator("run", "often").code == 0
    with serving() as visitor:
        words = visitor.get("/").words
    assert "All is well" in words
    assert "often ✓ done" in words
    assert "in 15 min every 15m" in words
    assert "Labels ✓ done 6" in words
    assert "Rows changed" in words


def test_a_database_that_is_away_shows_as_such_and_leaves_the_others_right(replicator: Run, folder: Path) -> None:
    away = '[connections.away]\ntarget = "postgresql://nobody:hunter2hunter2@127.0.0.1:1/none"\n'
    (folder / "replicator.toml").write_text(SIMPLE + away)
    assert replicator("--connection", "acme", "run", "often").code == 0
    with serving() as visitor:
        words = visitor.get("/").words
        assert words.index("Something is wrong") < words.index("Its database cannot be read")
        assert "nothing listens there" in words
        assert "often ✓ done" in words
        assert visitor.get("/c/away/").status == 200
        for page in ("runs", "edits", "conflicts", "deletes", "quarantine", "schema", "objects/Labels"):
            answer = visitor.get(f"/c/away/{page}")
            assert (answer.status, "nothing listens there" in answer.words) == (503, True)
            assert "hunter2" not in answer.text
            assert visitor.get(f"/c/acme/{page}").status == 200


def test_a_database_that_does_not_answer_keeps_the_page_waiting_only_so_long(
    replicator: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(sight, "PATIENCE", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        away = f'[connections.away]\ntarget = "postgresql://nobody@127.0.0.1:{port}/none"\n'
        (folder / "replicator.toml").write_text(SIMPLE + away)
        assert replicator("--connection", "acme", "run", "often").code == 0
        with serving() as visitor:
            began = time.monotonic()
            words = visitor.get("/").words
            assert time.monotonic() - began < 5
            assert "gave no answer within" in words
            assert "often ✓ done" in words


def test_a_database_that_no_run_has_seen_says_so(folder: Path) -> None:
    (folder / "replicator.toml").write_text(SIMPLE)
    with serving() as visitor:
        assert "run `replicator replicate`" in visitor.get("/").words
        assert visitor.get("/c/acme/runs").status == 404
    assert not Path("acme.db").exists(), "looking makes none"


def test_what_is_not_there_is_said_on_a_page(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(SIMPLE)
    assert replicator("run", "often").code == 0
    with serving() as visitor:
        for path in ("/c/nobody/", "/c/acme/objects/Nothing", "/c/acme/nothing", "/nothing", "/c/acme/runs?before=x"):
            answer = visitor.get(path)
            assert (answer.status, "There is no such page." in answer.words) == (404, True), path
        assert "There is no run" in visitor.get("/c/acme/runs/zzz").words


def test_runs_are_listed_in_pages_and_each_is_shown_object_by_object(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(SIMPLE)
    assert replicator("run", "often").code == 0
    with closing(sqlite3.connect("acme.db")) as database, database:
        ((run,),) = database.execute("SELECT id FROM _replicator_runs").fetchall()
        names = [row[1] for row in database.execute("PRAGMA table_info(_replicator_runs)")]
        others = ", ".join(name for name in names if name not in {"id", "started_at"})
        for at in range(60):
            database.execute(
                f"INSERT INTO _replicator_runs (id, started_at, {others}) SELECT ?, ?, {others}"
                " FROM _replicator_runs WHERE id = ?",
                (f"old{at:02}", f"2026-01-01T00:{at:02}:00.250001Z", run),
            )
    with serving() as visitor:
        page = visitor.get("/c/acme/runs")
        assert page.text.count("/c/acme/runs/old") == 49
        older = page.text.partition('<a href="/c/acme/runs?before=')[2].partition('"')[0]
        rest = visitor.get(f"/c/acme/runs?before={older}")
        assert re.findall("/c/acme/runs/(old[0-9]+)", rest.text) == [f"old{at:02}" for at in range(10, -1, -1)]
        assert "Newest" in rest.words
        words = visitor.get(f"/c/acme/runs/{run}").words
    assert "Labels ✓ done 6 6 0 0 0 0 0" in words
    assert "Roles ✓ done" in words


def test_an_object_s_page_has_columns_state_detection_proof_and_a_record_s_history(acme: Scene) -> None:
    plan, name = acme.plan()
    acme.network.write("PATCH", f"/tracking-plans/{plan}", {"name": "Renamed <there>"})
    assert acme.run() == 0
    with serving(ENVIRON) as visitor:
        words = visitor.get("/c/acme/objects/TrackingPlans").words
        assert "proved it whole" in words
        assert "Set of ids" in words
        assert "Updates next run: complete listing" in words
        assert "updated_at timestamp updatedAt" in words
        page = visitor.get(f"/c/acme/objects/TrackingPlans?part={plan}")
        assert f"{name} → Renamed <there>" in page.words
        assert "<there>" not in page.text
        assert "first seen" in page.words
        assert "has no record" in visitor.get("/c/acme/objects/TrackingPlans?part=nothing").words
        assert "No history is kept of Suppressions" in visitor.get("/c/acme/objects/Suppressions").words


def test_code_stands_on_the_pages_of_edits_and_conflicts_alone(acme: Scene) -> None:
    function, code = acme.function()
    line = max(code.splitlines(), key=len)
    acme.network.write("PATCH", f"/functions/{function}", {"code": code + "\n// FromThere"})
    assert acme.replicator("refresh", "SourceFunctions", **ENVIRON).code == 0
    acme.do("UPDATE source_functions SET code = code || ? WHERE id = ?", "\n// FromHere", function)
    with serving(ENVIRON) as visitor:
        history = visitor.get(f"/c/acme/objects/SourceFunctions?part={function}")
        assert "code changed; replicator history SourceFunctions ID shows it" in history.words
        assert "FromThere" not in history.text
        assert line not in history.text
        assert "// FromHere" in visitor.get("/c/acme/edits").text


@pytest.mark.holds_secrets("database", because="the configuration stores them plain")
def test_no_page_shows_a_secret_though_it_be_stored_plain(replicator: Run, folder: Path) -> None:
    """The sandbox's secrets have a word in them that nothing else has."""
    (folder / "replicator.toml").write_text(
        SIMPLE.replace('"Labels", "Roles"', '"Sources", "Destinations", "SourceFunctions"').replace(
            "[connections.acme]",
            'history = ["core"]\nplain_secrets = ["Sources.write_keys", "Sources.settings",'
            ' "Destinations.settings", "SourceFunctions.preview_webhook_url"]\n[connections.acme]',
        )
    )
    assert replicator("run", "often").code == 0
    with closing(sqlite3.connect("acme.db")) as database, database:
        ((source, keys),) = database.execute("SELECT id, write_keys FROM sources LIMIT 1").fetchall()
        ((function,),) = database.execute("SELECT id FROM source_functions LIMIT 1").fetchall()
        assert MADE_UP_WORD in keys
        database.execute("UPDATE source_functions SET preview_webhook_url = 'https://x/FakeSecretHook'")
        # A version before this one, so that the difference is to be shown.
        columns = [row[1] for row in database.execute("PRAGMA table_info(sources_history)")]
        chosen = ", ".join(
            {
                "write_keys": "'[\"FakeSecretOld\"]'",
                "_valid_from": "'2026-01-01T00:00:00.000000Z'",
                "_valid_to": "_valid_from",
            }.get(name, name)
            for name in columns
        )
        database.execute(f"INSERT INTO sources_history SELECT {chosen} FROM sources_history WHERE id = '{source}'")
        database.execute(
            "INSERT INTO _replicator_quarantine (id, scope, object, partition, reason, record, run_id, seen_at)"
            " SELECT 'q', '', 'Sources', '', 'too deep', ?, id, started_at"
            " FROM _replicator_runs LIMIT 1",
            (json.dumps({"id": source, "name": "n", "writeKeys": ["FakeSecretQuarantined"]}),),
        )
    with serving() as visitor:
        pages = [
            visitor.get(f"/c/acme/{path}") for path in ("", "edits", "quarantine", f"objects/Sources?part={source}")
        ]
        assert veil.HIDDEN in pages[3].text
        assert f"id {source}, name n" in pages[2].words
        assert function in pages[1].text
        assert "changed; a secret, which no page shows" in pages[1].words
        for page in pages:
            assert page.status == 200
            assert MADE_UP_WORD not in page.text


def test_the_run_that_goes_on_is_shown_with_its_progress_until_it_ends(
    replicator: Run, folder: Path, held: tuple[Held, str]
) -> None:
    workspace, url = held
    (folder / "replicator.toml").write_text(
        SIMPLE.replace('region = "sandbox"', f'base_url = "{url}"').replace('"Labels", "Roles"', '"Suppressions"')
    )
    environ = {"SEGMENT_TOKEN": TOKEN}
    found = load_all(environ, {})
    keeper = Still("acme", found.connections["acme"], turns.by_connection(found)["acme"], environ, None)
    with serving(environ, keepers={"acme": keeper}) as visitor:
        assert 'hx-trigger="every 5s"' in visitor.get("/c/acme/live").text
        run = Thread(target=keeper._run_job, args=(found.jobs["often"], ""))
        run.start()
        assert workspace.asked.wait(30)
        wait_for(lambda: "1,000 records" in visitor.get("/c/acme/live").words)
        live = visitor.get("/c/acme/live")
        assert "running often" in live.words
        assert "0 of 1 object, 1 request." in live.words
        assert '<progress max="1" value="0" aria-label="Objects done">' in live.text
        assert '<progress  aria-label="Suppressions">' in live.text, "nobody knows how many there are"
        identifier = live.text.partition("/c/acme/live?run=")[2].partition('"')[0]
        assert visitor.get(f"/c/acme/live?run={identifier}").status == 200
        assert "1,000 records" in visitor.get(f"/c/acme/runs/{identifier}").words
        assert "…" in visitor.get("/").words
        workspace.go.set()
        run.join(30)
        ended = visitor.get(f"/c/acme/live?run={identifier}")
        assert (ended.status, ended.headers["hx-refresh"]) == (204, "true")
        wait_for(lambda: "often ✓ done" in visitor.get("/").words)


def test_a_run_of_another_process_is_shown_as_far_as_the_ledger_tells(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(SIMPLE)
    found = load_all({}, {})
    perform({}, found.jobs["often"], "", found.connections["acme"], Event())
    with closing(sqlite3.connect("acme.db")) as database, database:
        database.execute("UPDATE _replicator_runs SET status = 'running', finished_at = NULL")
        ((run,),) = database.execute("SELECT id FROM _replicator_runs").fetchall()
    with serving() as visitor:
        words = visitor.get(f"/c/acme/runs/{run}").words
        assert "It goes on in another process" in words
        assert "Labels ✓ done" in words


def test_a_thread_that_hangs_is_the_first_thing_that_is_said(folder: Path) -> None:
    class Hanging(Keeper):
        def age(self) -> float:
            return 500.0

    (folder / "replicator.toml").write_text(SIMPLE)
    found = load_all({}, {})
    kept = {"acme": Hanging("acme", found.connections["acme"], [], {}, None)}
    with serving(keepers=kept) as visitor:
        words = visitor.get("/").words
    assert words.index("Its thread hangs") < words.index("Its database")
    assert "no sign of life for 500 seconds" in words
