"""What differs between the databases, one file each; everything else is said once."""

from __future__ import annotations

from replicator.target.dialects.base import Dialect
from replicator.target.dialects.mysql import MySQL
from replicator.target.dialects.postgresql import PostgreSQL
from replicator.target.dialects.sqlite import SQLite

#: By SQLAlchemy's name of the backend (the part of the URL before `+` or `:`).
DIALECTS: dict[str, type[Dialect]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
    "sqlite": SQLite,
}

__all__ = ["DIALECTS", "Dialect", "MySQL", "PostgreSQL", "SQLite"]
