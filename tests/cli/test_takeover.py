"""The leader of several daemons is killed: another one goes on with its run within seconds, on every database."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from replicator.target.bookkeeping import bookkeeping
from replicator.target.database import Target, open_target
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_daemon import daemon, ended, wait_for
from tests.cli.test_stopping import Held, held

__all__ = ["held"]

#: How a process of another machine looks from here.
_ELSEWHERE = "elsewhere process 77 pid:[1]@another-boot abcdef01"


def runs(target: Target) -> list[dict[str, Any]]:
    table = bookkeeping(target.dialect).runs
    with target.reading() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(table.c.started_at)).mappings()]


def seconds_until_taken_over(process: Process, held: tuple[Held, str], url: str, holder: str | None) -> float:
    workspace, address = held
    # On a busy machine two daemons take their time to begin.
    workspace.patience = 90
    Path("replicator.toml").write_text(
        f'target = "{url}"\nbase_url = "{address}"\nobjects = ["Suppressions"]\n[jobs.held]\nevery = "1h"\n'
    )
    with ExitStack() as daemons:
        leader = daemons.enter_context(daemon(process, SEGMENT_TOKEN=TOKEN))
        assert workspace.asked.wait(40)
        standby = daemons.enter_context(daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN))
        target = open_target(url)
        wait_for(lambda: runs(target))
        # The standby begins, and looks.
        time.sleep(8)
        if holder:
            # Before it is killed, or the standby might see first that the process is gone.
            books = bookkeeping(target.dialect)
            with target.begin() as connection:
                connection.execute(update(books.leases).values(holder=holder))
                connection.execute(update(books.runs).values(holder=holder))
        leader.kill()
        leader.wait()
        killed = time.monotonic()
        workspace.go.set()
        wait_for(lambda: len(runs(target)) == 2, 60)
        taken = time.monotonic() - killed
        wait_for(lambda: [run["status"] for run in runs(target)] == ["failed", "done"])
        target.close()
        ended(standby)
    return taken


def test_the_run_of_a_killed_daemon_is_gone_on_with_by_the_one_beside_it(
    process: Process, held: tuple[Held, str], target_url: str
) -> None:
    assert seconds_until_taken_over(process, held, target_url, None) < 8


@pytest.mark.slow
@pytest.mark.kinds("postgresql", "mariadb", "mysql")
def test_the_run_of_a_daemon_on_a_machine_that_died_is_gone_on_with_within_seconds(
    process: Process, held: tuple[Held, str], target_url: str
) -> None:
    assert 5 < seconds_until_taken_over(process, held, target_url, _ELSEWHERE) < 20


def test_who_changes_tables_or_state_by_hand_holds_others_off(
    replicator: Run, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicator("replicate", "Labels", "--region", "sandbox", "--target", target_url)
    seen: list[str] = []

    def meanwhile(*_: object) -> None:
        verbs = (("schema", "apply"), ("state", "reset"))
        seen.extend(replicator(*verb, "Labels", "--target", target_url).error for verb in verbs)

    monkeypatch.setattr("replicator.target.names.keep", meanwhile)
    assert replicator("schema", "apply", "Labels", "--target", target_url).code == 0
    assert len(seen) == 2
    assert all("wait for it to end, or stop it and run again" in each for each in seen)
    monkeypatch.undo()
    assert replicator("state", "reset", "Labels", "--target", target_url).code == 0
    told = replicator("runs", "--json", "--target", target_url).document["runs"]
    assert [run["mode"] for run in told] == ["incremental"]
