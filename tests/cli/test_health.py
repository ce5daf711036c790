"""`replicator health`: a container's HEALTHCHECK, which knows 0 and 1."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from tests.cli.running import Run


def test_a_database_that_was_brought_up_to_date_lately_is_healthy(replicator: Run, target_url: str) -> None:
    words = ("--target", target_url)
    run = replicator("replicate", "Labels", "--json", "--region", "sandbox", *words).document["run_id"]
    shown = replicator("health", *words)
    assert (shown.code, shown.out) == (0, f"healthy: run {run[:8]} was done 0 min ago.\n")
    document = replicator("health", "--json", *words).document
    assert (document["healthy"], document["run"], document["status"]) == (True, run, "done")
    assert 0 <= document["age"] < 600


def test_it_is_not_healthy_once_its_newest_success_is_too_old(replicator: Run) -> None:
    replicator("replicate", "Labels", "--region", "sandbox")
    engine = create_engine("sqlite:///replica.db")
    with engine.begin() as connection:
        connection.execute(text("UPDATE _replicator_runs SET finished_at = '2026-01-01 00:00:00.000000+00:00'"))
    engine.dispose()
    shown = replicator("health", "--within", "100")
    assert shown.code == 1
    assert shown.out.startswith("not healthy: the newest success, run ")
    assert replicator("health", "--within", "1000000").code == 0


def test_a_run_that_failed_is_no_success(replicator: Run, api: str) -> None:
    failed = replicator("replicate", "Labels", "--base-url", api, SEGMENT_TOKEN="not-its-token-0123456789")
    assert failed.code == 1
    shown = replicator("health")
    assert (shown.code, shown.out) == (
        1,
        "not healthy: no run has succeeded yet; `replicator runs` says what came of each.\n",
    )


def test_what_cannot_be_asked_is_not_healthy_and_no_error(replicator: Run, folder: Path) -> None:
    shown = replicator("health")
    assert (shown.code, shown.err) == (1, "")
    assert shown.out.startswith("not healthy: There is no file replica.db")
    assert not list(folder.iterdir())
    assert replicator("health", "--json").document["healthy"] is False
    assert replicator("health", "--target", "nonsense").code == 1
