"""What happens at a crash point: its name is noted, or the process, its database or its network comes to grief."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

import psycopg
import pymysql
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from replicator import crash
from replicator.target.database import Target
from tests.crashes import places
from tests.crashes.workspace import Line

#: `lost` is the database's connection, the answer to a COMMIT too; `reset` one request; `offline` all further ones.
MODES = ("kill", "exception", "sigterm", "lost", "reset", "offline")
_DDL = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMIT"})


class Mishap(Exception):
    """What no part of the program expects."""


@dataclass(frozen=True, slots=True)
class Point:
    """The nth time that the crash point of this name is reached: an index of all points would depend on threads."""

    name: str
    nth: int

    def suits(self, mode: str, kind: str) -> bool:
        """Whether that can happen there."""
        asks = " request " in self.name
        if mode in {"reset", "offline"}:
            return asks and self.name.startswith("before")
        return mode != "lost" or (not asks and not (kind == "sqlite" and "statement" in self.name))

    @property
    def publishes(self) -> bool:
        return any(word in self.name for word in ("target.publish.", "Stage.drop", "_confirm"))

    def __str__(self) -> str:
        return f"{self.name} #{self.nth}"


@dataclass
class Trap:
    """Notes every point of this process, and springs at one of them."""

    kind: str
    line: Line
    url: str
    at: Point | None = None
    mode: str = ""
    passed: list[Point] = field(default_factory=list)
    sprung: bool = False
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock)

    def arm(self, target: Target) -> None:
        """Where DDL commits by itself, each such statement lies between two points as well."""
        crash.arm(self.reached)
        if target.dialect.ddl_commits:
            event.listen(target.engine, "before_cursor_execute", self._statement("before statement"))
            event.listen(target.engine, "after_cursor_execute", self._statement("after statement"))

    def _statement(self, moment: str) -> Any:
        def listener(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.split(None, 1)[0].upper() in _DDL:
                self.reached(moment, "")

        return listener

    def reached(self, moment: str, about: str) -> None:
        name = f"{moment} {about or _place(sys._getframe(1))}"
        with self._lock:
            self._seen[name] += 1
            point = Point(name, self._seen[name])
            self.passed.append(point)
            springs = point == self.at
            self.sprung = self.sprung or springs
        if springs:
            self._spring(moment)

    def _spring(self, moment: str) -> None:
        match self.mode:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exception":
                raise Mishap(moment)
            case "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
            case "lost" if moment == "after commit" or self.kind == "sqlite":
                _lose(self.kind)
            case "lost":
                places.sever(self.kind, self.url)
            case _:
                self.line.cut = self.mode


def _place(frame: FrameType | None) -> str:
    """The function of the program whose transaction or statement it is; those that serve all of them are passed by."""
    while frame:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        if module.startswith("replicator.") and module not in _SERVING and not name.startswith("Lease.guarding"):
            return f"{module.removeprefix('replicator.')}.{name.replace('.<locals>', '')}"
        frame = frame.f_back
    return "elsewhere"


_SERVING = frozenset({"replicator.target.database", "replicator.crash"})


def _lose(kind: str) -> NoReturn:
    """As if the server had done its part, or the disk had not, and the answer never came."""
    match kind:
        case "postgresql":
            cause: Exception = psycopg.OperationalError("server closed the connection unexpectedly")
        case "sqlite":
            cause = sqlite3.OperationalError("disk I/O error")
            cause.sqlite_errorcode = sqlite3.SQLITE_IOERR
        case _:
            cause = pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
    raise OperationalError("COMMIT", None, cause, connection_invalidated=kind != "sqlite")
