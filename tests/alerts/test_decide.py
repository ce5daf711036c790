"""Each condition is told once in each channel, and once that it is over: whatever order things happen in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from replicator.alerts import decide
from replicator.alerts.decide import Alert, Condition, Key, Tell
from replicator.alerts.judge import Judgement

START = datetime(2026, 1, 1, tzinfo=UTC)
NONE = timedelta(0)
CHANNELS = ("webhook", "mail")
KEYS = (Key("failed", "nightly"), Key("quarantine", object="Users"), Key("deletes", object="Labels"))
_keys, _channels = strategies.sampled_from(KEYS), strategies.sampled_from(CHANNELS)


class Telling(RuleBasedStateMachine):
    """Conditions come and go, somebody looks, channels work or do not; the book is that of all who look."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.true: set[Key] = set()
        self.known: dict[Key, Alert] = {}
        self.tells: dict[tuple[Key, str], Tell] = {}
        self.heard: dict[tuple[Key, str], list[str]] = defaultdict(list)
        #: How often each condition was seen to open.
        self.opened: dict[Key, int] = defaultdict(int)

    @rule(key=_keys)
    def turns(self, key: Key) -> None:
        self.true ^= {key}

    @rule(seconds=strategies.integers(0, 4000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def looks(self) -> None:
        judged = Judgement({key: Condition(key, "why") for key in self.true}, frozenset({("failed", "nightly", "")}))
        changed = decide.settled(self.known, judged, self.now)
        self.known.update(changed)
        for key, alert in changed.items():
            if alert.closed is None and alert.opened == self.now:
                self.opened[key] += 1
            for channel in CHANNELS if alert.closed is None else ():
                self.tells[key, channel] = decide.begun(self.tells.get((key, channel)), alert, NONE)

    @rule(channel=_channels, works=strategies.booleans())
    def tells_what_is_due(self, channel: str, works: bool) -> None:
        for key, alert in self.known.items():
            tell = self.tells[key, channel]
            if said := decide.due(alert, tell, self.now):
                self.tells[key, channel] = decide.after(tell, said, self.now, sent=works)
                if works:
                    self.heard[key, channel].append(said)

    @invariant()
    def nothing_is_told_twice(self) -> None:
        for heard in self.heard.values():
            stands = False
            for said in heard:
                assert stands == (said == "closed"), heard
                stands = said == "opened"

    @invariant()
    def nothing_is_told_that_was_not_seen(self) -> None:
        for (key, _), heard in self.heard.items():
            assert len([said for said in heard if said != "closed"]) <= self.opened[key]

    def teardown(self) -> None:
        """Once all channels work and somebody looks, everybody knows what stands and nothing else."""
        self.looks()
        # The longest wait after a failure.
        self.now += timedelta(hours=2)
        for channel in CHANNELS:
            self.tells_what_is_due(channel, works=True)
        self.nothing_is_told_twice()
        for key in self.known:
            for channel in CHANNELS:
                heard = self.heard[key, channel]
                assert heard, "what was seen to open is told, even if it is over by then"
                assert (heard[-1] == "opened") == (key in self.true)
        before = {each: list(heard) for each, heard in self.heard.items()}
        self.looks()
        for channel in CHANNELS:
            self.tells_what_is_due(channel, works=True)
        assert self.heard == before


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def alert(**more: object) -> Alert:
    return replace(Alert(KEYS[0], "why", "run", START), **more)  # type: ignore[arg-type]


def test_a_failure_waits_twice_as_long_each_time_up_to_an_hour_and_for_what_the_server_asks() -> None:
    tell, waits = Tell(), []
    for _ in range(9):
        tell = decide.after(tell, "opened", START, sent=False)
        assert tell.due
        waits.append((tell.due - START).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert decide.after(Tell(), "opened", START, sent=False, wait=300).due == START + timedelta(seconds=300)


def test_what_waits_before_it_is_told_and_is_over_before_that_is_nobody_s_business() -> None:
    later = decide.begun(None, alert(), timedelta(days=1))
    hour = START + timedelta(hours=1)
    assert decide.due(alert(), later, hour) is None
    assert decide.word(alert(closed=hour), later) is None
    assert decide.due(alert(), later, START + timedelta(days=1)) == "opened"


def test_that_an_event_is_over_is_told_nobody() -> None:
    event = replace(alert(closed=START), key=Key("drift", object="Users", detail="run"))
    assert decide.word(event, Tell("opened", START)) is None


def test_other_words_about_what_stands_are_kept_and_not_told() -> None:
    before = {KEYS[0]: alert()}
    judged = Judgement({KEYS[0]: Condition(KEYS[0], "another reason", "run 2")})
    (changed,) = decide.settled(before, judged, START + timedelta(hours=1)).values()
    assert (changed.why, changed.run, changed.opened) == ("another reason", "run 2", START)
    assert decide.word(changed, Tell("opened", START)) is None


def test_what_nobody_can_judge_stays() -> None:
    assert decide.settled({KEYS[0]: alert()}, Judgement({}), START) == {}
    (closed,) = decide.settled(
        {KEYS[0]: alert()}, Judgement({}, frozenset({("failed", "nightly", "")})), START
    ).values()
    assert closed.closed == START
