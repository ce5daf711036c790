"""The least rights that a user of the database needs (CONTRIBUTING and SECURITY name the same)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from replicator.errors import TargetUnusable
from tests.contract.replica import plans, replica
from tests.databases import Database

GRANTS: dict[str, dict[str, list[str]]] = {
    "postgresql": {
        "creates": ["GRANT CREATE ON DATABASE {database} TO {user}", "CREATE SCHEMA AUTHORIZATION {user}"],
        "prepared": ["CREATE SCHEMA replicator AUTHORIZATION {user}", "CREATE SCHEMA AUTHORIZATION {user}"],
        "nothing": [],
    },
    "mariadb": {
        "creates": [
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON {database}.* TO {user}@'%'",
        ],
        "prepared": ["GRANT ALL ON {database}.* TO {user}@'%'"],
        "nothing": ["GRANT SELECT ON {database}.* TO {user}@'%'"],
    },
}
GRANTS["mysql"] = GRANTS["mariadb"]


@pytest.fixture(params=["creates", "prepared", "nothing"])
def restricted(request: pytest.FixtureRequest, database: Database) -> Iterator[tuple[str, str]]:
    """A URL of a user who has but these rights."""
    grants = GRANTS[database.kind][request.param]
    name = f"limited_{secrets.token_hex(4)}"
    admin = create_engine(make_url(database.url), isolation_level="AUTOCOMMIT")
    password = "IDENTIFIED BY 'pw'" if database.kind in {"mariadb", "mysql"} else "LOGIN PASSWORD 'pw'"
    host = "@'%'" if database.kind in {"mariadb", "mysql"} else ""
    values = {"database": make_url(database.url).database, "user": name}
    with admin.connect() as connection:
        connection.execute(text(f"CREATE USER {name}{host} {password}"))
        for grant in grants:
            connection.execute(text(grant.format(**values)))
    try:
        url = make_url(database.url).set(username=name, password="pw")
        yield request.param, url.render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            if database.kind == "postgresql":
                connection.execute(text(f"DROP OWNED BY {name} CASCADE"))
            connection.execute(text(f"DROP USER {name}{host}"))
        admin.dispose()


@pytest.mark.kinds(*GRANTS)
def test_the_least_rights_are_enough_and_fewer_are_named(restricted: tuple[str, str]) -> None:
    rights, url = restricted
    if rights == "nothing":
        with pytest.raises(TargetUnusable, match="lacks a right there"):
            replica(url)
        return
    made: Any = replica(url)
    assert made.load(plans(5)).inserted == 5
    assert made.load(plans(5, name="new")).updated == 5
    made.target.close()
