"""A minute of what `python -m benchmarks.soak` does for hours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.soak import servers
from benchmarks.soak.__main__ import main
from benchmarks.soak.judge import grown, growth, lost, twice
from benchmarks.soak.people import Written
from benchmarks.soak.processes import Sample
from tests.scenarios.walk import Found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_minute_of_faults_kills_and_restarts_loses_nothing_and_does_nothing_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        servers.PostgreSQL.found()
    except servers.NoServer as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = main(["--minutes", "1", "--target", "postgresql", "--seed", "5", "--json"])
    found = json.loads(capsys.readouterr().out)["postgresql"]
    assert not {check: told for check, told in found["problems"].items() if told}
    assert code == 0
    figures = found["figures"]
    assert min(figures["kills"], figures["stops"], figures["restarts"], figures["struck"], figures["writes"]) > 0
    assert figures["values"] > 10_000


def test_the_judge_tells_lost_edits_double_effects_and_growth() -> None:
    written = Written(here={("plan", "tp_1", "name"): "Here 1"}, made={"Plan here 2": "", "Plan here 3": ""})
    written.unmade.add("Plan here 3")
    plan = {"id": "tp_1", "name": "Here 1", "description": None}
    there = [Found(plan), Found({**plan, "id": "tp_2", "name": "Plan here 2"})]
    well = {"TrackingPlans": there, "TrackingPlanRules": [], "SourceFunctions": [], "DestinationFunctions": []}
    assert lost(written, well) == []
    assert len(lost(written, {**well, "TrackingPlans": there[:1]})) == 1
    assert len(lost(written, {**well, "TrackingPlans": [*there, Found({**plan, "name": "Plan here 3"})]})) == 2
    write: dict[str, Any] = {"number": 1, "token": "us", "effect": True, "method": "POST", "target": "/tracking-plans"}
    write["body"] = json.dumps({"name": "Plan here 2"})
    assert twice(written, [write, {**write, "number": 2, "effect": False}], "us") == []
    assert len(twice(written, [write, {**write, "number": 2, "body": write["body"] + " "}], "us")) == 1
    assert twice(written, [write, {**write, "number": 2, "token": "them"}], "us") == []
    flat = [Sample(float(at), 100.0, 9, 5, 2) for at in range(100)]
    rising = [Sample(float(at), 100.0 + at, 9 + at, 5, 2) for at in range(100)]
    busier = [Sample(float(at), 100.0, 9, 5, 8 if at % 10 < at // 10 else 2) for at in range(90)]
    assert grown(growth(flat), long=True) == grown(growth(busier), long=True) == []
    assert [told.split()[0] for told in grown(growth(rising), long=True)] == ["megabytes", "files"]
