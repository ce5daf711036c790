from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from replicator.catalog import find
from replicator.extract import Extraction, Fetched
from replicator.partitions import Partition, partitions
from replicator.sandbox import Sandbox
from replicator.segment.client import Client
from replicator.segment.token import Token


@pytest.mark.parametrize("width", [1, 3, 8, 40])
def test_every_partition_is_read_however_few_are_read_at_once(width: int) -> None:
    sandbox = Sandbox(counts={"TrackingPlans": 20, "RulesPerPlan": 3})
    with (
        Client(base_url="http://127.0.0.1", token=Token("sandbox"), transport=sandbox) as client,
        ThreadPoolExecutor(width) as pool,
    ):
        plans = _records(Extraction(find("TrackingPlans"), client, pool, width), [Partition("", {}, {})])
        rules = find("TrackingPlanRules")
        wanted = partitions(rules, {"TrackingPlans": plans}, (), sandbox.world.now())
        read = [each for each in Extraction(rules, client, pool, width).read(wanted, {}) if isinstance(each, Fetched)]
    assert len(wanted) == 20
    assert sorted(each.partition.name for each in read) == sorted(each.name for each in wanted)


def _records(extraction: Extraction, wanted: list[Partition]) -> list[dict[str, object]]:
    return [record for each in extraction.read(wanted, {}) if isinstance(each, Fetched) for record in each.records]
