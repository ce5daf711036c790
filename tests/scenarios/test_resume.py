"""A run that was killed or stopped goes on where it was, and ends in the rows of one that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from replicator.errors import RunLocked
from replicator.sandbox import Request, Response, server
from replicator.target.bookkeeping import bookkeeping
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, Told, result, statuses

ROOT = Path(__file__).resolve().parents[2]
KEY = b"k" * 32
#: A paged listing of each kind: frozen cursor, key cursor, partitions, details.
WORDS = ("AuditEvents", "Suppressions", "TrackingPlanRules", "SourceFunctions", "Users")


class Paced:
    """The network over a real socket: keeps every answer after the so many-th back until it is let go."""

    def __init__(self, network: Network, most: int) -> None:
        self.network, self.most = network, most
        self.reached = threading.Event()
        self.killed = threading.Event()

    def __call__(self, request: Request) -> Response:
        if len(self.network.asked) >= self.most:
            self.reached.set()
            # The one thread of the server waits; its other connections wait with it.
            self.killed.wait(30)
            return Response(503, (), b"{}")
        return self.network(request)


def _start(url: str, base_url: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("victim.py")), url, base_url, *words]
    return subprocess.Popen(command, env={"PYTHONPATH": str(ROOT), "PATH": ""}, stderr=subprocess.PIPE)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@contextmanager
def _killed_after(url: str, network: Network, requests: int, *words: str) -> Iterator[None]:
    """A run that was killed when it had got so many answers, and had had time to store the last one."""
    paced = Paced(network, requests)
    with server.running(paced) as base_url:
        process = _start(url, base_url, *words)
        try:
            assert paced.reached.wait(30), process.communicate(timeout=5)
            time.sleep(0.3)
        finally:
            _kill(process)
            paced.killed.set()
    yield


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[tuple[Replica, int]]:
    """What an undisturbed run leaves, and how many requests it takes."""
    network.page_size = 50
    replica = Replica(f"sqlite:///{tmp_path_factory.mktemp('whole') / 'replica.db'}", Network(network.sandbox))
    replica.network.page_size = 50
    run = replica.run(*WORDS, mask_key=KEY)
    assert run.status == "done"
    yield replica, run.requests
    replica.close()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_killed_run_goes_on_where_it_was(replica: Replica, whole: tuple[Replica, int], share: float) -> None:
    undisturbed, requests = whole
    killed_at = 1 + int(requests * share)
    with _killed_after(replica.url, replica.network, killed_at, *WORDS):
        replica.network.forget()
        again = replica.run(*WORDS, mask_key=KEY)
    assert again.status == "done", again
    kept = sum(row["duplicates"] for row in replica.books("run_objects", f"WHERE run_id = '{again.run_id}'"))
    assert kept == 0, "nothing was staged twice"
    _same(replica, undisturbed)
    assert not replica.books("checkpoints")
    first, second = sorted(replica.books("runs"), key=lambda row: str(row["started_at"]))
    assert (first["status"], second["status"]) == ("failed", "done")


def _same(replica: Replica, undisturbed: Replica) -> None:
    """By content: the databases may differ in kind."""
    ours, theirs = _by_key(replica), _by_key(undisturbed)
    assert ours.keys() == theirs.keys()
    for table in ours:
        assert ours[table] == theirs[table], table


def _by_key(replica: Replica) -> dict[str, dict[str, tuple[str, bool]]]:
    """Key, fingerprint (a digest of the whole record) and whether it is alive."""
    return {
        table: {
            str(row.get("_key") or row["id"]): (row["_fingerprint"], row["_deleted_at"] is None)
            for row in replica.rows(table)
        }
        for table in replica.contents()
    }


def test_a_run_killed_between_two_pages_asks_for_the_rest_alone(replica: Replica) -> None:
    replica.network.page_size = 10
    with _killed_after(replica.url, replica.network, 31, "Suppressions"):
        (checkpoint,) = replica.books("checkpoints")
        assert checkpoint["pages"] == 30
        again = replica.run("Suppressions")
    assert (again.status, again.requests) == ("done", 1 + 60 - 30)
    assert len({row["_key"] for row in replica.live("suppressions")}) == len(replica.rows("suppressions")) == 600


def test_the_pages_that_a_stopped_run_stored_are_not_asked_for_again(replica: Replica) -> None:
    network = replica.network
    network.page_size = 10
    assert replica.run("Suppressions", told=Told(stop_after=30), mask_key=KEY).status == "interrupted"
    (checkpoint,) = replica.books("checkpoints")
    assert checkpoint["pages"] >= 30
    network.forget()
    again = replica.run("Suppressions", mask_key=KEY)
    assert again.status == "done"
    assert again.requests == 1 + 60 - checkpoint["pages"]
    assert result(again, "Suppressions").records == 600
    assert len({row["_key"] for row in replica.rows("suppressions")}) == len(replica.rows("suppressions")) == 600


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(8))
def test_a_run_killed_at_any_moment_again_and_again_ends_in_the_same_rows(
    replica: Replica, whole: tuple[Replica, int], seed: int
) -> None:
    undisturbed, _ = whole
    chance = random.Random(seed)
    with server.running(replica.network) as base_url:
        for _ in range(4):
            process = _start(replica.url, base_url, *WORDS)
            time.sleep(0.4 + chance.random() * 1.6)
            _kill(process)
        process = _start(replica.url, base_url, *WORDS)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    _same(replica, undisturbed)


def test_a_stopped_run_finishes_its_page_and_the_next_one_goes_on(replica: Replica, whole: tuple[Replica, int]) -> None:
    undisturbed, requests = whole
    told = Told(stop_after=9)
    run = replica.run(*WORDS, told=told, mask_key=KEY)
    assert (run.status, run.exit_code) == ("interrupted", 1)
    assert "Run it again to go on" in (run.error or "")
    assert "interrupted" in statuses(run).values()
    assert {row["status"] for row in replica.books("runs")} == {"interrupted"}
    stored = sum(row["pages"] for row in replica.books("checkpoints"))
    assert stored >= 1
    done = len([status for status in statuses(run).values() if status == "done"])
    again = replica.run(*WORDS, mask_key=KEY)
    assert again.status == "done"
    assert again.requests <= requests - stored + done
    _same(replica, undisturbed)


def test_a_second_run_at_once_is_refused_and_told_by_whom(replica: Replica) -> None:
    refused: list[Exception] = []
    second = Replica(replica.url, Network(replica.network.sandbox))

    def meanwhile(request: Request, answer: Response) -> Response:
        if not refused:
            try:
                second.run("Roles")
            except RunLocked as error:
                refused.append(error)
        return answer

    replica.network.on("/roles", meanwhile)
    told = Told()
    run = replica.run("Roles", told=told)
    second.close()
    assert run.status == "done"
    assert told.run_id in str(refused[0])
    assert "wait for it to end" in str(refused[0])
    assert not second.network.asked
    assert [row["id"] for row in replica.books("runs")] == [run.run_id]
    assert len(replica.live("roles")) == result(run, "Roles").records


def test_a_run_that_was_taken_over_stores_nothing_more(replica: Replica) -> None:
    """Paused for longer than its heartbeat lasts, say: the other one's rows stay as they are."""
    books = bookkeeping(replica.target.dialect)

    def taken_over(request: Request, answer: Response) -> Response:
        with replica.target.begin() as connection:
            connection.execute(books.leases.update().values(epoch=books.leases.c.epoch + 1, run_id="other"))
        return answer

    replica.run("Roles", "Transformations")
    before = replica.contents(but=())
    replica.network.on("/transformations", taken_over)
    told = Told()
    run = replica.run("Transformations", told=told)
    assert told.stop.is_set(), "every thread of the run is told"
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "Another run took over" in (run.error or "")
    assert replica.contents(but=()) == before
    assert replica.state("Transformations")["status"] != "failed"


def test_an_expired_cursor_begins_the_listing_anew_once(replica: Replica) -> None:
    replica.network.page_size = 10
    replica.run("Suppressions", told=Told(stop_after=5))
    expired: list[str] = []

    def refuse_old(request: Request, answer: Response) -> Response:
        if "cursor" in request.target and not expired:
            expired.append(request.target)
            return net.error(422, "input-validation", "cursor expired")(request, answer)
        return answer

    replica.network.on("/suppressions", refuse_old)
    run = replica.run("Suppressions")
    assert (run.status, result(run, "Suppressions").records) == ("done", 600)
    assert run.requests == 1 + 1 + 60
    assert result(run, "Suppressions").requests == 61

    replica.run("Suppressions", told=Told(stop_after=5))
    replica.network.on("/suppressions", _refuse_cursors)
    assert statuses(replica.run("Suppressions")) == {"Suppressions": "failed"}


def _refuse_cursors(request: Request, answer: Response) -> Response:
    return net.error(422)(request, answer) if "cursor" in request.target else answer


def test_a_listing_that_went_on_deletes_nothing_and_the_next_whole_one_does(replica: Replica) -> None:
    """Between the two parts records may have come or gone, and pages shifted under the cursor."""
    replica.network.page_size = 2
    replica.run("Transformations")
    replica.network.on("/transformations", net.listing("transformations", _without_the_first_page))
    replica.run("Transformations", told=Told(stop_after=2))
    went_on = result(replica.run("Transformations"), "Transformations")
    assert (went_on.status, went_on.deleted) == ("done", 0)
    assert "nothing was deleted" in (went_on.unseen or "")
    assert len(replica.live("transformations")) == 8


def _without_the_first_page(records: list[Any]) -> list[Any]:
    return [each for each in records if not each["name"].endswith("1")]


def test_another_listing_than_the_one_that_was_begun_does_not_go_on_with_its_pages(one: Replica) -> None:
    """An interrupted full reading of all events is no part of a window's."""
    one.network.page_size = 50
    one.run("AuditEvents")
    one.do("DELETE FROM audit_events")
    assert one.run("AuditEvents", full=True, told=Told(stop_after=3)).status == "interrupted"
    one.network.forget()
    one.run("AuditEvents")
    assert not [target for target in one.network.asked if "cursor" in target]
    assert len(one.live("audit_events")) < 50, "the window since the bookmark holds the last hour's alone"
    one.run("AuditEvents", full=True)
    assert len(one.live("audit_events")) == 800


def test_children_staged_for_a_parent_that_vanished_meanwhile_are_not_published(one: Replica) -> None:
    one.network.page_size = 5
    one.run("TrackingPlans")
    one.run("TrackingPlanRules", told=Told(stop_after=16))
    begun = {row["partition"].removeprefix("trackingPlanId=") for row in one.books("checkpoints")}
    gone = min(begun)
    one.network.page_size = 1000
    one.network.on("/tracking-plans", net.listing("trackingPlans", lambda plans: [p for p in plans if p["id"] != gone]))
    run = one.run("TrackingPlanRules")
    assert run.status == "done"
    assert gone not in {row["tracking_plan_id"] for row in one.live("tracking_plan_rules")}


def test_a_refused_record_of_the_first_part_still_keeps_its_row_after_the_second(one: Replica) -> None:
    one.network.page_size = 2
    one.run("Transformations")
    kept = [row["id"] for row in one.rows("transformations", "ORDER BY id")]
    broken = one.network.sandbox(Request("GET", "/transformations", {"authorization": "Bearer sandbox"}))
    first = broken.body.split(b'"id":"')[1].split(b'"')[0]
    one.network.on("/transformations", net.text(b'"id":"' + first + b'"', b'"id":{"odd":1}', needed=False))
    assert one.run("Transformations", told=Told(stop_after=1)).status == "interrupted"
    one.network.heal()
    again = result(one.run("Transformations"), "Transformations")
    assert (again.quarantined, again.deleted) == (1, 0)
    assert [row["id"] for row in one.rows("transformations", "WHERE _deleted_at IS NULL ORDER BY id")] == kept
