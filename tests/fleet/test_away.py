"""A queue whose database goes away and comes back: the worker does, too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from replicator.fleet.hands import work
from replicator.fleet.queue import Queue, Unit
from replicator.fleet.store import conninfo, open_store
from replicator.settings import FleetSettings
from tests.fleet.fleet import wait_for
from tests.fleet.gate import gate

pytestmark = pytest.mark.slow


@contextmanager
def working(settings: FleetSettings, performed: list[Unit]) -> Iterator[threading.Thread]:
    """Hands that take units, in a thread; it has ended at the end if it lives up to its promises."""
    stop = threading.Event()

    def begin() -> None:
        work(conninfo(settings), "a host process 1", performed.append, stop, units=1)

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seconds", [15, 50])
def test_a_worker_whose_queue_was_away_takes_units_again(queue_url: str, seconds: int) -> None:
    direct = FleetSettings(queue=queue_url)
    open_store(direct).close()
    queue, performed = Queue(direct), list[Unit]()
    try:
        with gate(queue_url) as (way, url), working(FleetSettings(queue=url), performed) as worker:
            queue.put(Unit("a", "before", ""))
            assert wait_for(lambda: len(performed) == 1, 20)
            way.shut()
            time.sleep(seconds)
            way.open()
            queue.put(Unit("a", "after", ""))
            assert wait_for(lambda: len(performed) == 2, 60)
        assert not worker.is_alive()
    finally:
        queue.close()
