"""docker-compose.yml as it stands; test_containers.py runs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from replicator.settings import load_all
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DAEMONS = [name for name, service in SERVICES.items() if "build" in service]
#: They become another user than root by themselves, for which they need what others drop.
STARTED_BY_ROOT = {"database", "mysql"}


def test_without_a_profile_there_is_one_database_and_one_daemon() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "password",
        "database",
        "daemon",
    }
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
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


@pytest.mark.parametrize("name", DAEMONS)
def test_the_daemons_configuration_is_right_and_its_page_has_a_password(name: str, tmp_path: Path) -> None:
    text = (ROOT / "config" / "compose.toml").read_text("utf-8")
    (tmp_path / "page").write_text("a password of some length\n")
    file = tmp_path / "replicator.toml"
    file.write_text(text.replace("/password/page", str(tmp_path / "page")))
    environment = {k: v for k, v in SERVICES[name]["environment"].items() if k.startswith("REPLICATOR_")}
    environment = environment | {"REPLICATOR_CONFIG": str(file), "REPLICATOR_REGION": "sandbox"}
    found = load_all({"REPLICATOR_TARGET": "mysql://replicator@mysql/replicator", **environment}, {})
    assert found.web.listen is not None
    assert found.web.page
    assert [port.rpartition(":")[2] for port in SERVICES[name]["ports"]] == [str(found.web.listen[1])]
    assert {job.timing is not None for job in found.jobs.values()} == {True}


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
