"""A conflict decided by a person: our side, theirs, or a third version, becomes what both agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, update

from replicator import exact, masks
from replicator.catalog import by_name
from replicator.edits import Edit, edits, misfit
from replicator.errors import UsageError
from replicator.merge.values import holds_mask
from replicator.options import layout_of
from replicator.run import holding, kept_mask_key, same_workspace
from replicator.sync.decide import clearable
from replicator.sync.journal import Journal
from replicator.sync.look import PLANS
from replicator.sync.remote import Remote, suffix_of
from replicator.sync.rules import listing_of, new_key
from replicator.sync.settle import Settling, TwoRows
from replicator.sync.written import RULES
from replicator.target.base import bound
from replicator.target.bookkeeping import bookkeeping
from replicator.target.decisions import Decisions
from replicator.target.known import Known
from replicator.target.lease import holder

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.target.database import Target

Side = Literal["ours", "theirs", "merged"]


def conflicts(target: Target) -> list[dict[str, Any]]:
    """What waits for a person, newest first."""
    journal = Journal(target, bookkeeping(target.dialect), "")
    with target.reading() as connection:
        return journal.conflicts(connection)


def resolve(
    target: Target,
    client: Client,
    options: Options,
    conflict: str,
    side: Side,
    merged: Mapping[str, Any] | None = None,
    who: str = "",
) -> str:
    """Settles the conflict of that id; returns what happens next, for people. Nothing is sent to Segment.

    `who` decided it is kept with the decision; where nobody says, the process.

    `ours`: the workspace's version becomes the base, so that our edit is sent by the next push. `theirs`: the row takes
    over what the workspace has. `merged`: the row takes these values by column, which are then sent.
    """
    with holding(target, "resolve") as (ledger, lease):
        asked = client.requests
        try:
            same_workspace(target, client, ledger)
            journal = Journal(target, ledger.books, ledger.run_id)
            row = _row(target, journal, conflict)
            layout = layout_of(by_name[row["object"]], options)
            key = options.mask_key or kept_mask_key(target, ledger.books)
            kept = row["object"] in options.history
            settling = Settling(target, lease, ledger, layout, masks.keyed(key), key, kept)
            remote = Remote(client, suffix_of(client))
            resolving = _Resolving(settling, remote, str(row["record_id"]), str(row["object"]))
            told = resolving.settle(side, merged)
            with target.begin() as connection:
                lease.check(connection)
                table = ledger.books.conflicts
                connection.execute(delete(table).where(table.c.id == conflict))
                journal.settle(connection, str(row["object"]), str(row["record_id"]))
                by, record = who or " ".join(holder().split(" ")[:3]), str(row["record_id"])
                Decisions(target).keep(connection, "resolve", str(row["object"]), by, side, record)
        except BaseException as error:
            ledger.finish("failed", f"it broke off ({type(error).__name__})", {"requests": client.requests - asked})
            raise
        ledger.finish("done", None, {"requests": client.requests - asked})
        return told


def _row(target: Target, journal: Journal, conflict: str) -> dict[str, Any]:
    with target.reading() as connection:
        row = next((each for each in journal.conflicts(connection) if each["id"] == conflict), None)
    if row is None:
        raise UsageError(f"There is no conflict {conflict}: `replicator conflicts` lists them.")
    return row


class _Resolving:
    def __init__(self, settling: Settling, remote: Remote, record_id: str, name: str) -> None:
        self.settling, self.remote, self.record_id, self.name = settling, remote, record_id, name
        self.thing = settling.layout.object

    def settle(self, side: Side, merged: Mapping[str, Any] | None) -> str:
        with self.settling.target.reading() as connection:
            found = list(edits(self.settling.target, connection, self.settling.layout))
        edit = next((each for each in found if each.id == self.record_id), None)
        if edit is None:
            return f"{self.name} {self.record_id} is edited no longer; nothing was to be done."
        if side == "theirs":
            return self._theirs(edit)
        if merged is not None:
            self._check(merged, edit)
        try:
            return self._ours(edit, merged or {})
        except TwoRows as error:
            raise UsageError(f"{error}.") from None

    def _check(self, merged: Mapping[str, Any], edit: Edit) -> None:
        if edit.kind == "delete":
            raise UsageError(f"{self.name} {edit.id} was deleted here: resolve it with --ours or --theirs.")
        layout = self.settling.layout
        stored = {each.name for each in layout.columns} - layout.hidden
        sendable = [name for name in self.thing.editable if name in stored]
        if wrong := sorted(merged.keys() - set(sendable)):
            raise UsageError(f"{', '.join(wrong)} cannot be sent: the file may hold {', '.join(sendable)}.")
        for name, value in merged.items():
            if why := self._unfit(name, value):
                raise UsageError(f"{name} {why}.")

    def _unfit(self, name: str, value: Any) -> str | None:
        """Why that value of a merged version could not be sent, or not be stored."""
        if value is None or value == "":
            return None if clearable(self.thing, name) else "cannot be taken away, only changed"
        if why := misfit(self.thing.column(name), value):
            return why
        if holds_mask(value):
            return "holds a masked secret, which cannot be sent"
        return "holds a NUL, which cannot be stored" if exact.holds_nul(value) else None

    def _record(self, edit: Edit) -> Mapping[str, Any] | None:
        return self.remote.of(self.thing, edit)

    def _theirs(self, edit: Edit) -> str:
        record = self._record(edit)
        rows = self._encoded(record, edit) if record is not None else []
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            if edit.kind == "delete":
                # The record comes back, or is gone on both sides.
                self.settling.forget(connection, edit.id)
            elif record is None:
                self.settling.bury(connection, edit)
            elif edit.kind == "create":
                # The record's own row may be edited, too: that edit stays.
                self.settling.give_way(connection, self.settling.name(connection, edit, rows[0], spare=True))
            else:
                self.settling.give_way(connection, edit)
        self.settling.publish(rows)
        return f"{self.name} {edit.id} is as in the workspace."

    def _ours(self, edit: Edit, merged: Mapping[str, Any]) -> str:
        record = self._record(edit)
        if record is None and self.name == RULES and edit.kind != "delete" and self.remote.lacks_plan(edit):
            raise UsageError(
                "The tracking plan of this rule is not in the workspace: `replicator restore` brings a plan back,"
                " or take --theirs."
            )
        key = new_key(edit) if self.name == RULES else None
        if key is not None and self.remote.rule({**edit.known_as, "key": key}) is not None:
            raise UsageError(
                f"The workspace has another rule of the key {key}, which no rename replaces: delete that rule's row"
                " here as well, which the next push then does first, give this row another key, or take --theirs."
            )
        with self.settling.target.begin() as connection:
            self.settling.lease.check(connection)
            if merged:
                self._set(connection, edit, merged)
            if self.name == PLANS and edit.kind == "delete":
                # Its rules go with it, whatever was edited there: nothing that was listed says otherwise any more.
                known = Known(self.settling.ledger.books, self.settling.target.place.scope)
                known.doubt(connection, RULES, listing_of(edit.id).name)
            if record is None:
                if edit.kind != "delete":
                    self.settling.anew(connection, edit)
            elif edit.kind == "create":
                rows = self._encoded(record, edit)
                edit = self.settling.name(connection, edit, rows[0])
                self.settling.rebase(connection, edit, record)
            else:
                self.settling.rebase(connection, edit, record)
        return f"{self.name} {edit.id}: the next push sends what is here."

    def _set(self, connection: Connection, edit: Edit, merged: Mapping[str, Any]) -> None:
        base = self.settling.base
        raw = {name: self.settling.raw(name, value) for name, value in merged.items()}
        values = {name: bound(base.table.c[name], value) for name, value in raw.items()}
        connection.execute(update(base.table).where(base.table.c[base.key] == edit.id).values(**values))

    def _encoded(self, record: Mapping[str, Any], edit: Edit) -> list[Any]:
        listing = listing_of(str(edit.known_as.get("tracking_plan_id"))) if self.name == RULES else None
        return self.settling.encode([record], listing)
