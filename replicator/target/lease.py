"""Who may commit: one run at a time for each replica, fenced by an epoch that only grows (I13 in reliability.md).

The epoch is checked inside every transaction that writes, so that a run which was paused, cut off or declared dead
cannot commit once another took over. The heartbeat lies in `runs`, apart from the epoch's row: committing
transactions hold that row shared, and a take-over waits for them.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from replicator.errors import RunLocked

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from replicator.target.bookkeeping import Bookkeeping
    from replicator.target.database import Target

#: A run beats every BEAT seconds. One whose last heartbeat is older than PATIENCE is taken for dead: whoever was only
#: slow cannot commit any more, and its work is done again from its last page.
BEAT = 2.0
PATIENCE = timedelta(seconds=10)
#: Where the process is seen to be there still, and where a heartbeat waits for a large transaction of the same run.
LONG_PATIENCE = timedelta(seconds=60)


#: Tells this process from an earlier one with the same id, as the first process of a restarted container has.
_BIRTH = uuid.uuid4().hex[:8]


def holder() -> str:
    """This process: host, process id, the id's name space (ids of two containers would mix), and a mark of its own."""
    space = "-"
    with suppress(OSError):
        # The id of the boot tells machines of one name apart: the first name space has the same number on each.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = f"{Path('/proc/self/ns/pid').readlink()}@{boot}"
    return f"{socket.gethostname()} process {os.getpid()} {space} {_BIRTH}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to commit, as long as nobody took over."""

    books: Bookkeeping
    name: str
    epoch: int
    where: str

    def check(self, connection: Connection) -> None:
        """Raises RunLocked when another run took over; holds a take-over back until the transaction ends."""
        epoch: int | None = connection.execute(_epoch_of(self.books), {"lease": self.name}).scalar()
        if epoch != self.epoch:
            raise RunLocked(
                f"Another run took over {self.where} while this one was paused or cut off;"
                " nothing of this one was kept since."
            )

    @contextmanager
    def guarding(self, target: Target) -> Iterator[Connection]:
        """A transaction for DDL that no take-over crosses; where DDL commits, another connection holds the lease.

        Database errors come as they are.
        """
        with target.transaction() as connection:
            self.check(connection)
            if not target.dialect.ddl_commits:
                yield connection
                return
            with target.transaction() as altering:
                yield altering

    def release(self, connection: Connection) -> None:
        """Lets the next run begin at once."""
        leases = self.books.leases
        connection.execute(
            update(leases)
            .where(leases.c.name == self.name, leases.c.epoch == self.epoch)
            .values(run_id=None, holder=None)
        )


@lru_cache(maxsize=8)
def _epoch_of(books: Bookkeeping) -> Select[Any]:
    """Made once: each transaction of a run asks for it."""
    leases = books.leases
    return select(leases.c.epoch).where(leases.c.name == bindparam("lease")).with_for_update(read=True)


def _nobody(_: str) -> bool:
    return False


def acquire(target: Target, books: Bookkeeping, run_id: str, *, known_dead: Callable[[str], bool] = _nobody) -> Lease:
    """Takes the lease for that run, over from a dead one if need be. Raises RunLocked naming who holds it.

    `known_dead` says of which holders a fleet knows that they are no more.
    """
    name = target.place.scope or "default"
    leases = books.leases
    me = holder()
    with target.explained(), suppress(IntegrityError), target.transaction() as connection:
        if connection.execute(select(leases.c.name).where(leases.c.name == name)).first() is None:
            connection.execute(insert(leases).values(name=name, epoch=0))
    with target.begin() as connection:
        row = connection.execute(select(leases).where(leases.c.name == name)).one()
        if row.run_id is not None and not known_dead(row.holder or ""):
            _refuse_if_alive(target, books, connection, row.run_id, row.holder or "")
        taken = connection.execute(
            update(leases)
            .where(leases.c.name == name, leases.c.epoch == row.epoch)
            .values(epoch=row.epoch + 1, run_id=run_id, holder=me)
        ).rowcount
        if taken != 1:
            raise RunLocked(f"Another run began on {target.where} in this moment: wait for it to end.")
        return Lease(books, name, row.epoch + 1, target.where)


def _refuse_if_alive(target: Target, books: Bookkeeping, connection: Connection, run_id: str, by: str) -> None:
    runs = books.runs
    run = connection.execute(select(runs.c.heartbeat_at, runs.c.started_at).where(runs.c.id == run_id)).first()
    if run is None:
        return
    if not dead(target, by, target.dialect.now(connection) - run.heartbeat_at):
        raise RunLocked(
            f"Run {run_id} ({' '.join(by.split(' ')[:3])}, since {run.started_at:%Y-%m-%d %H:%M:%S} UTC) is replicating"
            f" into {target.where}: wait for it to end, or stop it and run again."
        )


def dead(target: Target, by: str, age: timedelta) -> bool:
    """Whether a run of that process, whose last heartbeat is so old, goes on no more."""
    there = _there(by)
    if there is None and not target.dialect.single_writer:
        return age >= PATIENCE
    return there is False or age >= LONG_PATIENCE


def _there(by: str) -> bool | None:
    """Whether that process goes on, if it is one of this machine, in our space of process ids; else nobody knows."""
    words, mine = by.split(" "), holder().split(" ")
    if len(words) != len(mine) or (words[0], words[3]) != (mine[0], mine[3]):
        return None
    if os.name != "posix":  # there, asking would end the process
        return None
    if words[2] == mine[2]:
        return words[4] == mine[4]
    try:
        os.kill(int(words[2]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    except ValueError:
        return None
    return True
