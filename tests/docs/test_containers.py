"""Dockerfile and docker-compose.yml, built and run: what the guide says of them is so.

With a Docker Engine by Docker; else by `container-check`, beside the checkout, which makes the base images of Debian's
packages and runs them by podman.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import typer.main

from replicator.cli.app import app
from tests import containers
from tests.conftest import ROOT, free_port

CHECK = ROOT.parent / "shared" / "tools" / "container-check"
#: Above the base image.
MEGABYTES = 120
MINUTES = 40
QUEUE = "postgresql://replicator@database/replicator"


@dataclass
class Stack:
    """What runs: `engine` is the command that speaks of it."""

    engine: str
    image: str
    port: int
    above_base: float
    containers: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def inside(self, service: str, *words: str) -> str:
        return self.run("exec", self.containers[service], *words)

    def run(self, *words: str) -> str:
        done = self.tried(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def tried(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self.engine, *(["--log-level=fatal"] if self.engine == "podman" else []), *words]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    port, other = (free_port() for _ in range(2))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("REPLICATOR_", "SEGMENT_"))
    }
    # A fleet, and MySQL besides, with a daemon that needs none: what container-check gives that name is MariaDB.
    environment |= {"COMPOSE_PROFILES": "mysql,fleet", "REPLICATOR_FLEET_QUEUE": QUEUE}
    environment |= {"REPLICATOR_PORT": str(port), "REPLICATOR_MYSQL_PORT": str(other)}
    if containers.engine_answers() and shutil.which("docker"):
        yield from _by_docker(environment, port)
    elif CHECK.exists() and os.getuid() == 0:
        yield from _by_podman(environment, port)
    else:
        pytest.skip(f"no Docker Engine answers, and {CHECK.name} is not beside the checkout or wants root")


def _by_podman(environment: Mapping[str, str], port: int) -> Iterator[Stack]:
    more = {"CONTAINER_CHECK_READY_SECONDS": "300", "CONTAINER_CHECK_RUN_SECONDS": "180"}
    done = subprocess.run(
        [str(CHECK), "--compose", "--keep", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=MINUTES * 60,
        env={**environment, **more},
        stdin=subprocess.DEVNULL,
    )
    told = done.stdout + done.stderr
    taken_down = re.search(r"take it down with: (bash '[^']+')", told)
    try:
        assert done.returncode == 0, told
        sizes = re.search(r"image (\d+) MB, .* \(the local base is (\d+) MB", told)
        kept = re.search(r"kept: image (\S+) \(export (.*) and use podman\)", told)
        project = re.search(r"kept: stack (\S+);", told)
        assert sizes
        assert kept
        assert project
        above = float(sizes[1]) - float(sizes[2])
        given = dict(re.findall(r"(\w+)='([^']*)'", kept[2]))
        stack = Stack("podman", kept[1], port, above, {}, given)
        stack.containers = _services(stack, "io.podman.compose", project[1])
        yield stack
        stack.tried("rmi", "-f", kept[1])
    finally:
        if taken_down:
            subprocess.run(taken_down[1], shell=True, check=False, timeout=300, capture_output=True)  # noqa: S602 - as it was told


def _by_docker(environment: Mapping[str, str], port: int) -> Iterator[Stack]:
    project = f"replicator-test-{port}"
    compose = ("compose", "--project-name", project, "--file", str(ROOT / "docker-compose.yml"))
    stack = Stack("docker", "segment-replicator", port, 0.0, {}, environment)
    try:
        stack.run(*compose, "build")
        stack.run(*compose, "up", "--detach", "--wait", "--wait-timeout", "300")
        base = re.findall(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)[-1]
        version = re.findall(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)[0]
        sizes = [
            float(stack.run("image", "inspect", "--format", "{{.Size}}", image))
            for image in ("segment-replicator", base.replace("${PYTHON}", version))
        ]
        stack.above_base = (sizes[0] - sizes[1]) / 1e6
        stack.containers = _services(stack, "com.docker.compose", project)
        yield stack
    finally:
        stack.tried(*compose, "down", "--volumes")


def _services(stack: Stack, label: str, project: str) -> dict[str, str]:
    shown = f'index .Labels "{label}.service"' if stack.engine == "podman" else f'.Label "{label}.service"'
    names = ("--format", "{{.Names}} {{" + shown + "}}")
    told = stack.run("ps", "--all", "--filter", f"label={label}.project={project}", *names)
    return {service: name for name, service in (line.split() for line in told.splitlines())}


pytestmark = [pytest.mark.slow, pytest.mark.timeout(MINUTES * 60)]


def test_the_image_is_small_labelled_and_checks_its_health_without_being_root(stack: Stack) -> None:
    assert stack.above_base <= MEGABYTES
    (told,) = json.loads(stack.run("image", "inspect", stack.image))
    config = told["Config"]
    assert config["User"] == "10001:10001"
    assert {"title", "description", "licenses", "version"} <= {name.rpartition(".")[2] for name in config["Labels"]}
    health = config.get("Healthcheck") or told.get("HealthCheck") or told["Healthcheck"]
    assert health["Test"][-3:] == ["health", "--within", "26"]


def test_no_compiler_installer_or_cache_is_left_in_the_image(stack: Stack) -> None:
    places = "/root/.cache /src /opt/replicator/bin/pip* /var/cache/apt/archives/*.deb"
    left = f"ls -d {places} 2>/dev/null; command -v cc gcc g++ make; true"
    assert stack.run("run", "--rm", "--entrypoint", "sh", stack.image, "-c", left).split() == []


def test_every_command_of_the_command_line_is_there_and_replicates_with_nothing_to_write_to_but_tmp(
    stack: Stack,
) -> None:
    hard = ("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop=all", "--security-opt", "no-new-privileges")  # noqa: S108
    shell = (*hard, "--entrypoint", "sh", stack.image, "-euc")
    assert "daemon" in stack.run(*hard, stack.image, "--help")
    stack.run(*shell, " && ".join(f"replicator {words} --help > /tmp/help" for words in _commands()))
    told = stack.run(*shell, "replicator replicate Labels --region sandbox --target sqlite:////tmp/replica.db")
    assert "Labels" in told


def _commands(within: Any = None, before: str = "") -> Iterator[str]:
    """The words of each command, those of groups too."""
    group: Any = within or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield before + name


def test_the_daemon_may_do_nothing_but_its_work(stack: Stack) -> None:
    status = dict(line.split(":", 1) for line in stack.inside("daemon", "cat", "/proc/self/status").splitlines())
    assert status["Uid"].split()[0] == "10001"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert int(status["NoNewPrivs"]) == 1
    for place in ("/here", "/opt/replicator/here", "/data/../here", "/password/here"):
        assert stack.tried("exec", stack.containers["daemon"], "touch", place).returncode != 0, place


def test_without_a_token_it_replicates_the_sandbox_and_shows_a_page_behind_a_password_of_its_own(stack: Stack) -> None:
    assert stack.get("/healthz").status_code == 200
    assert stack.get("/readyz").status_code == 200
    assert "replicator_object_records" in stack.get("/metrics").text
    password = stack.inside("daemon", "cat", "/password/page").strip()
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", follow_redirects=True) as browser:
        door = browser.get("/")
        assert door.url.path == "/login"
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', door.text))
        entered = {**hidden, "who": "a person", "password": password}
        page = browser.post("/login", data=entered, headers={"origin": str(browser.base_url).rstrip("/")})
        assert page.url.path == "/"
        assert "All is well" in page.text
    query = ("psql", "-U", "replicator", "-Atc", "SELECT count(*) FROM tracking_plans", "replicator")
    assert int(stack.inside("database", *query)) > 0
    stack.inside("daemon", "replicator", "health", "--within", "2")


def test_with_a_queue_the_daemon_plans_and_the_worker_performs(stack: Stack) -> None:
    query = ("psql", "-U", "replicator", "-Atc", "SELECT DISTINCT holder FROM replicator.runs", "replicator")
    worker = stack.inside("worker", "cat", "/etc/hostname").strip()
    (holder,) = stack.inside("database", *query).split("\n")[:-1]
    assert worker in holder


def test_the_profile_for_mysql_fills_its_database_by_a_daemon_of_its_own(stack: Stack) -> None:
    count = "SELECT count(*) FROM tracking_plans"
    query = f"MYSQL_PWD=$(cat /password/mysql) mysql -h 127.0.0.1 -u replicator -Ne '{count}' replicator"
    assert int(stack.inside("mysql", "sh", "-c", query)) > 0


def test_nobody_else_may_read_a_password(stack: Stack) -> None:
    for name in ("database", "mysql", "mysql-target", "pgpass", "page", "grafana"):
        told = stack.inside("database", "stat", "-c", "%a %u", f"/password/{name}").split()
        owner = {"database": "999", "mysql": "999", "grafana": "472"}.get(name, "10001")
        assert told == ["600", owner], name
