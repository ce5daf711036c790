"""What differs between the databases, one file each; everything else is said once."""

from __future__ import annotations

from collections.abc import Callable

from replicator.target.dialects.base import Dialect

__all__ = ["DIALECTS", "Dialect"]


# Each driver takes a tenth of a second and 10 MB to import, so only that of the target is.


def _postgresql() -> Dialect:
    from replicator.target.dialects.postgresql import PostgreSQL

    return PostgreSQL()


def _mysql() -> Dialect:
    from replicator.target.dialects.mysql import MySQL

    return MySQL()


def _sqlite() -> Dialect:
    from replicator.target.dialects.sqlite import SQLite

    return SQLite()


#: By SQLAlchemy's name of the backend (the part of the URL before `+` or `:`).
DIALECTS: dict[str, Callable[[], Dialect]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlite": _sqlite,
}
