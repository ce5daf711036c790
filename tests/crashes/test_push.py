"""Some of the kills of a push on each database; `python -m tests.crashes.push` tries them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crashes import push
from tests.databases import Database

#: Of each kind of database; REPLICATOR_CRASHES asks for more.
CASES = int(os.environ.get("REPLICATOR_CRASHES", "6"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_c11_a_push_killed_before_or_after_any_of_its_writes_has_each_effect_once(tmp_path: Path) -> None:
    with push.edited("sqlite", tmp_path) as base:
        swept = push.sweep(base, writes=True)
    assert swept.wrong == []
    assert swept.kills >= 14


def test_c12_a_push_killed_at_any_point_is_ended_by_the_next_with_each_effect_once(
    database: Database, tmp_path: Path
) -> None:
    with push.edited(database.kind, tmp_path) as base:
        swept = push.sweep(base, most=CASES)
    assert swept.wrong == []
    # A kill that never came proves nothing.
    assert swept.kills == CASES


def test_c12_a_push_that_is_killed_while_it_goes_on_after_a_kill_has_each_effect_once(tmp_path: Path) -> None:
    with push.edited("sqlite", tmp_path) as base:
        swept = push.sweep(base, most=CASES, double=True)
    assert swept.wrong == []
    assert swept.kills > CASES
