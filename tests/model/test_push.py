"""Some random histories of a two-way sync; `python -m tests.model.push --histories 2000` tries as many as asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.push import run


@pytest.mark.parametrize("seed", range(15))
def test_both_sides_of_a_random_history_come_to_the_same_and_no_edit_is_lost(seed: int, tmp_path: Path) -> None:
    databases = ("one", "two") if seed % 3 == 0 else ("one",)
    run([f"sqlite:///{tmp_path / name}.db" for name in databases], seed)
