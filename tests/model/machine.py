"""Random lives of a workspace, and random runs of a replica of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import update

from replicator.errors import ReplicatorError, RunLocked
from replicator.run import RunResult
from replicator.segment.limits import Limits
from replicator.target.bookkeeping import bookkeeping
from tests.crashes.invariants import Books
from tests.crashes.places import Base
from tests.model import checks, mishaps
from tests.model.mishaps import DEATH, FAULTS, PLACES, Clock, Died
from tests.model.world import DEEDS, WORDS, World
from tests.scenarios import network as net
from tests.scenarios.replica import Replica

_deeds, _which = st.sampled_from(DEEDS), st.integers(0, 5)
_words = st.sampled_from((WORDS, WORDS[:1], WORDS[1:2], WORDS[1:]))
#: Whether what was read a while ago is read again; without, children are read for parents that moved.
_reread = st.booleans()


class Histories(RuleBasedStateMachine):
    """Each history begins with a replica that is in step; `base` holds it.

    It is one for all of them: describing tables and compiling statements anew would be a quarter of a history's work.
    """

    base: Base
    replica: Replica

    def __init__(self) -> None:
        super().__init__()
        self.base.restore()
        self.world = World()
        self.replica.network = self.world.network
        self.epoch = 0
        #: What the token may not read, from one run to the next.
        self.forbidden: set[str] = set()

    @rule(where=st.sampled_from(PLACES), allowed=st.booleans())
    def permissions_change(self, where: str, allowed: bool) -> None:
        (self.forbidden.discard if allowed else self.forbidden.add)(where)
        self._enforce()

    @rule(deed=_deeds, which=_which)
    def something_changes(self, deed: str, which: int) -> None:
        self.world.do(deed, which)

    @rule(words=_words, reread=_reread, full=st.booleans())
    def a_run(self, words: tuple[str, ...], reread: bool, full: bool) -> None:
        done = self._watched(lambda: self._run(words, reread=reread, full=full))
        assert done
        assert self._well(done), done

    @rule(words=_words, reread=_reread, fault=st.sampled_from(sorted(FAULTS)))
    def a_run_meets_a_fault(self, words: tuple[str, ...], reread: bool, fault: str) -> None:
        mishaps.befall(self.world.network, fault)
        self._watched(lambda: self._run(words, reread=reread))

    @rule(words=_words, reread=_reread, deed=_deeds, which=_which, after=st.integers(1, 8))
    def something_changes_while_pages_are_read(
        self, words: tuple[str, ...], reread: bool, deed: str, which: int, after: int
    ) -> None:
        mishaps.meanwhile(self.world.network, lambda: self.world.do(deed, which), after)
        self._watched(lambda: self._run(words, reread=reread))

    @rule(words=_words, reread=_reread, after=st.integers(0, 110))
    def a_run_dies(self, words: tuple[str, ...], reread: bool, after: int) -> None:
        DEATH.comes(after)
        self._watched(lambda: self._run(words, reread=reread))

    @rule(after=st.integers(2, 6), deed=_deeds, which=_which)
    def a_run_is_overtaken(self, after: int, deed: str, which: int) -> None:
        """It sleeps so long that another one, in turn, takes its place; it must not commit when it wakes."""
        others: list[RunResult] = []

        def overtake() -> None:
            self._put_to_sleep()
            self.world.do(deed, which)
            others.append(self._run(WORDS, reread=True))

        mishaps.meanwhile(self.world.network, overtake, after)
        done = self._watched(lambda: self._run(WORDS, reread=True))
        assert not others or (self._well(others[0]) and (done is None or done.status != "done"))

    @rule(after=st.integers(2, 6))
    def a_second_run_at_the_same_time_is_refused(self, after: int) -> None:
        refused: list[str] = []

        def intrude() -> None:
            try:
                self._run(WORDS, reread=True)
            except RunLocked as locked:
                refused.append(str(locked))
            else:
                refused.append("")

        mishaps.meanwhile(self.world.network, intrude, after)
        done = self._watched(lambda: self._run(WORDS, reread=True))
        assert done
        assert self._well(done), done
        assert all(refused)

    def _well(self, done: RunResult) -> bool:
        return done.status == "done" or bool(self.forbidden)

    def _enforce(self) -> None:
        self.world.network.heal()
        for where in sorted(self.forbidden):
            self.world.network.on(where, net.error(403, "Forbidden"))

    def _run(self, words: tuple[str, ...], *, reread: bool, **asked: Any) -> RunResult:
        clock = Clock()
        client = {"limits": Limits(clock=clock), "sleep": clock.sleep}
        after = timedelta(0) if reread else timedelta(hours=24)
        return self.replica.run(*words, reread=after, history=frozenset(WORDS), client=client, **asked)

    def _put_to_sleep(self) -> None:
        runs = bookkeeping(self.replica.target.dialect).runs
        with self.replica.target.begin() as connection:
            connection.execute(update(runs).values(heartbeat_at=datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)))

    def _watched(self, run: Callable[[], RunResult]) -> RunResult | None:
        """The run's result, if it came to one; whatever it did is looked at."""
        before, alive = self._rows(), set(self.world.records())
        done: RunResult | None = None
        try:
            with suppress(ReplicatorError, Died):
                done = run()
        finally:
            DEATH.is_over()
            self._enforce()
        alive &= set(self.world.records())
        problems = checks.buried(before, self._rows(), alive) + checks.hold(self.replica, self.world, self.epoch)
        assert not problems
        with self.replica.target.reading() as connection:
            self.epoch = Books.of(connection).epoch()
        return done

    def _rows(self) -> checks.Rows:
        with self.replica.target.reading() as connection:
            return checks.rows(self.replica, connection)

    def teardown(self) -> None:
        """One clean full run, and the replica is the workspace."""
        try:
            self.forbidden.clear()
            self._enforce()
            self.a_run(WORDS, reread=True, full=True)
            assert not checks.unequal(self.replica, self.world)
        finally:
            self.replica.close()
