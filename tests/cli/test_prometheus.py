"""Prometheus itself reads what the daemon tells, and alerts when docs/operations.md says so: Debian's `prometheus`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.running import TOKEN, Process
from tests.cli.test_daemon import daemon
from tests.conftest import ROOT, free_port
from tests.docs.test_operations import ALERTS, DASHBOARD, rules

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _there() -> None:
    for name in ("prometheus", "promtool"):
        if not shutil.which(name):
            pytest.skip(f"there is no {name} on this machine: apt-get install prometheus")


@dataclass(frozen=True, slots=True)
class Told:
    """What is scraped once a minute, and what the alert says of it after it has been so for long enough."""

    #: Series that alert, and the values of the same ones that do not.
    alerting: dict[str, str]
    quiet: dict[str, str]
    summary: str
    labels: dict[str, str] = field(default_factory=dict)
    connection: str = "acme"


def series(metric: str, **labels: str) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in {"connection": "acme", **labels}.items())
    return f"{metric}{{{inside}}}"


def metric(name: str, high: str, low: str, summary: str, **labels: str) -> Told:
    key = series(name, **labels)
    return Told({key: f"{high}+0x4000"}, {key: f"{low}+0x4000"}, summary, labels)


_AGE = series("replicator_success_age_seconds")
_REQUESTS, _REFUSED = series("replicator_api_requests_total"), series("replicator_api_refused_total")
TOLD = {
    "ReplicatorDatabaseAway": metric("replicator_up", "0", "1", "The database of connection acme cannot be asked"),
    "ReplicatorStale": metric(
        "replicator_success_age_seconds",
        "93601",
        "93600",
        "No run of connection acme succeeded for 1d 2h 0m 1s",
    ),
    "ReplicatorNeverSucceeded": Told(
        {series("replicator_up"): "1+0x4000"},
        {series("replicator_up"): "1+0x4000", _AGE: "60+60x1000"},
        "No run of connection acme has succeeded yet",
    ),
    "ReplicatorRunFailed": metric(
        "replicator_last_run_status",
        "1",
        "0",
        "The last run of job nightly of connection acme failed",
        job_name="nightly",
        status="failed",
    ),
    "ReplicatorRunPartial": metric(
        "replicator_last_run_status",
        "1",
        "0",
        "The last run of job nightly of connection acme left objects out",
        job_name="nightly",
        status="partial",
    ),
    "ReplicatorDeletesHeld": metric(
        "replicator_object_status",
        "1",
        "0",
        "Labels of connection acme would lose more rows than the guard allows",
        object="Labels",
        status="needs_person",
    ),
    "ReplicatorObjectStale": metric(
        "replicator_object_age_seconds",
        "259201",
        "259200",
        "Labels of connection acme was not read for 3d 0h 0m 1s",
        object="Labels",
    ),
    "ReplicatorQuarantine": metric(
        "replicator_quarantined_records",
        "2",
        "0",
        "2 records of Labels of connection acme lie in quarantine",
        object="Labels",
    ),
    "ReplicatorConflicts": metric(
        "replicator_conflicts",
        "1",
        "0",
        "1 edits of Labels of connection acme contradict the workspace",
        object="Labels",
    ),
    "ReplicatorEditsWait": metric(
        "replicator_pending_edits",
        "3",
        "0",
        "3 edits of Labels of connection acme were not sent for a day",
        object="Labels",
    ),
    "ReplicatorAlertsUntold": metric(
        "replicator_alerts_untold",
        "1",
        "0",
        "The webhook of connection acme does not work",
        channel="webhook",
    ),
    "ReplicatorRefused": Told(
        {_REQUESTS: "0+100x4000", _REFUSED: "0+21x4000"},
        {_REQUESTS: "0+100x4000", _REFUSED: "0+19x4000"},
        "More than a fifth of the requests of connection acme are answered with 429",
    ),
    "ReplicatorHangs": metric(
        "replicator_keeper_age_seconds",
        "3601",
        "3600",
        "The thread of connection acme gave no sign of life for an hour",
    ),
}
#: Panels that show nothing where all is well.
UNEVENTFUL = {
    "Objects that are not done",
    "Edits that wait, and conflicts",
    "Alerts that stand, and those that could not be told",
}
_MINUTES = {"m": 1, "h": 60, "d": 1440}


def asked(alert: str, values: dict[str, str], minute: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    """A test of `promtool test rules`."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": each} for name, each in values.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}],
    }


def test_each_alert_is_given_at_its_limit_and_after_its_time_and_not_before(tmp_path: Path) -> None:
    assert [rule["alert"] for rule in rules()] == list(TOLD)
    tests = []
    for rule in rules():
        told, name = TOLD[rule["alert"]], rule["alert"]
        waits = int(rule["for"][:-1]) * _MINUTES[rule["for"][-1]] if "for" in rule else 0
        # An increase needs two scrapes.
        first = 1 if "increase" in rule["expr"] else 0
        alert = {
            "exp_labels": {**told.labels, "connection": "acme", **rule["labels"]},
            "exp_annotations": {"summary": told.summary},
        }
        tests.append(asked(name, told.alerting, first + waits, [alert]))
        if waits:
            tests.append(asked(name, told.alerting, first + waits - 1, []))
        tests.append(asked(name, told.quiet, first + waits + 60, []))
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    checked = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@contextmanager
def prometheus(folder: Path, address_of_daemon: str) -> Iterator[httpx.Client]:
    """As docker-compose.yml has it, but that it looks once a second and finds the daemon at that address."""
    found = yaml.safe_load((ROOT / "config" / "monitoring" / "prometheus.yml").read_text("utf-8"))
    found["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    found["rule_files"] = [str(ALERTS)]
    found["scrape_configs"][0]["static_configs"] = [{"targets": [address_of_daemon]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(found))
    address = f"127.0.0.1:{free_port()}"
    words = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'series'}", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(["prometheus", *words], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})
        try:
            with httpx.Client(base_url=f"http://{address}/api/v1/", trust_env=False) as client:
                yield client
        finally:
            server.terminate()
            server.wait(20)


def waited(client: httpx.Client, query: str) -> list[dict[str, Any]]:
    """What the query finds, once it finds anything."""
    for _ in range(240):
        try:
            answer = client.get("query", params={"query": query})
        except httpx.ConnectError:
            answer = None
        if answer is not None and answer.status_code == 200 and (found := answer.json()["data"]["result"]):
            return list(found)
        time.sleep(0.25)
    raise AssertionError(f"nothing found by {query}")


def test_prometheus_reads_the_daemon_and_every_panel_shows_something(process: Process, api: str) -> None:
    port = free_port()
    (process.folder / "replicator.toml").write_text(
        f'base_url = "{api}"\nobjects = ["Labels", "TrackingPlans", "Suppressions"]\n'
        f'[web]\nlisten = "127.0.0.1:{port}"\n[jobs.often]\nevery = "15m"\n'
    )
    with daemon(process, SEGMENT_TOKEN=TOKEN), prometheus(process.folder, f"127.0.0.1:{port}") as client:
        waited(client, "replicator_success_age_seconds")
        # A rate needs a second scrape.
        waited(client, "rate(replicator_api_requests_total[5m])")
        (target,) = client.get("targets").json()["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        (group,) = client.get("rules").json()["data"]["groups"]
        assert [(rule["name"], rule["health"], rule.get("lastError", "")) for rule in group["rules"]] == [
            (name, "ok", "") for name in TOLD
        ]
        empty = set()
        for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
            for each in panel["targets"]:
                query = each["expr"].replace("$connection", ".*")
                answer = client.get("query", params={"query": query}).json()
                assert answer["status"] == "success", (query, answer)
                if not answer["data"]["result"]:
                    empty.add(panel["title"])
        assert empty <= UNEVENTFUL
