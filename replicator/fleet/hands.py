"""How a worker takes units. The one module that is async, because Procrastinate is: a unit itself runs in a thread.

Procrastinate only hands out work. What became of a unit the ledger of its connection's database tells, and the lock
there keeps two runs apart; so a unit that comes twice does no harm, and none is kept here once it was performed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision, exceptions
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.worker import Worker
from psycopg import Error as PsycopgError

from .queue import Unit
from .store import BEAT, PATIENCE, QUEUE, TASK

if TYPE_CHECKING:
    from procrastinate.jobs import Job

#: How often a worker looks for units that no notification told of, and for those of dead workers.
_LOOK = 1.0
#: A unit whose workers died so often waits a while, and twice as long each time.
_DEATHS, _LONGEST = 3, 600.0
#: How long a worker waits before it tries again a queue that is away.
_AWAY = 2.0

log = logging.getLogger("replicator.worker")


class Again(Exception):
    """The unit goes on later, here or elsewhere."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


class _Later(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:  # noqa: ARG002 - theirs
        return RetryDecision(retry_at=_in(exception.seconds)) if isinstance(exception, Again) else None


class _Hands(JobManager):
    """A worker that was taken for dead and woke up has no say over the unit that another one performs meanwhile."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - theirs
        if await self._holds(job):
            await super().finish_job(job, status, delete_job)

    async def retry_job(self, job: Job, *args: Any, **more: Any) -> None:
        if not await self._holds(job):
            return
        try:
            await super().retry_job(job, *args, **more)
        except exceptions.UniqueViolation:
            # Its turn was planned anew in this moment, and that unit waits.
            await super().finish_job(job, Status.FAILED, delete_job=True)

    async def _holds(self, job: Job) -> bool:
        query = "SELECT 1 AS held FROM procrastinate_jobs WHERE id = %(id)s AND worker_id = %(by)s AND status = 'doing'"
        rows = await self.connector.execute_query_all_async(query, id=job.id, by=job.worker_id)
        if not rows:
            log.warning("unit was taken over", extra={"unit": job.queueing_lock})
        return bool(rows)


def work(text: str, holder: str, perform: Callable[[Unit], None], stop: threading.Event, *, units: int) -> None:
    """Performs units, so many at once, until `stop` is set and those under way have ended.

    `text` is what the driver connects by, `holder` this process as locks name it. `perform` raises Again for a unit
    that is to go on later, and nothing else.
    """
    asyncio.run(_work(text, holder, perform, stop, units))


async def _work(text: str, holder: str, perform: Callable[[Unit], None], stop: threading.Event, units: int) -> None:
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(units, "unit")
    loop.set_default_executor(threads)
    while not stop.is_set():
        connector = PsycopgConnector(conninfo=text, min_size=1, max_size=4, timeout=10.0)
        app = App(connector=connector)
        app.job_manager = _Hands(connector)
        app.task(name=TASK, queue=QUEUE, retry=_Later())(lambda **told: perform(Unit(**told)))
        try:
            async with app.open_async():
                await _until_stopped(app, holder, stop, units)
        except (exceptions.ConnectorException, PsycopgError) as error:
            log.warning("queue is away; the worker tries again", extra={"why": type(error.__cause__ or error).__name__})
        if not stop.is_set():
            await asyncio.sleep(_AWAY)


async def _until_stopped(app: App, holder: str, stop: threading.Event, units: int) -> None:
    worker = Worker(
        app,
        queues=[QUEUE],
        concurrency=units,
        fetch_job_polling_interval=_LOOK,
        delete_jobs="always",
        install_signal_handlers=False,
        update_heartbeat_interval=BEAT,
        stalled_worker_timeout=PATIENCE,
    )
    ended = asyncio.Event()
    coroutines = _beat(app, holder, ended), _take_over(app, ended), _follow(stop, worker)
    beside = [asyncio.create_task(each) for each in coroutines]
    try:
        await worker.run()  # type: ignore[no-untyped-call]
    finally:
        # A cancellation is lost where it comes as the driver or its pool fails: what they raise then is a mere error.
        ended.set()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


async def _follow(stop: threading.Event, worker: Worker) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - a signal handler or another thread sets it
        await asyncio.sleep(0.1)
    worker.stop()  # type: ignore[no-untyped-call]


async def _beat(app: App, holder: str, ended: asyncio.Event) -> None:
    """The locks of this process are safe as long as it beats."""
    while not ended.is_set():
        with suppress(exceptions.ConnectorException):  # the worker meets it, too, and says so
            await app.connector.execute_query_async("SELECT beat_v1(%(by)s)", by=holder)
        await asyncio.sleep(BEAT)


async def _take_over(app: App, ended: asyncio.Event) -> None:
    """Procrastinate has no such part. As a task of its queue it would need a lock, and could then be stuck itself."""
    while not ended.is_set():
        with suppress(exceptions.ConnectorException):
            for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=PATIENCE):
                await _take(app, job)
        await asyncio.sleep(_LOOK)


async def _take(app: App, job: Job) -> None:
    claim = "SELECT claim_v1(%(job)s, %(number)s) AS mine"
    if (
        job.id is None
        or not (await app.connector.execute_query_one_async(claim, job=job.id, number=job.attempts))["mine"]
    ):
        return
    wait = min(2.0 ** (job.attempts - _DEATHS) * 10, _LONGEST) if job.attempts >= _DEATHS else 0.0
    log.warning("worker died; its unit is handed on", extra={"unit": job.queueing_lock, "seconds": wait})
    try:
        await app.job_manager.retry_job_by_id_async(job.id, _in(wait))
    except exceptions.UniqueViolation:
        # The same turn waits already: this one would block its connection for ever.
        await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
