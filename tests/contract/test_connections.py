"""What a connection to a server costs this side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url, text

from replicator.target.database import open_target
from replicator.target.dialects.local_infile import OfferingConnection
from tests.databases import PASSWORD_WORD, Database, engine


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


@pytest.mark.kinds("mariadb", "mysql")
@pytest.mark.parametrize("letters", ["pässwörd", "p€ss", "☃𝄞"])
def test_a_password_may_hold_any_letters(database: Database, letters: str) -> None:
    url, password = make_url(database.url), f"{PASSWORD_WORD}-{letters}"
    own = text(f"ALTER USER {url.username}@'%' IDENTIFIED BY :password")
    admin = engine(url)
    with admin.begin() as connection:
        connection.execute(own, {"password": password})
        opened = open_target(url.set(password=password).render_as_string(hide_password=False))
        with opened.reading() as reading:
            assert reading.execute(text("SELECT 1")).scalar_one() == 1
        opened.close()
        connection.execute(own, {"password": url.password})
    admin.dispose()


@pytest.mark.kinds("mariadb", "mysql")
def test_the_time_to_connect_limits_no_statement(database: Database) -> None:
    target = open_target(f"{database.url}?connect_timeout=1")
    try:
        with target.reading() as reading:
            assert reading.execute(text("SELECT SLEEP(2.5)")).scalar_one() == 0
    finally:
        target.close()
