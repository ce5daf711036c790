"""The tables `alerts` and `alert_tells`: what stands, and which channel was told. Shared by all who look at a database.

Whoever writes what it judged must have judged by the newest state: a number in `settings` moves with each change, and a
look that was overtaken by another one keeps nothing. Who tells something claims it first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from replicator.alerts.decide import EVENTS, Alert, Key, Tell, begun
from replicator.target.bookkeeping import bookkeeping

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

#: A claim that is older was made by a process that died with it; sending takes less.
CLAIM = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A channel that is to be told of an alert, and how much later than it opened."""

    channel: str
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Book:
    """Of one place of the database."""

    target: Target

    @property
    def books(self) -> Bookkeeping:
        return bookkeeping(self.target.dialect)

    @property
    def scope(self) -> str:
        return self.target.place.scope

    def number(self, connection: Connection) -> int:
        """It moves with each change of the alerts."""
        settings = self.books.settings
        found = connection.execute(select(settings.c.value).where(settings.c.name == self._name)).scalar()
        return int(found or 0)

    @property
    def _name(self) -> str:
        return f"alerts:{self.scope}"

    def known(self, connection: Connection) -> dict[Key, Alert]:
        """All alerts, those that are over too."""
        table = self.books.alerts
        rows = connection.execute(select(table).where(table.c.scope == self.scope))
        return {
            (key := Key(row.kind, row.job, row.object, row.detail)): Alert(
                key, row.why, row.run_id, row.opened_at, row.closed_at
            )
            for row in rows
        }

    def tells(self, connection: Connection) -> dict[tuple[Key, str], Tell]:
        """What each channel knows of each alert."""
        table, alerts = self.books.alert_tells, self.books.alerts
        columns = (alerts.c.kind, alerts.c.job, alerts.c.object, alerts.c.detail)
        query = select(*columns, table).join(alerts, alerts.c.id == table.c.alert_id)
        return {
            (Key(row.kind, row.job, row.object, row.detail), row.channel): Tell(row.told, row.due_at, row.attempts)
            for row in connection.execute(query.where(alerts.c.scope == self.scope))
        }

    def errors(self, connection: Connection) -> list[dict[str, Any]]:
        """The channels that do not work, with the newest reason and when each is tried again."""
        table, alerts = self.books.alert_tells, self.books.alerts
        mine = (alerts.c.scope == self.scope, table.c.attempts > 0)
        query = select(table).join(alerts, alerts.c.id == table.c.alert_id).where(*mine)
        found: dict[str, dict[str, Any]] = {}
        for row in connection.execute(query.order_by(table.c.due_at)):
            before = found.get(row.channel, {"untold": 0})
            found[row.channel] = {
                "channel": row.channel,
                "untold": before["untold"] + 1,
                "attempts": row.attempts,
                "error": row.error,
                "due_at": row.due_at,
            }
        return list(found.values())

    def keep(self, number: int, changed: Mapping[Key, Alert], wanted: Mapping[Key, list[Wanted]]) -> bool:
        """Writes the alerts that changed, and that each wanted channel is to be told; False if overtaken meanwhile."""
        if not changed and not wanted:
            return True

        def work() -> bool:
            with self.target.transaction() as connection:
                if not self._moved(connection, number):
                    return False
                tells = self.tells(connection)
                for alert in changed.values():
                    self._write(connection, alert)
                for key, channels in wanted.items():
                    self._want(connection, changed.get(key) or self.known(connection)[key], channels, tells)
                return True

        with self.target.explained():
            try:
                return self.target.attempt(work)
            except IntegrityError:
                # Somebody wrote the first of all alerts in this moment.
                return False

    def _moved(self, connection: Connection, number: int) -> bool:
        settings = self.books.settings
        if number == 0:
            connection.execute(insert(settings).values(name=self._name, value="1"))
            return True
        mine = (settings.c.name == self._name, settings.c.value == str(number))
        return connection.execute(update(settings).where(*mine).values(value=str(number + 1))).rowcount == 1

    def _write(self, connection: Connection, alert: Alert) -> None:
        table, identifier = self.books.alerts, self._id(alert.key)
        if alert.closed and alert.key.kind in EVENTS:
            connection.execute(delete(self.books.alert_tells).where(self.books.alert_tells.c.alert_id == identifier))
            connection.execute(delete(table).where(table.c.id == identifier))
            return
        values = {"why": alert.why, "run_id": alert.run, "opened_at": alert.opened, "closed_at": alert.closed}
        if not connection.execute(update(table).where(table.c.id == identifier).values(**values)).rowcount:
            key = alert.key
            names = {"kind": key.kind, "job": key.job, "object": key.object, "detail": key.detail}
            connection.execute(insert(table).values(id=identifier, scope=self.scope, **names, **values))

    def _want(
        self, connection: Connection, alert: Alert, channels: list[Wanted], tells: Mapping[tuple[Key, str], Tell]
    ) -> None:
        table, identifier = self.books.alert_tells, self._id(alert.key)
        for each in channels:
            before = tells.get((alert.key, each.channel))
            now = begun(before, alert, each.delay)
            if now == before:
                continue
            mine = (table.c.alert_id == identifier, table.c.channel == each.channel)
            connection.execute(delete(table).where(*mine))
            values = {"told": now.told, "attempts": now.attempts, "due_at": now.due}
            connection.execute(insert(table).values(alert_id=identifier, channel=each.channel, **values))

    def claim(self, alert: Alert, channel: str, tell: Tell, name: str, now: datetime) -> bool:
        """Whether nobody else tells it there in this moment, or did since it was read."""
        table = self.books.alert_tells
        mine = (table.c.alert_id == self._id(alert.key), table.c.channel == channel)
        same = (table.c.told == tell.told, table.c.attempts == tell.attempts)
        free = or_(table.c.claim.is_(None), table.c.claimed_at < now - CLAIM)
        with self.target.begin() as connection:
            taken = update(table).where(*mine, *same, free).values(claim=name, claimed_at=now)
            return connection.execute(taken).rowcount == 1

    def told(self, alert: Alert, channel: str, tell: Tell, name: str, error: str | None) -> None:
        """Ends the claim with what the channel knows now."""
        table = self.books.alert_tells
        mine = (table.c.alert_id == self._id(alert.key), table.c.channel == channel, table.c.claim == name)
        with self.target.begin() as connection:
            values: dict[str, Any] = {"told": tell.told, "attempts": tell.attempts, "due_at": tell.due, "error": error}
            if error is None:
                values["told_at"] = tell.due
            connection.execute(update(table).where(*mine).values(**values, claim=None, claimed_at=None))

    def _id(self, key: Key) -> str:
        name = repr((self.scope, key.kind, key.job, key.object, key.detail))
        return hashlib.sha256(name.encode()).hexdigest()[:16]
