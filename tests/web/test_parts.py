"""The pure parts of the page: diffs, what may be shown, what is wrong, passwords, sessions, progress."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicator.catalog import OBJECTS, by_name
from replicator.outcome import ObjectResult
from replicator.segment.limits import Wait
from replicator.settings import Job
from replicator.settings.keys import HASHED
from replicator.target.state import ObjectState
from replicator.watch.figures import Figures, LastRun
from replicator.watch.live import Live
from replicator.web import diffs, password, veil
from replicator.web.attention import problems
from replicator.web.compared import compared
from replicator.web.diffs import differing, lines_of
from replicator.web.render import ago, duration, rough, until
from replicator.web.sessions import IDLE, LONGEST, Sessions
from replicator.web.sight import Seen, Sight
from replicator.web.site import Turn

#: This machine may be busy.
quickly = settings(max_examples=60, deadline=None)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LINES = st.lists(st.sampled_from(["a", "b", "c", "", " a"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@quickly
@given(LINES, LINES)
def test_a_diff_says_all_that_differs_and_leads_from_one_to_the_other(first: list[str], second: list[str]) -> None:
    found = differing("\n".join(first), "\n".join(second), around=1000)
    assert bool(found) == ("\n".join(first) != "\n".join(second))
    if found:
        assert [each.text for each in found if each.kind != "new"] == lines_of("\n".join(first))
        assert [each.text for each in found if each.kind != "gone"] == lines_of("\n".join(second))


@quickly
@given(LINES, LINES)
def test_what_a_diff_leaves_out_is_counted(first: list[str], second: list[str]) -> None:
    one, other = lines_of("\n".join(first)), lines_of("\n".join(second))
    found = differing("\n".join(first), "\n".join(second))
    skipped = sum(int(each.text.split(" ")[0]) for each in found if each.kind == "skip")
    if found:
        assert sum(each.kind in {"same", "gone"} for each in found) + skipped == len(one)
        assert sum(each.kind in {"same", "new"} for each in found) + skipped == len(other)


@quickly
@given(JSON, JSON)
def test_two_values_have_no_diff_only_if_they_are_equal(first: Any, second: Any) -> None:
    # For Python, false is 0.
    one, other = (json.dumps(each, sort_keys=True) for each in (first, second))
    assert bool(differing(first, second)) == (one != other)


def test_false_and_0_are_two_values() -> None:
    assert differing([False], [0])


def test_a_diff_without_end_has_one() -> None:
    found = differing("\n".join(map(str, range(9000))), "")
    assert (len(found), found[-1].kind) == (diffs.LONGEST + 1, "note")
    assert "more lines are not shown" in found[-1].text


SECRETS = [(thing, column.name) for thing in OBJECTS for column in thing.columns if column.secret]


@quickly
@given(st.sampled_from(SECRETS), JSON)
def test_no_text_of_a_secret_column_is_shown_but_its_masks(where: tuple[Any, str], value: Any) -> None:
    thing, name = where
    shown = json.dumps(veil.shown(thing, name, value), ensure_ascii=False)
    for leaf in leaves(value):
        assert leaf not in leaves(json.loads(shown)) or leaf == veil.HIDDEN
    mask = "masked:0123456789abcdef"
    assert veil.shown(thing, name, {"a": [mask]}) == {"a": [mask]}


def leaves(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for each in value.values() for leaf in leaves(each)]
        case list():
            return [leaf for each in value for leaf in leaves(each)]
        case None | bool():
            return []
        case _:
            return [value]


def test_a_secret_is_hidden_by_its_name_in_any_other_column_too() -> None:
    sources = by_name["Sources"]
    shown = veil.shown(sources, "metadata", {"options": [{"apiKey": "x", "name": "y"}]})
    assert shown == {"options": [{"apiKey": veil.HIDDEN, "name": "y"}]}
    found = compared(sources, "settings", {"default": "old"}, {"default": "new"})
    assert (found.secret, found.before, found.after, found.lines) == (True, None, None, [])


def sight(**more: Any) -> Sight:
    figures = Figures(
        now=NOW,
        runs={},
        requests=0,
        last=more.pop("last", []),
        succeeded=NOW,
        rows={},
        objects={each.object: each for each in more.pop("objects", [])},
        quarantined=more.pop("quarantined", {}),
        conflicts={"TrackingPlans": more.pop("conflicts", 0)},
        alerts=more.pop("alerts", {}),
        untold=more.pop("untold", {}),
    )
    job = Job(name="often", every="15m")
    turns = [Turn(job, "done", NOW, NOW, NOW + timedelta(minutes=5))]
    return Sight(figures, turns, [], more.get("approved", frozenset()))


@pytest.mark.parametrize(
    ("given", "level", "words"),
    [
        ({"last": [LastRun("often", "failed", NOW, NOW, "r1", "No token.")]}, "wrong", "Job often failed No token."),
        ({"last": [LastRun("often", "partial", NOW, NOW, "r1")]}, "person", "Job often left objects out"),
        ({"last": [LastRun("often", "interrupted", NOW, NOW, "r1")]}, "note", "stopped before its end"),
        ({"objects": [ObjectState("Users", "failed", message="500.")]}, "wrong", "Users was not read 500."),
        ({"objects": [ObjectState("Users", "unavailable", message="No.")]}, "note", "Users cannot be seen No."),
        ({"objects": [ObjectState("Users", "needs_person", message="30.")]}, "person", "wait for approval: Users"),
        ({"conflicts": 2}, "person", "2 edits in conflict"),
        ({"quarantined": {"Users": 1}}, "person", "1 record in quarantine"),
        ({"alerts": {"stale": 2, "partial": 1}}, "wrong", "2 jobs have not succeeded for too long"),
    ],
)
def test_what_is_wrong_is_said_with_its_weight(given: Mapping[str, Any], level: str, words: str) -> None:
    (found,) = problems(Seen(sight(**given)), None)
    assert found.level == level
    assert words in f"{found.what} {found.why}"
    assert found.page


def test_the_worst_comes_first_and_a_job_that_is_no_more_says_nothing() -> None:
    held = ObjectState("Users", "needs_person", message="30.")
    gone = LastRun("gone", "failed", NOW, NOW, "r1", "No.")
    by_hand = LastRun("", "failed", NOW, NOW, "r2", "No.")
    found = problems(Seen(sight(objects=[held], last=[gone, by_hand], approved={"Users"}, conflicts=1)), 300.0)
    assert [each.level for each in found] == ["wrong", "person", "note"]
    assert found[0].what == "Its thread hangs"
    assert found[2].what == "Deletions are approved: Users"
    assert problems(Seen(sight(untold={"mail": 0})), None) == []
    (untold,) = problems(Seen(sight(untold={"mail": 3, "webhook": 0})), None)
    assert (untold.level, untold.what, untold.why) == ("wrong", "Alerts cannot be told by mail", "3 of them wait.")
    (away,) = problems(Seen(None, "Nothing listens there."), None)
    assert (away.level, away.why) == ("wrong", "Nothing listens there.")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def cheap() -> Iterator[None]:
    """Digests that take no tenth of a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_COST", 2)
        yield


@pytest.mark.usefixtures("cheap")
@quickly
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_password_fits_what_is_kept_of_it_and_no_other_does(one: str, other: str) -> None:
    kept = password.hashed(one)
    assert HASHED.fullmatch(kept)
    assert password.matches(one, kept)
    assert password.matches(other, kept) == (one == other)
    assert password.hashed(one) != kept, "the salt is another one"


@pytest.mark.parametrize(
    "kept", ["", "x", "scrypt:1:8:1:c2FsdHNhbHRzYWx0c2E:" + "A" * 43, "scrypt:9999999:99:99:" + "A" * 66]
)
def test_what_is_no_digest_fits_no_password(kept: str) -> None:
    assert not password.matches("", kept)


@pytest.mark.usefixtures("cheap")
def test_tries_are_counted_by_address_and_over_all_and_forgotten_after_a_minute() -> None:
    clock = Clock()
    door = password.Door("correct horse battery", clock)
    for _ in range(password.TRIES):
        assert door.wait("a") == 0
        assert not door.opens("wrong", "a")
    assert door.wait("a") == password.WITHIN
    assert not door.opens("correct horse battery", "a")
    assert door.opens("correct horse battery", "b")
    clock.now += password.WITHIN
    assert door.opens("correct horse battery", "a")
    for at in range(password.TRIES_OF_ALL):
        assert not door.opens("wrong", f"address {at}")
    assert door.wait("yet another") == password.WITHIN


def test_a_session_ends_when_idle_after_long_and_at_the_logout() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    value = sessions.begin("Ada")
    found = sessions.of(value)
    assert found
    assert found.who == "Ada"
    assert sessions.of("x" * 43) is None
    until_now = 0.0
    while until_now + IDLE / 2 < LONGEST:
        clock.now, until_now = clock.now + IDLE / 2, until_now + IDLE / 2
        assert sessions.of(value)
    clock.now += IDLE
    assert sessions.of(value) is None
    other = sessions.begin("Ada")
    clock.now += IDLE + 1
    assert sessions.of(other) is None
    third = sessions.begin("Ada")
    sessions.end(third)
    assert sessions.of(third) is None
    many = [sessions.begin("Ada") for _ in range(250)]
    assert sum(sessions.of(each) is not None for each in many) == 200


def test_a_token_belongs_to_one_cookie_of_one_process() -> None:
    one, other = Sessions(Clock()), Sessions(Clock())
    assert one.fits("a", one.token("a"))
    assert not one.fits("a", one.token("b"))
    assert not one.fits("a", other.token("a"))
    assert not one.fits("", one.token(""))


def test_progress_is_what_was_told_last_and_nothing_once_the_run_is_over() -> None:
    live = Live()
    assert live.seen() is None
    live.page("Users", rows=1, requests=1, done_partitions=0, total=None)
    live.of_job("often")
    live.began("r1", ["Users", "Labels"])
    live.reading("Users", 1)
    live.page("Users", rows=200, requests=2, done_partitions=0, total=800)
    live.waiting(Wait(30.0, "429", "listUsers"))
    seen = live.seen()
    assert seen
    assert (seen.run_id, seen.job, seen.done, [each.object for each in seen.going]) == ("r1", "often", 0, ["Users"])
    assert seen.going[0].share == (200, 800)
    assert seen.waits == "429"
    assert 29 < seen.wait_left <= 30
    live.finished(ObjectResult("Users", "done", inserted=5, records=800, requests=4))
    live.page("Users", rows=700, requests=3, done_partitions=1, total=800)
    seen = live.seen()
    assert seen
    users = seen.objects[0]
    assert (users.status, users.rows, users.changed, seen.done, seen.requests) == ("done", 800, 5, 1, 4)
    assert replace(users, status="reads", listings=7, listings_done=3).share == (3, 7)
    live.over()
    assert live.seen() is None


def test_times_are_told_roughly_with_the_exact_one_behind_them() -> None:
    told = ["0 s", "59 s", "1 min", "2 h", "25 h", "2 d"]
    assert [rough(each) for each in (0, 59, 61, 7200, 90_000, 200_000)] == told
    took = ["\N{EN DASH}", "0.4 s", "42 s", "4 min 10 s", "2 h 5 min"]
    assert [duration(each) for each in (None, 0.44, 42.4, 250, 7500)] == took
    assert re.search(r'title="2026-11-28 11:58:00 UTC">2 min ago<', ago(NOW - timedelta(minutes=2), NOW))
    assert ">due now<" in until(NOW, NOW)
    assert ago(None, NOW) == "never"
    assert until(NOW + timedelta(hours=3), NOW).endswith(">in 3 h</time>")
