"""docker-compose.yml as it stands; test_containers.py runs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from replicator.settings import Configuration, load_all
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DAEMONS = [name for name, service in SERVICES.items() if "build" in service and name != "worker"]
#: They become another user than root by themselves, for which they need what others drop.
STARTED_BY_ROOT = {"database", "mysql"}


def test_without_a_profile_there_is_one_database_and_one_daemon() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "password",
        "database",
        "daemon",
    }
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert {name for name, found in profiles.items() if found == ["fleet"]} == {"worker"}
    assert {name for name, found in profiles.items() if found == ["mysql"]} == {"mysql", "daemon-mysql"}
    assert {name for name, found in profiles.items() if found == ["monitoring"]} == {"prometheus", "grafana"}


@pytest.mark.parametrize("name", list(SERVICES))
def test_no_service_may_more_than_it_needs_and_none_is_reached_from_other_machines(name: str) -> None:
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name in STARTED_BY_ROOT or service["cap_drop"] == ["ALL"]
    assert name in {*STARTED_BY_ROOT, "password"} or service["read_only"] is True
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service.get("network_mode") != "host"


@pytest.mark.parametrize("name", list(SERVICES))
def test_each_image_has_a_version_and_each_mounted_file_is_there(name: str) -> None:
    service = SERVICES[name]
    assert "build" in service or re.search(r":v?\d", service["image"])
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).is_file(), source
        assert source in COMPOSE["volumes"] or volume.endswith(":ro")


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert (
                not re.search("PASSWORD|TOKEN|SECRET", key)
                or value in {"yes", "/run/secrets/segment-token"}
                or (value.startswith("/password/") and key.endswith("_FILE"))
            ), key
            assert not re.search(r"://[^@/]*:[^@/]+@", value), key


def loaded(name: str, folder: Path) -> Configuration:
    """What the program of that service makes of its environment, where nobody has set a variable."""
    text = (ROOT / "config" / "compose.toml").read_text("utf-8")
    (folder / "page").write_text("a password of some length\n")
    file = folder / "replicator.toml"
    file.write_text(text.replace("/password/page", str(folder / "page")))
    said = SERVICES[name]["environment"].items()
    environ = {key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for key, value in said if key.startswith("REPLICATOR_")}
    environ |= {"REPLICATOR_CONFIG": str(file)}
    return load_all({"REPLICATOR_TARGET": "mysql://replicator@mysql/replicator", **environ}, {})


@pytest.mark.parametrize("name", DAEMONS)
def test_the_daemons_configuration_is_right_and_its_page_has_a_password(name: str, tmp_path: Path) -> None:
    found = loaded(name, tmp_path)
    assert found.fleet is None
    assert found.web.listen is not None
    assert found.web.page
    assert [port.rpartition(":")[2] for port in SERVICES[name]["ports"]] == [str(found.web.listen[1])]
    assert {job.timing is not None for job in found.jobs.values()} == {True}


def alerts_of(text: str, folder: Path) -> list[Path]:
    """The files of secrets that the alerts name which a configuration offers as a comment."""
    offered = re.sub(r"(?m)^# (?=\[alerts\]|webhook|mail)", "", text)
    file = folder / "offered.toml"
    file.write_text(re.sub(r"(?m)^password_file = .*$|^listen = .*$", "", offered))
    alerts = load_all({}, {}, config=file).alerts
    assert alerts.mail_to
    return [each for each in (alerts.webhook_url_file, alerts.mail_password_file) if each]


def test_the_alerts_that_the_configuration_offers_are_right_and_their_secrets_are_mounted(tmp_path: Path) -> None:
    text = (ROOT / "config" / "compose.toml").read_text("utf-8")
    named = {path.name for path in alerts_of(text, tmp_path) if path.parent == Path("/run/secrets")}
    assert named == {"alerts-webhook", "alerts-mail-password"}
    for name in (*DAEMONS, "worker"):
        assert {*named, "segment-token"} == set(SERVICES[name]["secrets"])
    assert COMPOSE["secrets"].keys() == {*named, "segment-token"}


def test_with_a_fleet_the_daemon_plans_and_workers_perform_by_the_same_queue_and_configuration(tmp_path: Path) -> None:
    worker, daemon = SERVICES["worker"], SERVICES["daemon"]
    assert worker["command"][0] == "worker"
    assert "ports" not in worker, "several of them would want the same"
    assert worker["stop_grace_period"] == daemon["stop_grace_period"]
    assert worker["volumes"] == daemon["volumes"]
    queue = "REPLICATOR_FLEET_QUEUE"
    assert worker["environment"] | {queue: ""} == daemon["environment"] | {queue: ""}
    assert daemon["environment"][queue] == f"${{{queue}:-}}", "without it the daemon performs by itself"
    found = loaded("worker", tmp_path)
    assert found.fleet is not None
    assert found.fleet.queue == worker["environment"]["REPLICATOR_TARGET"]


def test_prometheus_asks_the_daemon_and_grafana_asks_prometheus() -> None:
    folder = ROOT / "config" / "monitoring"
    prometheus = yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))
    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["daemon:8080"]}]
    mounted = {each.split(":")[1]: each.split(":")[0] for each in SERVICES["prometheus"]["volumes"]}
    assert [mounted[path] for path in prometheus["rule_files"]] == ["./config/prometheus-alerts.yml"]
    (source,) = yaml.safe_load((folder / "datasources.yml").read_text("utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((folder / "dashboards.yml").read_text("utf-8"))["providers"]
    mounted = {each.split(":")[1]: each.split(":")[0] for each in SERVICES["grafana"]["volumes"]}
    boards = [source for path, source in mounted.items() if path.startswith(provider["options"]["path"] + "/")]
    assert boards == ["./config/grafana-dashboard.json"]
