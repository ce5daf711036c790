"""What MySQL and MariaDB say when something goes wrong, in words that help."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from replicator.errors import TargetError, TargetUnusable
from replicator.target.dialects.base import missing, refusal
from replicator.target.dialects.local_infile import REJECTED

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

#: Error number -> what happened and what to do; https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
_SENTENCES = {
    1021: "its disk is full: free some space and run again",
    1040: "it has no connection left: raise max_connections or lower `concurrency`",
    1044: "the user lacks a right there: GRANT ALL on the database to it",
    1045: "it refused the user or the password: check both in the target URL",
    1698: "it refused the user or the password: check both in the target URL",
    1049: "that database does not exist: create it, or name another in the target URL",
    1114: "a table or its disk is full: free some space and run again",
    1142: "the user lacks a right there: GRANT ALL on the database to it",
    1143: "the user lacks a right there: GRANT ALL on the database to it",
    1213: "other sessions made each of five tries fail: run again when they are done",
    1205: "another session holds a lock on the table for too long",
    1227: "the user lacks a right there: GRANT ALL on the database to it",
    1290: "it is read-only: connect to the primary, or end its read-only mode",
    1792: "it is read-only: connect to the primary, or end its read-only mode",
    1836: "it is read-only: connect to the primary, or end its read-only mode",
    1370: "the user lacks a right there: GRANT ALL on the database to it",
    2003: "nothing listens there: start the server or correct host and port in the target URL",
    2006: "the connection broke: run again, it goes on where it stopped",
    2013: "the connection broke: run again, it goes on where it stopped",
}
BAD_VALUE = {1048, 1153, 1264, 1265, 1292, 1366, 1406, 3140, 3141, 3156, 3157, 4025, 9301}
LOAD_REFUSED = {1148, 1290, REJECTED, 3948, 4166}
INCORRECT = 1366
_NO_TABLE = 1146
#: What the server's words about a refused row name; they quote its values too, which stay out of our sentence.
_NAMED = {
    1048: ("column", re.compile(r"Column '([^']+)'")),
    1062: ("constraint", re.compile(r"for key '([^']+)'$")),
    1364: ("column", re.compile(r"Field '([^']+)'")),
    1452: ("constraint", re.compile(r"CONSTRAINT `([^`]+)`")),
    3819: ("constraint", re.compile(r"constraint '([^']+)'")),
    4025: ("constraint", re.compile(r"CONSTRAINT `([^`]+)`")),
}


def explained(error: DBAPIError, where: str) -> TargetError | None:
    """What a person reads instead."""
    number = number_of(error.orig)
    if error.orig and isinstance(error.orig.__context__, TimeoutError):
        return TargetUnusable(f"Cannot reach {where}: it did not answer in time; check host, port and firewall.")
    if sentence := _SENTENCES.get(number):
        return TargetUnusable(f"Cannot use {where}: {sentence} (error {number}).")
    if number == _NO_TABLE:
        return TargetError(missing(where, f"error {number}"))
    if error.connection_invalidated or number == 0:
        return TargetUnusable(f"The connection to {where} broke: run again, it goes on where it stopped.")
    parts = _about(number, str(error.orig.args[1]) if error.orig and len(error.orig.args) > 1 else "")
    return TargetError(refusal(where, parts, f"error {number}"))


def _about(number: int, words: str) -> dict[str, str | None]:
    if number not in _NAMED:
        return {}
    part, pattern = _NAMED[number]
    found = pattern.search(words)
    return {part: found[1] if found else None}


def number_of(error: BaseException | None) -> int:
    """The server's or the driver's; 0 where there is none."""
    with suppress(IndexError, TypeError, ValueError, AttributeError):
        return int(error.args[0])  # type: ignore[union-attr]
    return 0
