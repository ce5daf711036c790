"""The book that all who look at a database share: on every database nobody repeats what another one told."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from replicator import crash
from replicator.alerts import book as book_of
from replicator.alerts import decide, perform
from replicator.alerts.book import Book
from replicator.alerts.decide import Key
from replicator.ledger import KILLED
from replicator.settings import Alerts, Configuration, Job, JobAlerts, Settings
from replicator.target.bookkeeping import bookkeeping
from replicator.target.database import Target, open_target
from replicator.target.migrate import migrate
from tests.alerts.servers import Hook, hook
from tests.databases import Database


@pytest.fixture
def target(database: Database) -> Iterator[Target]:
    opened = open_target(database.url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def to() -> Iterator[Hook]:
    with hook() as found:
        yield found


def post(to: Hook | None, *, on: Any = None, **jobs: Job) -> perform.Post:
    jobs = {
        name: Job(name=name, connections=("default",)) for name in ("nightly", "other", "job0", "job1", "job2")
    } | jobs
    alerts = Alerts(webhook_url=to.url if to else None)
    if on is not None:
        alerts = Alerts(webhook_url=to.url if to else None, on=on)
    return perform.Post(Configuration(connections={"default": Settings()}, jobs=jobs, alerts=alerts))


def ran(target: Target, status: str, job: str | None = "nightly", error: str | None = None, mode: str = "full") -> str:
    """A run of that job ends so."""
    runs = bookkeeping(target.dialect).runs
    zero = dict.fromkeys(("requests", "inserted", "updated", "unchanged", "deleted", "quarantined"), 0)
    with target.begin() as connection:
        now = target.dialect.now(connection)
        row = {"id": uuid.uuid4().hex, "scope": target.place.scope, "job": job, "mode": mode, "status": status}
        times = {"started_at": now, "heartbeat_at": now, "finished_at": now}
        connection.execute(insert(runs).values(**row, **times, **zero, holder="x", version="1", error=error))
    return str(row["id"])


def looked(target: Target, sender: perform.Post, pending: Any = None) -> None:
    perform.look(target, sender, "default", pending)
    perform.tell(target, sender, "default")


def titles(to: Hook) -> list[str]:
    return [part.splitlines()[0] for text in to.texts for part in text.split("\n\n")]


def at_once(target: Target) -> None:
    """What waits for a channel to work again is tried now."""
    tells = bookkeeping(target.dialect).alert_tells
    with target.begin() as connection:
        past = target.dialect.now(connection) - timedelta(minutes=1)
        connection.execute(update(tells).values(due_at=past))


def test_a_failed_job_is_told_once_and_so_is_its_recovery(target: Target, to: Hook) -> None:
    for _ in range(3):
        ran(target, "failed", error="It is down.")
        # As after a restart, or from another command.
        looked(target, post(to))
    for _ in range(2):
        ran(target, "done")
        looked(target, post(to))
    assert titles(to) == ["default: job nightly failed", "default: job nightly failed - over"]
    ran(target, "failed", error="It is down again.")
    looked(target, post(to))
    assert titles(to)[2:] == ["default: job nightly failed"]


def test_the_alert_of_a_job_that_is_no_longer_configured_is_over_and_says_so(target: Target, to: Hook) -> None:
    ran(target, "failed", error="It is down.")
    looked(target, post(to))
    without = perform.Post(Configuration(connections={"default": Settings()}, alerts=Alerts(webhook_url=to.url)))
    looked(target, without)
    assert len(to.bodies) == 1, "a command may have another configuration"
    for _ in range(2):
        perform.look(target, without, "default", None, all_jobs=True)
        perform.tell(target, without, "default")
    assert titles(to)[1:] == ["default: job nightly failed - over"]
    assert decide.WITHDRAWN in to.texts[1]
    looked(target, post(to))
    assert titles(to)[2:] == ["default: job nightly failed"], "it is back, and still failed"


def test_runs_that_were_stopped_or_killed_once_change_nothing(target: Target, to: Hook) -> None:
    ran(target, "failed", error="It is down.")
    looked(target, post(to))
    ran(target, "interrupted")
    looked(target, post(to))
    ran(target, "failed", error=KILLED)
    looked(target, post(to))
    assert len(to.bodies) == 1
    ran(target, "failed", job="other", error=KILLED)
    looked(target, post(to))
    assert len(to.bodies) == 1
    ran(target, "failed", job="other", error=KILLED)
    looked(target, post(to))
    assert titles(to)[1:] == ["default: job other failed"]


def test_of_many_who_look_at_once_one_tells(target: Target, to: Hook) -> None:
    for at in range(3):
        ran(target, "failed", job=f"job{at}", error="It is down.")
    begin = threading.Barrier(6)
    failures: list[BaseException] = []

    def look() -> None:
        begin.wait()
        try:
            for _ in range(3):
                looked(target, post(to))
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looked(target, post(to))
    assert failures == []
    assert sorted(titles(to)) == [f"default: job job{at} failed" for at in range(3)]


def test_a_look_that_another_one_overtook_keeps_nothing(target: Target, to: Hook) -> None:
    ran(target, "failed", error="It is down.")
    looked(target, post(to))
    book = Book(target)
    with target.reading() as reading:
        number, known = book.number(reading), book.known(reading)
    ran(target, "done")
    looked(target, post(to))
    # What it saw was true a moment ago.
    assert book.keep(number, known, {}) is False
    with target.reading() as reading:
        assert book.known(reading)[Key("failed", "nightly")].closed is not None


def test_a_broken_channel_is_tried_again_later_and_shown(
    target: Target, to: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    to.status = 503
    ran(target, "failed", error="It is down.")
    looked(target, post(to))
    looked(target, post(to))
    assert len(to.paths) == 1, "not before its time"
    with target.reading() as reading:
        (broken,) = Book(target).errors(reading)
    assert (broken["channel"], broken["error"]) == ("webhook", "The webhook at 127.0.0.1 answered 503.")
    to.status = 200
    at_once(target)
    looked(target, post(to))
    assert titles(to) == ["default: job nightly failed"]
    with target.reading() as reading:
        assert Book(target).errors(reading) == []


def test_what_came_and_went_while_the_channel_was_broken_is_told_in_one_message(target: Target, to: Hook) -> None:
    to.status = 503
    ran(target, "failed", error="It is down.")
    looked(target, post(to))
    ran(target, "done")
    at_once(target)
    looked(target, post(to))
    to.status = 200
    at_once(target)
    looked(target, post(to))
    assert titles(to) == ["default: job nightly failed - came and went"]


def test_a_claim_of_a_process_that_died_lapses(target: Target, to: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(target, "failed", error="It is down.")
    sender = post(to)
    perform.look(target, sender, "default", None)
    book = Book(target)
    with target.reading() as reading:
        now, known, tells = target.dialect.now(reading), book.known(reading), book.tells(reading)
    ((key, channel), waiting), *_ = tells.items()
    assert book.claim(known[key], channel, waiting, "the dead", now)
    looked(target, sender)
    assert to.bodies == []
    monkeypatch.setattr(book_of, "CLAIM", timedelta(0))
    looked(target, sender)
    assert len(to.bodies) == 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("moment", "told"), [("before alert", 1), ("after alert", 2)])
def test_who_is_killed_while_telling_loses_nothing_and_repeats_only_what_was_just_sent(
    target: Target, to: Hook, monkeypatch: pytest.MonkeyPatch, moment: str, told: int
) -> None:
    def die(reached: str, about: str) -> None:
        if (reached, about) == (moment, "webhook"):
            raise Killed

    ran(target, "failed", error="It is down.")
    with monkeypatch.context() as armed:
        armed.setattr(crash, "_armed", [die])
        with pytest.raises(Killed):
            looked(target, post(to))
    monkeypatch.setattr(book_of, "CLAIM", timedelta(0))
    for _ in range(2):
        looked(target, post(to))
    assert titles(to) == ["default: job nightly failed"] * told


def test_a_job_s_own_words_say_what_is_told_and_to_whom(target: Target, to: Hook) -> None:
    with hook() as own:
        jobs = {
            "nightly": Job(name="nightly", connections=("default",), alerts=JobAlerts(webhook_url=own.url)),
            "often": Job(name="often", connections=("default",), alerts=JobAlerts(on=("stale",))),
        }
        for job in ("nightly", "often", "other"):
            ran(target, "failed", job=job, error="It is down.")
        looked(target, post(to, **jobs))
        assert titles(own) == ["default: job nightly failed"]
        assert titles(to) == ["default: job other failed"]


def test_a_channel_that_is_new_learns_what_stands_and_nothing_that_is_over(target: Target, to: Hook) -> None:
    ran(target, "failed", error="It is down.")
    ran(target, "failed", job="other", error="It is down.")
    looked(target, post(None))
    ran(target, "done", job="other")
    looked(target, post(None))
    looked(target, post(to))
    assert titles(to) == ["default: job nightly failed"]


def test_edits_that_wait_are_told_after_their_time(target: Target, to: Hook) -> None:
    looked(target, post(to), {"TrackingPlans": 2})
    assert to.bodies == []
    at_once(target)
    looked(target, post(to), {"TrackingPlans": 3})
    assert titles(to) == ["default: edits wait to be sent"]
    looked(target, post(to), {})
    assert titles(to)[1:] == ["default: edits wait to be sent - over"]


def test_drift_is_told_once_for_each_run_that_saw_some_and_not_of_the_first(target: Target, to: Hook) -> None:
    def changed(run: str, change: str, *, drift: bool) -> None:
        table = bookkeeping(target.dialect).schema_changes
        with target.begin() as connection:
            row: dict[str, Any] = {
                "id": uuid.uuid4().hex,
                "scope": target.place.scope,
                "object": "Sources",
                "run_id": run,
            }
            row |= {"change": change, "drift": drift, "seen_at": target.dialect.now(connection)}
            connection.execute(insert(table).values(**row))

    changed("one", "create table sources with 9 columns", drift=False)
    changed("one", "field odd: unknown to the catalog; kept in _extra", drift=True)
    looked(target, post(to))
    assert to.bodies == []
    changed("two", "field new: unknown to the catalog; kept in _extra", drift=True)
    for _ in range(2):
        looked(target, post(to))
    (text,) = to.texts
    assert text.splitlines()[:2] == [
        "default: Sources is not as expected (drift)",
        "field new: unknown to the catalog; kept in _extra",
    ]


def test_two_places_of_one_database_have_books_of_their_own(database: Database, target: Target, to: Hook) -> None:
    from replicator.target.database import Place

    other = open_target(database.url, Place("", "other_"))
    try:
        ran(target, "failed", error="It is down.")
        ran(other, "failed", error="It is down.")
        looked(target, post(to))
        looked(other, post(to))
        looked(other, post(to))
        assert len(to.bodies) == 2
    finally:
        other.close()
