"""Many objects in: parents before children, one object's failure apart from the others, one ledger, one summary."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from replicator import pace, periods, tables
from replicator.about import Threads, about
from replicator.catalog import with_parents
from replicator.errors import ConfigError, Interrupted, NeedsPerson, ReplicatorError, RunLocked
from replicator.lanes import Lanes, Surroundings
from replicator.ledger import Ledger
from replicator.options import Options, Unit, layouts
from replicator.outcome import ObjectResult, Progress, RunResult, Status
from replicator.segment.client import Ask
from replicator.segment.decode import OffContract, decode
from replicator.target import lease, migrate
from replicator.target.bookkeeping import bookkeeping
from replicator.target.decisions import Decisions

if TYPE_CHECKING:
    from replicator.segment.client import Answer, Client
    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

__all__ = [
    "ObjectResult",
    "Options",
    "Progress",
    "RunResult",
    "Status",
    "layouts",
    "replicate",
]

log = logging.getLogger(__name__)

#: How many objects are read at once; each holds a page or two and one database connection.
OBJECTS_AT_ONCE = 4
_TOTALS = ("inserted", "updated", "unchanged", "deleted", "quarantined")

Outcome = tuple[Sequence[ObjectResult], ReplicatorError | None]


def replicate(target: Target, client: Client, options: Options, progress: Progress, stop: threading.Event) -> RunResult:
    """Runs once. Raises for what stops everything before the run begins; afterwards the result says all.

    `stop` is the event that the client got, too; the run sets it itself when one object meets what stops all of them.
    """
    options = periods.settled(target, options)
    migrate.migrate(target, allowed=options.migrate)
    with holding(target, options.mode, options.job, options.unit) as (ledger, held):
        _refuse_without_turn(target, options, ledger)
        return _run(target, client, options, progress, stop, ledger, held)


@contextmanager
def holding(
    target: Target, mode: str, job: str | None = None, unit: Unit | None = None
) -> Iterator[tuple[Ledger, lease.Lease]]:
    """A run's ledger and the lock; raises RunLocked where another run has it. The caller ends the ledger's row."""
    books = bookkeeping(target.dialect)
    ledger = Ledger(target, books, uuid.uuid4().hex)
    # Before the lease is taken: who finds it held looks there for the heartbeat.
    ledger.begin(mode, job)
    try:
        more = {"known_dead": unit.gone} if unit else {}
        held = lease.acquire(target, books, ledger.run_id, **more)
        ledger.go_on()
    except ReplicatorError:
        ledger.withdraw()
        raise
    try:
        with pace.steady(), ledger.beating(), about(run=ledger.run_id):
            yield ledger, held
    finally:
        _give_back(target, held)


def _refuse_without_turn(target: Target, options: Options, ledger: Ledger) -> None:
    """Whoever held the lock meanwhile may have had the turn; asked under the lock, the ledger knows."""
    if options.job is None or options.after is None or ledger.newest(options.job) == options.after:
        return
    ledger.withdraw()
    raise RunLocked(f"Another run of job {options.job} on {target.where} had this turn already.")


def _run(
    target: Target,
    client: Client,
    options: Options,
    progress: Progress,
    stop: threading.Event,
    ledger: Ledger,
    held: lease.Lease,
) -> RunResult:
    started, asked = time.monotonic(), client.requests
    # A worker that dies stops nothing: its unit goes on here.
    ledger.close_dead("interrupted" if options.unit else "failed")
    options = _with_approvals(target, options, ledger, held)
    try:
        results, fatal = _objects(target, client, options, progress, stop, ledger, held)
    except BaseException as error:
        ledger.finish("failed", f"the run broke off ({type(error).__name__})", {"requests": client.requests - asked})
        raise
    result = _result(ledger.run_id, results, fatal, time.monotonic() - started, client.requests - asked)
    totals = {name: sum(getattr(each, name) for each in results) for name in _TOTALS}
    ledger.finish(result.status, result.error, totals | {"requests": result.requests})
    return result


def _with_approvals(target: Target, options: Options, ledger: Ledger, held: lease.Lease) -> Options:
    """What a person approved since the last run of those objects: this one alone may delete it."""
    names = {thing.name for thing in with_parents(options.objects)}
    with target.begin() as connection:
        held.check(connection)
        decisions = Decisions(target)
        approved = decisions.use(connection, names, ledger.run_id)
        if options.job:  # whoever asked for this run has it
            decisions.begun(connection, options.job, ledger.run_id)
    if approved:
        log.info("deletions were approved", extra={"objects": ", ".join(sorted(approved))})
    return replace(options, allow_deletes=options.allow_deletes | approved)


def _give_back(target: Target, held: lease.Lease) -> None:
    try:
        with target.begin() as connection:
            held.release(connection)
    except ReplicatorError as error:
        log.warning("the lease could not be given back; it lapses by itself", extra={"why": str(error)})


def _result(
    run_id: str, results: Sequence[ObjectResult], fatal: ReplicatorError | None, seconds: float, requests: int
) -> RunResult:
    objects, statuses = tuple(results), {each.status for each in results}
    if fatal:
        status: Any = "interrupted" if isinstance(fatal, Interrupted) else "failed"
        return RunResult(run_id, status, objects, seconds, requests, fatal.exit_code, str(fatal))
    if "interrupted" in statuses:
        why = next(each.error for each in objects if each.status == "interrupted")
        return RunResult(run_id, "interrupted", objects, seconds, requests, Interrupted.exit_code, why)
    if "needs_person" in statuses:
        return RunResult(run_id, "needs_person", objects, seconds, requests, NeedsPerson.exit_code)
    if statuses <= {"done"}:
        return RunResult(run_id, "done", objects, seconds, requests, 0)
    if not statuses & {"done", "partial"}:
        return RunResult(run_id, "failed", objects, seconds, requests, 1)
    return RunResult(run_id, "partial", objects, seconds, requests, 3)


def _objects(
    target: Target,
    client: Client,
    options: Options,
    progress: Progress,
    stop: threading.Event,
    ledger: Ledger,
    held: lease.Lease,
) -> Outcome:
    objects = with_parents(options.objects)
    progress.began(ledger.run_id, [thing.name for thing in objects])
    try:
        same_workspace(target, client, ledger)
        mask_key = options.mask_key or kept_mask_key(target, ledger.books)
        fitting = tables.fitted(target, ledger, held, options, layouts(objects, options))
    except ReplicatorError as error:
        return [], error
    with Threads(OBJECTS_AT_ONCE, "object") as lanes:
        around = Surroundings(
            target=target,
            client=client.at_most(options.concurrency),
            options=options,
            progress=progress,
            stop=stop,
            ledger=ledger,
            lease=held,
            mask_key=mask_key,
            layouts=fitting,
        )
        return Lanes(around).perform(objects, lanes)


def same_workspace(target: Target, client: Client, ledger: Ledger) -> None:
    """A replica belongs to one workspace; another one's token would make every row of it look deleted (H21)."""
    found = client.fetch(Ask("getWorkspace", "/", {}, "stable", None), _workspace_id)
    settings, scope = ledger.books.settings, target.place.scope
    name = f"workspace:{scope}" if scope else "workspace"
    with target.begin() as connection:
        known = connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
        if known is None:
            connection.execute(insert(settings).values(name=name, value=found))
        elif known != found:
            raise ConfigError(
                f"The token belongs to workspace {found}, but the tables in {target.where} hold workspace {known}:"
                " use that workspace's token, or another target, --schema or --prefix."
            )
    ledger.note(workspace_id=found)


def _workspace_id(answer: Answer) -> str:
    workspace = decode(answer.body, ()).data.get("workspace")
    found = workspace.get("id") if isinstance(workspace, dict) else None
    if not isinstance(found, str) or not found:
        raise OffContract("its `workspace` has no id")
    return found


def kept_mask_key(target: Target, books: Bookkeeping) -> bytes:
    """The key that this database keeps, made once: rotating the token changes no mask."""
    query = select(books.settings.c.value).where(books.settings.c.name == "mask_key")
    with target.reading() as connection:
        known = connection.execute(query).scalar()
    if known is None:
        # Another place of the same database may be making it in this moment: the first one stays.
        with suppress(IntegrityError), target.transaction() as connection:
            connection.execute(insert(books.settings).values(name="mask_key", value=secrets.token_hex(32)))
        with target.reading() as connection:
            known = connection.execute(query).scalar_one()
    return bytes.fromhex(known)
