"""What every step of a record goes by: the sides it lies between, and what the API makes of its columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from replicator.errors import SegmentError
from replicator.sync.decide import bare_name, columns_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.catalog.model import Object
    from replicator.sync.afterwards import Afterwards
    from replicator.sync.journal import Journal
    from replicator.sync.model import Change, Step
    from replicator.sync.remote import Remote
    from replicator.sync.sending import Sending
    from replicator.sync.settle import Settling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Records:
    """Of one object."""

    sending: Sending
    afterwards: Afterwards

    @property
    def thing(self) -> Object:
        return self.sending.thing

    @property
    def journal(self) -> Journal:
        return self.sending.journal

    @property
    def settling(self) -> Settling:
        return self.sending.settling

    @property
    def remote(self) -> Remote:
        return self.sending.remote

    def columns(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What the row of that record would hold, so that the two can be compared."""
        return bare_name(columns_of(self.thing, self.settling.covered(record)), self.remote.suffix)

    def body(self, step: Step) -> dict[str, Any]:
        """What a write of the step carries: the changed fields, under their names in the API."""
        return {self.thing.column(each.name).field: bare(each, self.remote.suffix) for each in step.changes}

    def again(self, step: Step) -> Mapping[str, Any] | None:
        """The step's record as it is now."""
        return self.remote.record(self.thing, step.id)

    def read(self, identifier: str) -> Mapping[str, Any] | None:
        """None where it is gone, or cannot be read: the next run does so then."""
        try:
            return self.remote.record(self.thing, identifier)
        except SegmentError as error:
            if error.stops_everything:
                raise
            log.warning("read-back failed", extra={"object": self.thing.name, "id": identifier, "why": str(error)})
            return None

    def read_back(self, identifier: str, record: Mapping[str, Any], *, deploys: bool) -> str | None:
        """What the server made of it becomes the row; why it could not be deployed, if it shall be and could not."""
        error = None
        if deploys:
            error = self.afterwards.deploy_left(only=identifier, record=record).get(identifier)
            record = self.read(identifier) or record
        self.sending.rows += self.settling.encode([record])
        return error

    def lead_children(self, connection: Connection, was: str, now: str) -> None:
        """Rules that a person added below a new plan name the row by which that plan was known here."""
        if self.thing.name != "TrackingPlans":
            return
        self.journal.name_plan(connection, was, now)
        self.remote.made_plans[now] = was
        if self.sending.rules:
            rules = self.sending.rules.base.table
            mine = rules.c.tracking_plan_id == was
            connection.execute(update(rules).where(mine).values(tracking_plan_id=now))

    def wants_deployment(self, step: Step) -> bool:
        """Saving a source function does not deploy it (resources.md, "Updates")."""
        code = any(each.name == "code" for each in step.changes)
        return self.sending.deploy and code and self.thing.name == "SourceFunctions"


def bare(change: Change, suffix: str) -> Any:
    """The value to be sent: of a display name, without what Segment appends (resources.md, "Reads that bite")."""
    return bare_name({change.name: change.after}, suffix)[change.name]
