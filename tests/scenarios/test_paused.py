"""A process that sleeps while it runs (S6) finds, when it wakes, that another took over: it commits nothing."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime

from sqlalchemy import update

from replicator.sandbox import Request, Response, server
from replicator.target.bookkeeping import bookkeeping
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica
from tests.scenarios.test_resume import _start


class Slow:
    """Holds the answer to one listing, which is made before, until it is let go."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Response:
        answer = self.network(request)
        if request.target.startswith("/labels"):
            self.reached.set()
            assert self.go.wait(100)
        return answer


def test_a_process_that_slept_while_another_took_over_commits_nothing_when_it_wakes(replica: Replica) -> None:
    slow = Slow(replica.network)
    with server.running(slow) as base_url:
        process = _start(replica.url, base_url, "Labels")
        try:
            assert slow.reached.wait(60)
            # Not in the midst of a transaction: whoever takes over waits for that one.
            time.sleep(1)
            process.send_signal(signal.SIGSTOP)
            runs = bookkeeping(replica.target.dialect).runs
            with replica.target.begin() as connection:
                old = datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
                connection.execute(update(runs).values(heartbeat_at=old))
            label = {"key": "made", "value": "meanwhile", "description": "new"}
            replica.network.write("POST", "/labels", {"label": label})
            assert replica.run("Labels").status == "done"
            before = (replica.contents(but=()), replica.books("object_state"), replica.books("leases"))
            slow.go.set()
            process.send_signal(signal.SIGCONT)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
            slow.go.set()
    assert process.returncode not in {0, -signal.SIGKILL}, told
    assert (replica.contents(but=()), replica.books("object_state"), replica.books("leases")) == before
    assert {row["value"] for row in replica.live("labels")} >= {"meanwhile"}
    assert [row["epoch"] for row in before[2]] == [2]
    assert sorted(row["status"] for row in replica.books("runs")) == ["done", "failed"]
