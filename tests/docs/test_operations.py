"""What Grafana and Prometheus are given asks for what /metrics really gives; docs/operations.md explains each alert."""

from __future__ import annotations

import json
import re
from pathlib import Path
from threading import Event
from typing import Any

import promql_parser
import pytest
import yaml

from replicator.cli import alerting, connection, keeper, web
from replicator.settings import load_all
from tests.conftest import ROOT

DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
ALERTS = ROOT / "config" / "prometheus-alerts.yml"
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


@pytest.fixture
def metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """What /metrics gives after a run of the daemon, and with which labels."""
    monkeypatch.chdir(tmp_path)
    Path("replicator.toml").write_text(
        'region = "sandbox"\nobjects = ["Labels", "TrackingPlans"]\npush = true\n[jobs.often]\nevery = "1h"\n'
    )
    # An edit waits, which nobody is told of for a day.
    found = load_all({"REPLICATOR_ALERTS_WEBHOOK_URL": "http://127.0.0.1:9/"}, {})
    settings, job = found.connections["default"], found.jobs["often"]
    kept = keeper.Keeper("default", settings, [job], {}, None)
    keeper.perform({}, job, "", settings, Event(), tally=kept.tally)
    with connection.books(settings) as books:
        with books.begin() as writing:
            writing.exec_driver_sql("UPDATE tracking_plans SET name = 'Ours'")
        alerting.looked(books, alerting.post_of(found, {}), "default", settings)
    monitor = web.Monitor({})
    monitor.follow(found, {"default": kept})
    answer = monitor.answer("/metrics")
    assert answer is not None
    told = re.findall(r"^(\w+)\{(.*)\} ", answer.text, re.MULTILINE)
    return {name: set(re.findall(r'(\w+)="', labels)) for name, labels in told}


def names(expression: str) -> set[str]:
    return set(re.findall(r"\breplicator_\w+", expression))


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_alert_asks_for_metrics_and_labels_that_are_there(metrics: dict[str, set[str]]) -> None:
    for rule in rules():
        asked = names(rule["expr"])
        assert asked
        promql_parser.parse(rule["expr"])
        assert asked <= metrics.keys(), rule["alert"]
        labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        labels |= set(re.findall(r'(\w+)=~?"', rule["expr"]))
        assert labels <= set.union(*(metrics[name] for name in asked)), rule["alert"]


def test_every_panel_asks_for_metrics_and_labels_that_are_there(metrics: dict[str, set[str]]) -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert names(board["templating"]["list"][1]["definition"]) <= metrics.keys()
    for target in targets:
        asked = names(target["expr"])
        assert asked
        promql_parser.parse(target["expr"])
        assert asked <= metrics.keys(), target["expr"]
        labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        labels |= set(re.findall(r'(\w+)(?:=~?|!=)"', target["expr"]))
        assert labels <= set.union(*(metrics[name] for name in asked)), target["expr"]


def test_no_label_of_ours_is_one_that_prometheus_gives_itself(metrics: dict[str, set[str]]) -> None:
    assert not set.union(*metrics.values()) & {"job", "instance"}


def test_the_guide_says_of_each_alert_what_it_means_and_what_to_do() -> None:
    told = re.findall(r"^\| `(Replicator\w+)` \|(.+)\|(.+)\|$", PAGE, re.MULTILINE)
    assert [name for name, *_ in told] == [rule["alert"] for rule in rules()]
    assert all(meaning.strip() and todo.strip() for _, meaning, todo in told)


def test_the_guide_names_every_metric_and_no_other(metrics: dict[str, set[str]]) -> None:
    assert set(re.findall(r"`(replicator_\w+)`", PAGE)) == metrics.keys()
