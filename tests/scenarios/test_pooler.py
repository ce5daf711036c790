"""A target behind a pool by transaction: what a session was told or taught is not there in the next transaction."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.conftest import free_port
from tests.databases import Database
from tests.model.sides import Site, Wire
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, statuses

pytestmark = pytest.mark.kinds("postgresql")


@pytest.fixture
def pooled(database: Database, tmp_path: Path) -> Iterator[str]:
    """The database's URL through a PgBouncer of the test's own, which has fewer sessions than a run has connections."""
    program = shutil.which("pgbouncer")
    if not program:
        pytest.skip("pgbouncer is not installed")
    url, settings = make_url(database.url), tmp_path / "pgbouncer.ini"
    port = free_port()
    server = f"host={url.host} port={url.port or 5432} user={url.username} password={url.password}"
    # It refuses to run as root.
    other = "user = nobody" if os.geteuid() == 0 else ""
    settings.write_text(
        f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n{other}\n"
    )
    settings.chmod(0o644)
    with subprocess.Popen([program, "-q", settings], stderr=subprocess.DEVNULL) as pooler:
        try:
            _wait_for(port)
            settings.unlink()
            yield url.set(port=port).render_as_string(hide_password=False)
        finally:
            pooler.kill()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"pgbouncer does not answer on port {port}")


def test_behind_a_pool_by_transaction_runs_are_whole_and_the_next_ones_write_nothing(
    pooled: str, network: Network
) -> None:
    with closing(Replica(pooled, network)) as replica:
        first = replica.run("core")
        assert set(statuses(first).values()) == {"done"}
        for full in (False, True):
            again = replica.run("core", full=full)
            assert set(statuses(again).values()) == {"done"}
            assert not any(each.inserted + each.updated + each.deleted for each in again.objects)


def test_behind_a_pool_by_transaction_an_edit_is_sent(pooled: str) -> None:
    wire = Wire()
    with closing(Replica(pooled, wire)) as replica:
        site = Site(replica, wire)
        assert site.pull().status == "done"
        replica.do("UPDATE tracking_plans SET name = 'Value 1' WHERE id = (SELECT min(id) FROM tracking_plans)")
        assert [done.outcome for done in site.push()] == ["done"]
        assert [plan["name"] for plan in wire.records("plan")].count("Value 1") == 1
        assert not site.plan()
