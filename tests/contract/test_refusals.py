"""A PostgreSQL server that takes no session of ours: the sentence names its reason."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import create_engine, make_url, text

from replicator.errors import TargetUnusable
from replicator.target.database import open_target
from tests.databases import Database, server


@pytest.mark.kinds("postgresql")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER ROLE {name} CONNECTION LIMIT 0", "no connection left for that user or database"),
        ("ALTER DATABASE {name} CONNECTION LIMIT 0", "no connection left for that user or database"),
        ("ALTER ROLE {name} NOLOGIN", "the user may not log in"),
        ("ALTER DATABASE {name} ALLOW_CONNECTIONS false", "that database takes no connections"),
        ("REVOKE CONNECT ON DATABASE {name} FROM {name}, PUBLIC", "the user lacks a right there"),
    ],
)
def test_what_the_server_refuses_a_user_is_named(database: Database, statement: str, told: str) -> None:
    name = make_url(database.url).database
    engine = create_engine(server("postgresql"), isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.execute(text(f"ALTER DATABASE {name} OWNER TO CURRENT_USER"))
        admin.execute(text(f"ALTER ROLE {name} NOSUPERUSER"))
        admin.execute(text(statement.format(name=name)))
        with pytest.raises(TargetUnusable, match=told):
            open_target(database.url)
        # What looks through the database after a test comes in by the same URL.
        admin.execute(text(f"ALTER ROLE {name} SUPERUSER LOGIN"))
        admin.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that ends each session with these words, where a real one would have to be set up anew."""
    fields = b"SFATAL\0VFATAL\0C28000\0M" + str(request.param).encode() + b"\0\0"

    def refuse(listener: socket.socket) -> None:
        here, _ = listener.accept()
        with closing(here):
            # What comes first may ask for encryption, which this one has not.
            while here.recv(4096)[4:8] in {b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"}:
                here.sendall(b"N")
            here.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,), daemon=True)
        thread.start()
        yield f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/x?sslmode=disable"
        thread.join(5)


@pytest.mark.parametrize(
    ("refusing", "told"),
    [
        (
            "remaining connection slots are reserved for non-replication superuser connections",
            "it has no connection left",
        ),
        ("sorry, too many clients already", "it has no connection left"),
        ('pg_hba.conf rejects connection for host "10.0.0.9", user "u", database "x", SSL off', r"pg_hba\.conf"),
        ('no pg_hba.conf entry for host "10.0.0.9", user "u", database "x", no encryption', r"pg_hba\.conf"),
        ("the database system is shutting down", "starting up or shutting down"),
    ],
    indirect=["refusing"],
)
def test_what_the_server_refuses_everybody_is_named(refusing: str, told: str) -> None:
    with pytest.raises(TargetUnusable, match=told):
        open_target(refusing)
