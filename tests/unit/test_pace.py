from __future__ import annotations

import gc
import sys

from replicator import pace


def test_a_run_collects_garbage_and_switches_threads_less_often_and_puts_back_what_was_set() -> None:
    before = gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count()
    with pace.steady():
        assert gc.get_threshold()[0] > before[0][0]
        assert sys.getswitchinterval() > before[1]
    assert (gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count()) == before
