"""Any record, stored in each database and read back; many in one listing, since a listing costs more than a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from replicator.encoder import Encoder
from replicator.rows import rebuild
from tests.contract.conftest import make  # noqa: F401 - a fixture
from tests.contract.replica import Replica
from tests.properties.records import KEYED, MASK_KEY, THING, records, rules, same

Make = Callable[..., Replica]
#: Without shrinking: each try is a listing, and the records are small.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
RELAXED = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)


class Unmasked(Replica):
    """Keeps unknown fields whose names say secret, so that they can be compared too."""

    def encoder(self) -> Encoder:
        return Encoder(self.layout, lambda value: value, MASK_KEY)


def unmasked(replica: Replica) -> Unmasked:
    return Unmasked(replica.target, replica.books, replica.layout, replica.lease, replica.run_id)


def test_every_record_comes_back_from_the_database_or_lies_in_quarantine(make: Make) -> None:  # noqa: F811
    replica = unmasked(make(THING))

    @given(st.lists(records, min_size=20, max_size=20))
    @RELAXED
    def store(batch: list[dict[str, Any]]) -> None:
        sent = {f"r{at}": {"id": f"r{at}"} | record for at, record in enumerate(batch)}
        replica.load(list(sent.values()), allow_deletes=True)
        found = {key: rebuild(replica.layout, row) for key, row in replica.live().items()}
        assert found.keys() == sent.keys()
        for key, record in sent.items():
            assert same(found[key], record), (record, found[key])
        assert replica.load(list(sent.values())).unchanged == len(sent)

    store()


def test_every_record_with_a_natural_key_comes_back(make: Make) -> None:  # noqa: F811
    replica = unmasked(make(KEYED))

    @given(st.lists(rules, min_size=15, max_size=15))
    @settings(RELAXED, max_examples=12)
    def store(batch: list[dict[str, Any]]) -> None:
        # One record a key: of two that share it, either may stay.
        by_key = {row[0]: record for record in batch for row in replica.encode([record], "p1", planId="p1")[0]}
        replica.load_partitions({"p1": list(by_key.values()), "p2": []}, allow_deletes=True)
        found = {key: rebuild(replica.layout, row) for key, row in replica.live().items()}
        assert found.keys() == by_key.keys()
        for key, record in by_key.items():
            assert same(found[key], record), (record, found[key])

    store()
