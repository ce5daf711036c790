"""Which run wrote an object's history last, and the times in which none was kept: only their outcome is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from replicator.target.state import State


@dataclass(frozen=True, slots=True)
class Mark:
    """The run that wrote the history last, and the moment of its last change."""

    run_id: str
    last: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """From when to when runs published the object without keeping its history; `end` is None while they do."""

    begin: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Marks:
    """Those of one object."""

    connection: Connection
    state: State
    name: str

    def read(self) -> Mark | None:
        """None where nothing was kept yet, or somebody else moved rows since."""
        value = self._value(_mark_name(self.state.scope, self.name))
        if value is None:
            return None
        run_id, _, last = value.partition(" ")
        return Mark(run_id, datetime.fromisoformat(last))

    def write(self, mark: Mark) -> None:
        """That run's is the last word."""
        self._write(_mark_name(self.state.scope, self.name), f"{mark.run_id} {_text(mark.last)}")

    def is_behind(self, mark: Mark) -> bool:
        """Whether a later run published the object and kept no history."""
        return mark.run_id != self.state.read(self.connection, self.name).run_id

    def end_gap(self, mark: Mark, end: datetime) -> None:
        """From now on versions are kept again, if they were not."""
        if self.is_behind(mark):
            ended = [*self._ended(), (self._begin(mark), end)]
            self._write(self._gaps_name, json.dumps([[_text(each) for each in gap] for gap in ended]))

    def gaps(self) -> list[Gap]:
        """All of them, in their order."""
        mark = self.read()
        ended = [Gap(begin, end) for begin, end in self._ended()]
        return [*ended, Gap(self._begin(mark), None)] if mark and self.is_behind(mark) else ended

    def _ended(self) -> list[tuple[datetime, datetime]]:
        found = json.loads(self._value(self._gaps_name) or "[]")
        return [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in found]

    def _begin(self, mark: Mark) -> datetime:
        """The run's end, up to which the history tells all; its last change where the ledger has forgotten the run."""
        runs = self.state.books.runs
        ended: datetime | None = self.connection.execute(
            select(runs.c.finished_at).where(runs.c.id == mark.run_id)
        ).scalar()
        return ended or mark.last

    def _value(self, name: str) -> str | None:
        settings = self.state.books.settings
        value: str | None = self.connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
        return value

    def _write(self, name: str, value: str) -> None:
        settings = self.state.books.settings
        self.connection.execute(delete(settings).where(settings.c.name == name))
        self.connection.execute(insert(settings).values(name=name, value=value))

    @property
    def _gaps_name(self) -> str:
        return f"history_gaps:{self.state.scope}:{self.name}"


def _mark_name(scope: str, name: str) -> str:
    return f"history:{scope}:{name}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def fall_behind(connection: Connection, settings: Table, name: str, scope: str) -> None:
    """Somebody else moved rows of that object: its history is compared as a whole when it is written next."""
    connection.execute(delete(settings).where(settings.c.name == _mark_name(scope, name)))
