"""What the daemon tells monitors, as they ask it: over HTTP, of a process that keeps real databases."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from replicator.cli import connection, keeper, page, web
from replicator.cli.daemon import perform
from replicator.errors import ConfigError
from replicator.settings import Web, load_all
from replicator.watch import figures, metrics
from replicator.web import server
from replicator.web.server import Server
from replicator.web.site import Answer
from tests.cli.running import TOKEN, Process, Run
from tests.cli.test_daemon import QUICK, daemon, ended, runs, wait_for
from tests.cli.test_stopping import Held, held
from tests.conftest import free_port

__all__ = ["held"]


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and text; (0, "") where nobody listens."""
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (URLError, ConnectionError):
        return 0, ""


def values(text: str) -> dict[str, float]:
    """The lines of /metrics that are no comment."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_a_daemon_that_keeps_its_jobs_is_alive_and_ready_and_tells_what_it_did(process: Process, folder: Path) -> None:
    port = free_port()
    (folder / "replicator.toml").write_text(f'{QUICK}[web]\nlisten = "127.0.0.1:{port}"\n')
    with daemon(process, "--log-format", "json") as started:
        wait_for(lambda: [run for run in runs() if run["status"] == "done"])
        wait_for(lambda: get(port, "/readyz") == (200, "ready\n"))
        assert get(port, "/healthz") == (200, "alive\n")
        wait_for(lambda: 'replicator_object_records{connection="default",object="Labels"}' in get(port, "/metrics")[1])
        told = values(get(port, "/metrics?x=1")[1])
        assert get(port, "/nothing")[0] == 404
        assert get(port, "/healthz", "HEAD") == (200, "")
        assert get(port, "/healthz", "POST")[0] == 405
        lines = ended(started)
    assert get(port, "/healthz") == (0, "")
    assert told['replicator_object_records{connection="default",object="Labels"}'] == 6
    assert told['replicator_rows_24h{connection="default",object="Labels",change="inserted"}'] == 6
    assert told['replicator_runs_24h{connection="default",job_name="quick",status="done"}'] >= 1
    assert told['replicator_last_run_status{connection="default",job_name="quick",status="done"}'] == 1
    assert 0 <= told['replicator_object_age_seconds{connection="default",object="Labels"}'] < 60
    assert told['replicator_quarantined_records{connection="default",object="Labels"}'] == 0
    assert told['replicator_api_requests_total{connection="default"}'] >= 2
    assert [line["address"] for line in lines if line["event"] == "web listens"] == [f"127.0.0.1:{port}"]


def test_a_database_that_is_away_makes_the_daemon_unready_but_leaves_it_alive(process: Process, folder: Path) -> None:
    port = free_port()
    more = '[connections.here]\n[connections.away]\ntarget = "postgresql://nobody:hunter2hunter2@127.0.0.1:1/none"\n'
    (folder / "replicator.toml").write_text(f'{QUICK}{more}[web]\nlisten = "127.0.0.1:{port}"\n')
    with daemon(process, "--log-format", "json") as started:
        wait_for(lambda: [run for run in runs() if run["status"] == "done"])
        wait_for(lambda: "here:" not in get(port, "/readyz")[1])
        status, text = get(port, "/readyz")
        told = get(port, "/metrics")[1]
        assert get(port, "/healthz") == (200, "alive\n")
        ended(started)
    assert (status, text.count("\n")) == (503, 1)
    assert text.startswith("away: ")
    assert "nothing listens there" in text
    assert "hunter2" not in text + told
    found = values(told)
    assert (found['replicator_up{connection="here"}'], found['replicator_up{connection="away"}']) == (1, 0)
    # Nobody sent a request for it, so nobody counted any.
    assert 'replicator_api_requests_total{connection="away"}' not in found


def test_sighup_follows_the_address_and_one_that_is_taken_is_told(process: Process, folder: Path) -> None:
    one, other = free_port(), free_port()
    file = folder / "replicator.toml"
    file.write_text(f'{QUICK}[web]\nlisten = "127.0.0.1:{one}"\n')
    with daemon(process, "--log-format", "json") as started, socket.socket() as taken:
        wait_for(lambda: get(one, "/healthz")[0] == 200)
        file.write_text(f'{QUICK}[web]\nlisten = "127.0.0.1:{other}"\n')
        started.send_signal(signal.SIGHUP)
        wait_for(lambda: get(other, "/healthz")[0] == 200)
        wait_for(lambda: get(one, "/healthz")[0] == 0)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file.write_text(f'{QUICK}[web]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        started.send_signal(signal.SIGHUP)
        wait_for(lambda: len(runs()) > 1)
        assert get(other, "/healthz")[0] == 200
        file.write_text(QUICK)
        started.send_signal(signal.SIGHUP)
        wait_for(lambda: get(other, "/healthz")[0] == 0)
        lines = ended(started)
    (refused,) = [line for line in lines if line["event"].startswith("web stays")]
    assert "in use" in refused["why"]


def test_an_address_that_is_taken_is_said_before_anything_is_done(replicator: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (folder / "replicator.toml").write_text(f'{QUICK}[web]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        outcome = replicator("daemon")
    assert outcome.code == 2
    assert "Cannot listen on 127.0.0.1:" in outcome.error
    assert not Path("replica.db").exists()


@pytest.mark.parametrize("address", ["8080", "localhost", "127.0.0.1:70000", "http://x:80", "::1:80", ""])
def test_what_is_no_address_is_refused(replicator: Run, folder: Path, address: str) -> None:
    (folder / "replicator.toml").write_text(f'[web]\nlisten = "{address}"\n')
    assert "an address such as 127.0.0.1:8080" in replicator("config", "check").error


def test_the_address_is_shown_as_it_was_said(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text('[web]\nlisten = "[::1]:8080"\n')
    assert 'listen = "[::1]:8080"' in replicator("config", "show").out
    assert 'listen = "127.0.0.1:1"' in replicator("config", "show", REPLICATOR_WEB_LISTEN="127.0.0.1:1").out


def test_the_figures_are_those_of_the_ledger_on_every_database(replicator: Run, folder: Path, target_url: str) -> None:
    (folder / "replicator.toml").write_text(QUICK.replace("sqlite:///replica.db", target_url) + "[connections.a]\n")
    found = load_all({}, {})
    job, settings = found.jobs["quick"], found.connections["a"]
    perform({}, job, "", settings, Event())
    assert replicator("replicate", "Labels", "Roles").code == 0
    with connection.books(settings) as books:
        read = figures.read(books)
    assert read.runs == {("quick", "done"): 1, ("", "done"): 1}
    assert [(last.job, last.status) for last in read.last] == [("", "done"), ("quick", "done")]
    assert read.rows["Labels"] == {"inserted": 6, "updated": 0, "deleted": 0, "quarantined": 0}
    assert read.quarantined == {"Labels": 0, "Roles": 0}
    assert read.succeeded is not None
    assert read.succeeded <= read.now
    assert read.requests > 2
    names = {sample.name for sample in metrics.samples("a", read, {})}
    assert names <= metrics.METRICS.keys()


def test_a_bookkeeping_of_another_version_is_not_ready(replicator: Run, folder: Path) -> None:
    (folder / "replicator.toml").write_text(QUICK)
    replicator("run", "quick")
    found = load_all({}, {})
    monitor = web.Monitor({})
    kept = keeper.Keeper("default", found.connections["default"], [], {}, None)
    with closing(sqlite3.connect("replica.db")) as database, database:
        database.execute("UPDATE _replicator_alembic_version SET version_num = '9999'")
    monitor.follow(found, {"default": kept})
    answer = monitor.answer("/readyz")
    assert answer is not None
    assert (answer.status, answer.text.count("\n")) == (503, 1)
    assert "9999" in answer.text


def test_a_thread_that_hangs_is_told_and_its_daemon_is_not_alive() -> None:
    class Hanging(keeper.Keeper):
        def age(self) -> float:
            return 500.0

    found = load_all({}, {})
    monitor = web.Monitor({})
    monitor.follow(found, {"default": Hanging("default", found.connections["default"], [], {}, None)})
    assert monitor.answer("/healthz") == Answer(503, "default: its thread gave no sign of life for 500 s.\n")


def test_a_connection_that_left_the_configuration_amidst_its_run_is_no_thread_that_hangs(
    process: Process, folder: Path, held: tuple[Held, str]
) -> None:
    workspace, url = held
    port = free_port()
    left = f'[connections.b]\nbase_url = "{url}"\nobjects = ["Suppressions"]\ntarget = "sqlite:///b.db"\n'
    kept = f'{QUICK}[connections.a]\n[web]\nlisten = "127.0.0.1:{port}"\n'
    (folder / "replicator.toml").write_text(kept + left)
    with daemon(process, "--log-format", "json", SEGMENT_TOKEN=TOKEN) as started:
        assert workspace.asked.wait(30)
        (folder / "replicator.toml").write_text(kept)
        started.send_signal(signal.SIGHUP)
        wait_for(lambda: 'replicator_up{connection="b"}' not in get(port, "/metrics")[1])
        assert 'replicator_keeper_age_seconds{connection="b"}' in get(port, "/metrics")[1]
        workspace.go.set()
        wait_for(lambda: 'connection="b"' not in get(port, "/metrics")[1])
        assert get(port, "/healthz") == (200, "alive\n")
        assert 'replicator_keeper_age_seconds{connection="a"}' in get(port, "/metrics")[1]
        ended(started)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_many_clients_that_never_say_what_they_want_take_no_thread_each_and_all_are_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    opened = Server("127.0.0.1", 0, echo)
    threads = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", opened.port)) for _ in range(80)]
    try:
        for at, each in enumerate(silent):
            # Some say nothing, some do not come to the end of it.
            each.sendall((b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12")[at % 3])
            each.settimeout(10)
        assert threading.active_count() == threads
        assert all(closed(each) for each in silent)
    finally:
        for each in silent:
            each.close()
    wait_for(lambda: get(opened.port, "/x") == (200, "/x"))
    opened.close()


def closed(client: socket.socket) -> bool:
    """Once whatever it was told was read."""
    try:
        while client.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


def test_a_label_cannot_break_out_of_its_line() -> None:
    shown = metrics.text([metrics.Sample("replicator_up", {"connection": 'a"\n\\'}, 1)])
    assert shown.splitlines()[-1] == 'replicator_up{connection="a\\"\\n\\\\"} 1'


def test_every_metric_is_written_as_prometheus_reads_it() -> None:
    shown = metrics.text([metrics.Sample(name, {"connection": "a"}, 0.5) for name in metrics.METRICS])
    line = re.compile(r'# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+\{connection="a"\} 0\.5')
    assert all(line.fullmatch(each) for each in shown.splitlines())
    assert TOKEN not in shown


def test_another_host_at_the_same_port_is_followed_and_the_old_one_stays_where_that_fails() -> None:
    port = free_port()
    door = web.Door(page.Kept(web.Monitor({}), {}))
    door.follow(Web(listen=("127.0.0.1", port)))
    with pytest.raises(ConfigError, match="Cannot listen on 192"):
        door.follow(Web(listen=("192.0.2.1", port), page=False))
    assert get(port, "/healthz")[0] == 200
    door.follow(Web(listen=("0.0.0.0", port), page=False))  # noqa: S104
    assert get(port, "/healthz")[0] == 200
    door.close()
    assert get(port, "/healthz")[0] == 0
