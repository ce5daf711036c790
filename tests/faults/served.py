"""A replica of a sandbox that goes wrong over a real socket, on a clock that only waits move."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from replicator.run import RunResult
from replicator.sandbox import Request, Sandbox
from replicator.sandbox.certificates import Certificates
from replicator.sandbox.faults import Faulty, fault_of_text
from replicator.sandbox.faults.faulty import Exchange
from replicator.sandbox.server import running
from replicator.segment.client import Client
from replicator.segment.limits import Limits
from replicator.segment.token import Token
from tests import canaries
from tests.scenarios.network import Network, known
from tests.scenarios.replica import Replica
from tests.segment.conftest import Clock

#: So that small listings have several pages.
PAGE = 3


class Small(Faulty):
    """Gives pages of a few records, whatever is asked for."""

    def begin(self, request: Request) -> Exchange:
        target = re.sub(r"pagination\.count=\d+", f"pagination.count={PAGE}", request.target)
        return super().begin(Request(request.method, target, known(request.headers), request.body))


@dataclass
class Served(Replica):
    """As Replica, but asks over the network, and so that a fault of the wire is one."""

    base_url: str
    faulty: Small
    file: Path
    ca_file: Path | None = None
    clock: Clock = field(default_factory=Clock)
    token: str = canaries.TOKEN

    def __post_init__(self) -> None:
        super().__init__(f"sqlite:///{self.file}", Network(), token=self.token)

    def client(self, stop: Any = None, **more: Any) -> Client:
        ours = {"limits": Limits(clock=self.clock.monotonic), "sleep": self.clock.sleep, "now": self.clock.now}
        waits = {"on_wait": self.clock.waits.append, "deadline": 2.0, "max_body": 2**20, "ca_file": self.ca_file}
        return Client(base_url=self.base_url, token=Token(self.token), stop=stop, **{**ours, **waits, **more})

    def goes_wrong(self, *faults: str) -> None:
        self.faulty.faults.replace(*map(fault_of_text, faults))
        self.faulty.log.clear()

    def heals(self) -> None:
        self.goes_wrong()

    def asked(self) -> Counter[str]:
        """How often each path was asked for since it went wrong last."""
        return Counter(urlsplit(entry.target).path for entry in self.faulty.log.read())

    def certificate(self, run: RunResult, name: str) -> dict[str, Any]:
        """The ledger's row of that object."""
        (row,) = self.books("run_objects", f"WHERE run_id = '{run.run_id}' AND object = '{name}'")
        return row


@contextmanager
def served(folder: Path, sandbox: Sandbox | None = None, tls: Certificates | None = None) -> Iterator[Served]:
    clock = Clock()
    inner = sandbox or Sandbox(now=lambda: moment)
    moment = clock.now()
    elsewhere = Sandbox(seed=2, now=lambda: moment)
    faulty = Small(inner, elsewhere=elsewhere, tls=tls is not None)
    with running(faulty, tls=tls) as url:
        replica = Served(url, faulty, folder / "replica.db", tls.ca_file if tls else None, clock)
        try:
            yield replica
        finally:
            replica.close()
