"""What a connection to a server costs this side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url, text

from replicator.target.database import open_target
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


@pytest.mark.kinds("postgresql", "mariadb", "mysql")
def test_a_connection_that_died_while_it_lay_idle_is_replaced_and_one_just_used_is_not_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = open_target(database.url)
    pings: list[Any] = []
    ping = target.engine.dialect.do_ping

    def counted(raw: Any) -> bool:
        pings.append(raw)
        return ping(raw)

    monkeypatch.setattr(target.engine.dialect, "do_ping", counted)
    for _ in range(3):
        with target.reading() as connection:
            connection.execute(text("SELECT 1"))
            raw = connection.connection.dbapi_connection
    assert not pings
    assert raw is not None
    raw.close()
    monkeypatch.setattr("replicator.target.database._IDLE", 0.0)
    with target.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert pings == [raw]
    target.close()
