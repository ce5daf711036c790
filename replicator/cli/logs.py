"""Log lines on stderr: one for each event, as key=value or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from replicator import about

from .resort import debugging, scrubbed

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Handler(logging.Handler):
    """Writes to what sys.stderr is at the moment: progress bars put something of their own there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A log that nobody reads any more stops no run."""


class _Formatter(logging.Formatter):
    def __init__(self, environ: Mapping[str, str], *, as_json: bool) -> None:
        super().__init__()
        self._environ = environ
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        event |= about.told()
        event |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info and debugging(self._environ):
            event["traceback"] = self.formatException(record.exc_info)
        return scrubbed(json.dumps(event, default=str) if self._as_json else _line(event), self._environ)


def _line(event: Mapping[str, Any]) -> str:
    first = f"{event['time']} {event['level']:<7} {event['event']}"
    rest = {name: value for name, value in event.items() if name not in {"time", "level", "event", "traceback"}}
    line = " ".join([first, *(f"{name}={_value(value)}" for name, value in rest.items())])
    return "\n".join(filter(None, (line, event.get("traceback"))))


def _value(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(" \"='") else json.dumps(text)


def begin(environ: Mapping[str, str], *, as_json: bool, quiet: bool) -> None:
    """Lets our loggers speak; warnings alone where `quiet`."""
    handler = _Handler()
    handler.setFormatter(_Formatter(environ, as_json=as_json))
    # They tell of each lost connection, one with a traceback and the statement; what became of it, we say ourselves.
    for pools in ("sqlalchemy.pool", "psycopg.pool"):
        logging.getLogger(pools).setLevel(logging.CRITICAL)
    ours = logging.getLogger("replicator")
    ours.handlers[:] = [handler]
    ours.propagate = False
    usual = logging.WARNING if quiet else logging.INFO
    ours.setLevel(logging.DEBUG if debugging(environ) else usual)
