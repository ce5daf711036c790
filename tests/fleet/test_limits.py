"""One token's limit, kept for many processes by rows in PostgreSQL; time passes by setting the rows back."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from replicator.fleet.limits import GOOD_FOR, Permit, SharedLimits
from replicator.fleet.store import Store
from replicator.segment.limits import Usage, Wait
from replicator.segment.token import Token
from tests import canaries


@dataclass
class World:
    """Two processes of one token, and a time that goes on when it is told to."""

    store: Store
    now: float = 0.0
    sent: list[float] = field(default_factory=list)

    def limits(self, *, assumed: int = 600) -> SharedLimits:
        return SharedLimits(self.store, Token(canaries.TOKEN), secret=self.store.secret(), assumed=assumed)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        back = f"interval '{seconds:.6f} seconds'"
        with self.store.connection() as connection:
            columns = ("full_at", "since", "held_until")
            connection.execute(
                f"UPDATE limits SET {', '.join(f'{name} = {name} - {back}' for name in columns)}".encode()
            )

    def busiest(self) -> int:
        """The most that was sent in any 60 seconds."""
        return max(sum(at <= each < at + 60 for each in self.sent) for at in self.sent)


def permitted(limits: SharedLimits, operation: str, rate: int | None) -> Permit:
    found = limits.take(operation, rate)
    assert isinstance(found, Permit)
    return found


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.mark.parametrize("limit", [1, 2, 25, 60, 200])
def test_no_sixty_seconds_hold_more_requests_than_the_limit_whatever_the_pauses(world: World, limit: int) -> None:
    chance, one, other = random.Random(limit), world.limits(assumed=limit), world.limits(assumed=limit)
    while world.now < 150:
        found = chance.choice([one, other]).take("listUsers", None)
        if isinstance(found, Wait):
            world.pass_(found.seconds if chance.random() < 0.99 else found.seconds + chance.uniform(0, 30))
        else:
            world.sent.append(world.now)
    # What the clock of the database did meanwhile is not in `now`: a moment of slack for the few seconds that it took.
    assert world.busiest() <= limit
    assert len(world.sent) >= limit


def test_a_token_is_there_as_a_keyed_hash_alone(world: World) -> None:
    world.limits().take("listUsers", 60)
    with world.store.connection() as connection:
        ((token, operation),) = connection.execute("SELECT token, operation FROM limits").fetchall()
    assert (len(token), operation) == (32, "listUsers")
    other = SharedLimits(world.store, Token(canaries.TOKEN), secret=b"another fleet's")
    other.take("listUsers", 60)
    with world.store.connection() as connection:
        assert len(connection.execute("SELECT token FROM limits").fetchall()) == 2


def test_a_refusal_of_one_process_holds_all_of_them_back(world: World) -> None:
    one, other = world.limits(), world.limits()
    permit = permitted(one, "listUsers", 60)
    one.refused(permit, 30.0, whole_token=False)
    held = other.take("listUsers", 60)
    assert isinstance(held, Wait)
    assert 29 < held.seconds < 30.1
    assert held.why == "Segment asked to wait"
    assert isinstance(other.take("listSources", None), Permit)
    one.refused(permit, 20.0, whole_token=True)
    assert isinstance(other.take("listSources", None), Wait)
    assert isinstance(other.take("listRoles", 25), Wait)
    world.pass_(31)
    assert isinstance(other.take("listUsers", 60), Permit)
    assert other.longest > 29


def test_what_one_answer_says_of_the_limit_all_processes_go_by(world: World) -> None:
    one, other = world.limits(assumed=600), world.limits(assumed=600)
    permit = permitted(one, "listSources", None)
    one.answered(permit, Usage(consumed=1, remaining=19, ends_in=59.0))
    taken = [found for _ in range(40) if isinstance(found := other.take("listSources", None), Permit)]
    assert len(taken) <= 2
    assert {each.limit for each in taken} <= {20}


def test_what_others_consumed_with_the_token_counts_as_if_the_fleet_had(world: World) -> None:
    limits = world.limits(assumed=100)
    permit = permitted(limits, "listSources", None)
    limits.answered(permit, Usage(consumed=95, remaining=5, ends_in=30.0))
    found = limits.take("listSources", None)
    assert isinstance(found, Wait)
    # 95 of 100 were sent in half a minute: a good quarter of a minute ahead of the pace.
    assert 10 < found.seconds < 31


def test_a_server_without_limits_does_not_slow_the_fleet_down(world: World) -> None:
    limits = world.limits()
    permit = permitted(limits, "listUsers", 2)
    limits.answered(permit, Usage(consumed=1, remaining=1_000_000, ends_in=60.0))
    assert all(isinstance(limits.take("listUsers", 2), Permit) for _ in range(50))


def test_headers_that_speak_of_another_bucket_are_not_believed(world: World) -> None:
    limits = world.limits()
    permit = permitted(limits, "listUsers", 60)
    limits.answered(permit, Usage(consumed=300, remaining=300, ends_in=60.0))
    found = [limits.take("listUsers", 60) for _ in range(30)]
    assert sum(isinstance(each, Permit) for each in found) < 10


def test_a_permit_from_before_a_pause_is_asked_for_anew(world: World) -> None:
    moments = [0.0]
    limits = SharedLimits(
        world.store, Token(canaries.TOKEN), secret=world.store.secret(), assumed=2, clock=lambda: moments[-1]
    )
    permit = permitted(limits, "listSources", None)
    assert limits.renewed(permit) is permit
    moments.append(GOOD_FOR * 2)
    assert isinstance(limits.renewed(permit), Wait)


def test_takers_at_the_same_time_get_each_permit_once(world: World) -> None:
    one, other = world.limits(assumed=100), world.limits(assumed=100)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda at: (one, other)[at % 2].take("listSources", None), range(40)))
    numbers = [each.known for each in found if isinstance(each, Permit)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert 9 <= len(numbers) < 20
