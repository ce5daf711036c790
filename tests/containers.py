"""Database servers in containers, for machines that have a Docker Engine and no server of their own."""

from __future__ import annotations

import atexit
import os
import warnings
from functools import cache
from pathlib import Path

IMAGES = {"postgresql": "postgres:17", "mariadb": "mariadb:11.4", "mysql": "mysql:8.4"}


@cache
def engine_answers() -> bool:
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        client.ping()
    except DockerException:
        return False
    return True


def start(kind: str) -> str:
    """Starts the kind's server for the rest of this process and returns its administrator's URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library says of itself is no failure of ours
        from testcontainers.community.mysql import MySqlContainer
        from testcontainers.community.postgres import PostgresContainer

        image = IMAGES[kind]
        container = (
            PostgresContainer(image, driver="psycopg")
            if kind == "postgresql"
            else MySqlContainer(image, dialect="pymysql", username="root", root_password="test", password="test")
        )
        container.start()
    atexit.register(container.stop)
    return str(container.get_connection_url())
