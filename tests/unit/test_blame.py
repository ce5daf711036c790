"""Whose change it was, by the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replicator.blame import SLACK, Blame, Event, blame

SEEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
CHANGED = SEEN + timedelta(hours=1)


def event(minutes: int, who: str = "ann@example.com", about: str = "one", kind: str = "Source Modified") -> Event:
    return Event(SEEN + timedelta(minutes=minutes), kind, who, about)


def judged(*events: Event, parents: frozenset[str] = frozenset()) -> Blame:
    return blame(events, "one", parents, SEEN, CHANGED)


def test_one_event_about_the_record_is_certain() -> None:
    found = judged(event(10), event(20, "bob@example.com", "another"))
    assert found == Blame("certain", "ann@example.com", "Source Modified", SEEN + timedelta(minutes=10))


def test_several_events_by_one_person_are_likely_and_the_last_is_told() -> None:
    found = judged(event(30, kind="Source Enabled"), event(10))
    assert (found.confidence, found.who, found.event) == ("likely", "ann@example.com", "Source Enabled")


def test_events_by_several_people_are_possible_and_name_all_last_first() -> None:
    found = judged(event(10), event(30, "bob@example.com"), event(20))
    assert (found.confidence, found.who) == ("possible", "bob@example.com, ann@example.com")


def test_an_event_about_the_parent_is_at_most_likely_and_counts_for_less_than_one_about_the_record() -> None:
    inherited = event(10, about="parent")
    assert judged(inherited, parents=frozenset({"parent"})).confidence == "likely"
    assert judged(inherited) == Blame()
    own = judged(inherited, event(20, "bob@example.com"), parents=frozenset({"parent"}))
    assert (own.confidence, own.who) == ("certain", "bob@example.com")


def test_events_of_other_times_do_not_count_but_clocks_may_differ_a_little() -> None:
    assert judged(event(-10), event(70)) == Blame()
    late = Event(CHANGED + SLACK, "Source Modified", "ann@example.com", "one")
    assert judged(late).confidence == "certain"


def test_nobody_is_blamed_for_a_record_that_was_never_seen_before() -> None:
    assert blame([event(10)], "one", frozenset(), None, CHANGED) == Blame()
