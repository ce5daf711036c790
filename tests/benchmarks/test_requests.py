from __future__ import annotations

from pathlib import Path

from benchmarks.requests import measure


def test_each_run_asks_for_what_it_must_and_for_nothing_else(tmp_path: Path) -> None:
    counts = {"TrackingPlans": 12, "RulesPerPlan": 5, "Sources": 30, "Destinations": 30, "Users": 20}
    lines = measure(counts, 0.1, f"sqlite:///{tmp_path / 'replica.db'}")
    assert [line.run for line in lines] == ["first", "unchanged", "10% changed"]
    assert [line.requests for line in lines] == [line.minimum for line in lines]
    assert lines[0].minimum > 10 * lines[1].minimum
    assert lines[1].written == 0
    assert lines[2].written > 0
