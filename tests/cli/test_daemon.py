"""The daemon as its users have it: a process that gets signals, dies, and shares its database with others."""

from __future__ import annotations

import gc
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Dialect, MetaData

from replicator.cli import connection, turns
from replicator.cli.keeper import Keeper, perform
from replicator.cli.units import Turn, turn_of
from replicator.errors import RunLocked
from replicator.fleet.queue import Unit
from replicator.settings import load_all
from replicator.settings.turns import Past
from replicator.target.bookkeeping import bookkeeping
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_stopping import Held, held

__all__ = ["held"]

QUICK = """
region = "sandbox"
target = "sqlite:///replica.db"
objects = ["Labels"]
[jobs.quick]
every = "5s"
"""


def runs(path: str = "replica.db") -> list[dict[str, Any]]:
    if not Path(path).exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in database.execute("SELECT * FROM _replicator_runs ORDER BY started_at")]
        except sqlite3.OperationalError:
            return []


def wait_for(condition: Callable[[], Any], seconds: float = 40) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come true in time")


@contextmanager
def daemon(process: Process, *words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with process.start("daemon", *words, **environ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def ended(started: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Its log lines, once it was asked to stop."""
    began = time.monotonic()
    started.send_signal(signal.SIGTERM)
    out, err = started.communicate(timeout=40)
    assert started.returncode == 0, err
    assert time.monotonic() - began < 30
    assert "Traceback" not in out + err
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def test_jobs_run_again_and_again_until_sigterm_and_each_line_says_what_it_is_about(
    process: Process, replicator: Run, folder: Path
) -> None:
    (folder / "replicator.toml").write_text(QUICK)
    with daemon(process, "--log-format", "json") as started:
        wait_for(lambda: len([run for run in runs() if run["status"] == "done"]) >= 2)
        lines = ended(started)
    first, second = runs()[:2]
    assert {first["job"], second["job"]} == {"quick"}
    assert 4 < (_moment(second) - _moment(first)) < 15
    finished = [line for line in lines if line["event"] == "object finished"]
    assert {(line["connection"], line["job"], line["object"]) for line in finished} == {("default", "quick", "Labels")}
    assert {line["run"] for line in finished} == {run["id"] for run in runs() if run["status"] == "done"}
    (job,) = replicator("jobs", "--json").document["jobs"]
    assert (job["status"], job["schedule"], job["error"]) == ("done", "5s", None)
    assert job["due"] > job["began"]


def _moment(run: dict[str, Any]) -> float:
    return datetime.fromisoformat(run["started_at"]).timestamp()


def test_two_daemons_of_one_database_share_the_turns(process: Process, folder: Path) -> None:
    (folder / "replicator.toml").write_text(QUICK)
    with daemon(process, "--log-format", "json") as one, daemon(process, "--log-format", "json") as other:
        wait_for(lambda: len([run for run in runs() if run["status"] == "done"]) >= 3)
        lines = ended(one) + ended(other)
    assert not [line for line in lines if line["level"] == "error"], lines
    # One that is stopped in the midst of a run leaves its turn to the other.
    times = [_moment(run) for run in runs() if run["status"] == "done"]
    assert all(later - earlier > 4 for earlier, later in pairwise(times))
    assert {run["status"] for run in runs()} <= {"done", "interrupted"}


def test_a_turn_that_another_run_had_meanwhile_is_over(replicator: Run, folder: Path, target_url: str) -> None:
    (folder / "replicator.toml").write_text(QUICK.replace("sqlite:///replica.db", target_url))
    found = load_all({}, {})
    job, settings = found.jobs["quick"], found.connections["default"]
    assert replicator("run", "quick").code == 0
    with connection.books(settings) as books:
        before = replicator("runs", "--json", "--target", target_url).document["runs"]
        (turn,), _ = turns.of(books, "default", [job])
    with pytest.raises(RunLocked, match="had this turn already"):
        perform({}, job, "", settings, Event())
    assert replicator("runs", "--json", "--target", target_url).document["runs"] == before
    assert perform({}, job, turn.after, settings, Event()).status == "done"


def test_a_killed_daemon_s_run_is_taken_over_by_the_next_one_where_it_stopped(
    process: Process, folder: Path, held: tuple[Held, str]
) -> None:
    workspace, url = held
    text = QUICK.replace('region = "sandbox"', f'base_url = "{url}"').replace("Labels", "Suppressions")
    (folder / "replicator.toml").write_text(text.replace("5s", "1h"))
    with daemon(process, SEGMENT_TOKEN=TOKEN) as first:
        assert workspace.asked.wait(30)
        time.sleep(2.5)
        first.kill()
    workspace.go.set()
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as second:
        wait_for(lambda: [run["status"] for run in runs()] == ["failed", "done"])
        ended(second)
    with closing(sqlite3.connect("replica.db")) as database:
        assert database.execute("SELECT count(*) FROM suppressions").fetchone() == (3000,)


def test_sighup_reloads_and_a_broken_file_keeps_the_old_configuration(process: Process, folder: Path) -> None:
    file = folder / "replicator.toml"
    file.write_text(QUICK)
    with daemon(process, "--log-format", "json") as started:
        wait_for(lambda: [run for run in runs() if run["status"] == "done"])
        file.write_text(QUICK.replace("every", "evry"))
        started.send_signal(signal.SIGHUP)
        before = len(runs())
        wait_for(lambda: len(runs()) > before + 1)
        file.write_text(QUICK.replace("quick", "swift"))
        started.send_signal(signal.SIGHUP)
        wait_for(lambda: [run for run in runs() if run["job"] == "swift" and run["status"] == "done"])
        lines = ended(started)
    (broken,) = [line for line in lines if line["event"].startswith("configuration is broken")]
    assert "evry" in broken["why"]
    assert [line for line in lines if line["event"] == "configuration reloaded"]
    # Nothing began anew for the broken one's sake.
    assert [line["event"] for line in lines].count("daemon keeps") == 2


def test_a_database_that_is_away_is_tried_again_and_keeps_no_other_connection_waiting(
    process: Process, folder: Path
) -> None:
    more = '[connections.here]\n[connections.away]\ntarget = "postgresql://nobody@127.0.0.1:1/none"\n'
    (folder / "replicator.toml").write_text(QUICK + more)
    with daemon(process, "--log-format", "json") as started:
        wait_for(lambda: [run for run in runs() if run["status"] == "done"])
        lines = ended(started)
    (failed,) = [line for line in lines if line["event"] == "connection failed"]
    assert failed["connection"] == "away"
    assert "nothing listens there" in failed["why"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (QUICK.replace('every = "5s"', ""), "No job has a schedule"),
        (QUICK.replace("5s", "5 parsecs"), "must be an interval from 5s to 366d, such as 15m"),
        (QUICK + 'schedule = "0 3 * * *"', "exclude one another"),
        (QUICK.replace('every = "5s"', 'schedule = "0 0 30 2 *"'), "that some time comes true"),
        (QUICK + 'time_zone = "Mars/Olympus"', "must be the name of a time zone"),
        (QUICK + 'objects = ["Lables"]', "Lables"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(replicator: Run, folder: Path, text: str, told: str) -> None:
    (folder / "replicator.toml").write_text(text)
    outcome = replicator("daemon")
    assert outcome.code == 2
    assert told in outcome.err
    assert not Path("replica.db").exists()


def test_the_ledger_of_each_database_says_when_a_job_is_due(replicator: Run, folder: Path, target_url: str) -> None:
    text = QUICK.replace("5s", "1h").replace("sqlite:///replica.db", target_url) + "[jobs.other]\n"
    (folder / "replicator.toml").write_text(text)
    assert replicator("jobs", "--json").document["jobs"][0]["error"]
    assert replicator("run", "quick").code == 0
    quick, other = replicator("jobs", "--json").document["jobs"]
    assert (quick["status"], other["status"], other["due"]) == ("done", None, None)
    assert quick["due"] > quick["ended"] > quick["began"]
    assert "quick  default     1h" in replicator("jobs").out


def test_a_clock_that_is_put_back_keeps_no_job_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "replicator.toml").write_text(QUICK)
    found = load_all({}, {})
    keeper = Keeper("default", found.connections["default"], list(found.jobs.values()), {}, None)
    keeper.start()
    try:
        wait_for(lambda: [run["status"] for run in runs()] == ["done"])
        # By now it waits for the next turn.
        time.sleep(1)
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() - 3 * 3600)
        wait_for(lambda: [run["status"] for run in runs()] == ["done", "done"], 20)
    finally:
        keeper.end(now=True)
        keeper.join(20)


def test_runs_that_lie_in_the_future_count_for_nothing(replicator: Run, folder: Path, target_url: str) -> None:
    """As after runs under a clock that was ahead: jobs go on, each in its turn, and those runs make nothing healthy."""
    (folder / "replicator.toml").write_text(QUICK.replace("sqlite:///replica.db", target_url).replace("5s", "1h"))
    job, settings = load_all({}, {}).jobs["quick"], load_all({}, {}).connections["default"]
    for _ in range(2):
        assert replicator("run", "quick").code == 0
    with connection.books(settings) as books:
        table = bookkeeping(books.dialect).runs
        with books.begin() as writing:
            ahead = books.dialect.now(writing) + timedelta(days=2)
            writing.execute(table.update().values(started_at=ahead, heartbeat_at=ahead, finished_at=ahead))
        assert replicator("health").code == 1
        (turn,), now = turns.of(books, "default", [job])
        assert turn.due == now
        assert turn_of(books, Unit("default", "quick", turn.after)) == Turn("")
        assert perform({}, job, turn.after, settings, Event()).status == "done"
        assert replicator("health").code == 0
        (turn,), now = turns.of(books, "default", [job])
    assert turn.due
    assert timedelta(minutes=50) < turn.due - now < timedelta(minutes=61)


def test_what_somebody_asked_for_goes_first_and_then_what_waited_longest(folder: Path) -> None:
    names = ("always", "late", "never", "asked", "later")
    (folder / "replicator.toml").write_text(QUICK + "".join(f"[jobs.{name}]\n" for name in names))
    jobs = load_all({}, {}).jobs
    now = datetime.now(UTC)
    times = {name: now - timedelta(minutes=ago) for name, ago in zip(names, (1, 9, 0, 2, 0), strict=True)}
    lasts = {name: None if name == "never" else Past("done", moment, moment) for name, moment in times.items()}
    dues = {name: now if name != "later" else now + timedelta(minutes=1) for name in names} | {"always": times["late"]}
    found = [turns.Turn(jobs[name], lasts[name], dues[name], asked=name == "asked") for name in names]
    assert [turn.job.name for turn in turns.in_order(found, now)] == ["asked", "never", "late", "always"]


def test_run_after_run_leaves_nothing_of_itself_in_memory(folder: Path, target_url: str) -> None:
    """What describes tables refers to itself, and is old when the run ends: nothing else collects it soon enough."""
    (folder / "replicator.toml").write_text(QUICK.replace("sqlite:///replica.db", target_url))
    found = load_all({}, {})
    job, settings = found.jobs["quick"], found.connections["default"]
    last, held = "", []
    for _ in range(4):
        last = perform({}, job, last, settings, Event()).run_id
        held.append(sum(isinstance(each, MetaData | Dialect) for each in gc.get_objects()))
    # The bookkeeping of the last few targets is kept by intent.
    assert held[-1] - held[-2] <= 1
