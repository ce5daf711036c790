"""config/kubernetes.yaml is what Kubernetes takes, and what it asks of the program is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from replicator.cli import web
from replicator.settings import load_all
from tests.cli.running import InProcess
from tests.conftest import ROOT
from tests.docs.test_compose import alerts_of

DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "config" / "kubernetes.yaml").read_text("utf-8")))
BY_KIND = {each["kind"]: each for each in DOCUMENTS}
PODS = {
    "Deployment": BY_KIND["Deployment"]["spec"]["template"]["spec"],
    "CronJob": BY_KIND["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "replicator.toml"
    path.write_text(BY_KIND["ConfigMap"]["data"]["replicator.toml"])
    return path


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_each_document_is_one_of_kubernetes_without_a_field_that_it_does_not_know(version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    assert list(BY_KIND) == ["ConfigMap", "Deployment", "CronJob"]
    for document in DOCUMENTS:
        validate(document, version, strict=True)


def test_its_configuration_is_right_and_the_cron_job_performs_what_the_daemon_leaves_alone(
    configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert InProcess(capsys)("config", "check", "--config", str(configuration)).code == 0
    found = load_all({}, {}, config=configuration)
    (job,) = [name for name, job in found.jobs.items() if job.timing is None]
    (daemon,), (nightly,) = PODS["Deployment"]["containers"], PODS["CronJob"]["containers"]
    assert daemon["args"][0] == "daemon"
    assert nightly["args"][:2] == ["run", job]
    paths = {mount["mountPath"] for mount in daemon["volumeMounts"]}
    assert {str(Path(each["args"][each["args"].index("--config") + 1]).parent) for each in (daemon, nightly)} <= paths


def test_the_alerts_that_it_offers_are_right_and_their_secrets_are_mounted(tmp_path: Path) -> None:
    text = BY_KIND["ConfigMap"]["data"]["replicator.toml"]
    for kind, pod in PODS.items():
        (container,) = pod["containers"]
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        optional = {each["name"] for each in pod["volumes"] if each.get("secret", {}).get("optional")}
        named = alerts_of(text, tmp_path)
        assert len(named) == 2
        assert {mounted[str(each.parent)] for each in named} == optional, kind


def test_its_probes_ask_for_what_the_daemon_answers_at_the_port_where_it_listens(configuration: Path) -> None:
    found = load_all({}, {}, config=configuration)
    (daemon,) = PODS["Deployment"]["containers"]
    (port,) = daemon["ports"]
    assert found.web.listen == ("0.0.0.0", port["containerPort"])  # noqa: S104
    for probe in ("livenessProbe", "readinessProbe"):
        asked = daemon[probe]["httpGet"]
        assert asked["port"] == port["name"]
        assert web.Monitor({}).answer(asked["path"]) is not None


@pytest.mark.parametrize("kind", list(PODS))
def test_no_pod_may_more_than_it_needs_and_none_holds_a_secret(kind: str) -> None:
    pod = PODS[kind]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {each["name"] for each in container["env"]} == {"SEGMENT_TOKEN_FILE", "REPLICATOR_TARGET"}
    assert not [each for each in container["env"] if each["name"] == "REPLICATOR_TARGET" and "value" in each]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
