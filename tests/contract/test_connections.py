"""What a connection to a server costs this side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url

from replicator.target.dialects.local_infile import OfferingConnection
from tests.databases import Database


@pytest.mark.kinds("mariadb", "mysql")
def test_connections_that_check_no_certificate_read_none(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(database.url)
    login: dict[str, Any] = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    with OfferingConnection(**login) as connection:
        assert connection.open
    monkeypatch.setattr("ssl.create_default_context", lambda *_, **__: pytest.fail("certificates were read again"))
    with OfferingConnection(**login) as connection:
        assert connection.open
    monkeypatch.undo()
    with pytest.raises((pymysql.err.OperationalError, OSError)):
        OfferingConnection(**login, ssl_ca=str(tmp_path / "none.pem"))
