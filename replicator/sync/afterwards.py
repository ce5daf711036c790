"""What a write leaves to be done: a function that was saved is deployed, a plan that was restored gets its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replicator.errors import SegmentError
from replicator.segment.client import Lost
from replicator.sync import written as api
from replicator.sync.model import Done, Step

if TYPE_CHECKING:
    from replicator.sync.sending import Sending


@dataclass(frozen=True, slots=True)
class Afterwards:
    sending: Sending

    def deploy_left(self, only: str | None = None, record: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Deploys what is wanted and not done yet; gives, by function id, why one could not be.

        `record` is the function as it was read just now.
        """
        with self.sending.settling.target.reading() as connection:
            left = [each for each in self.sending.journal.undeployed(connection) if only in (None, each[1])]
        failed: dict[str, str] = {}
        for journal_id, identifier in left:
            status, error = self._deployed(identifier, record)
            if error:
                failed[identifier] = f"saved, but not deployed: {error}"
            with self.sending.settling.target.begin() as connection:
                self.sending.journal.end(connection, [journal_id], status, error)
        return failed

    def _deployed(self, identifier: str, record: Mapping[str, Any] | None) -> tuple[str, str | None]:
        try:
            record = record or self.sending.remote.record(self.sending.thing, identifier)
            if record is None:
                return "refused", "the function is gone"
            if record.get("isLatestVersion") is True:
                return "done", None
            answer = self.sending.remote.client.write(api.deployment(identifier))
        except SegmentError as error:
            if error.stops_everything:
                raise
            return "refused", str(error)
        return ("lost", answer.why) if isinstance(answer, Lost) else ("done", None)

    def connect_left(self) -> list[Done]:
        """Connects the sources that restored plans had, those of plans that are made by now."""
        with self.sending.settling.target.reading() as connection:
            left = self.sending.journal.wanted_sources(connection)
        found: list[Done] = []
        for journal_id, plan, wanted in left:
            if plan.startswith("new:"):
                continue
            there = self.sending.remote.sources(plan)
            done = [self._connected(plan, each) for each in wanted if each not in there]
            outcomes = {each.outcome for each in done}
            status = "lost" if "lost" in outcomes else "refused" if "refused" in outcomes else "done"
            self.sending.end([journal_id], status, next((each.error for each in done if each.error), None))
            found += done
        return found

    def _connected(self, plan: str, source: str) -> Done:
        step = Step(api.SOURCES, f"{plan} {source}", "create", {"tracking_plan_id": plan, "id": source}, requests=1)
        try:
            answer = self.sending.remote.client.write(api.connection(plan, source))
        except SegmentError as error:
            if error.stops_everything:
                raise
            return Done(step, "refused", str(error), error.request_id)
        if isinstance(answer, Lost):
            return Done(step, "lost", f"{answer.why}; the next push looks whether it is connected")
        return Done(step, "done", None, answer.request_id)
