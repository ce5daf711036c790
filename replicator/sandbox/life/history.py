"""Lets life go on: does what is due, through the sandbox's own operations, and remembers how each thing went."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from .deeds import person

if TYPE_CHECKING:
    from datetime import datetime

    from replicator.sandbox.application import Sandbox
    from replicator.sandbox.messages import Response

    from .deeds import Course, Due

_log = logging.getLogger(__name__)
_REMEMBERED = 10_000
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that somebody did. `problem` is what the API had against it."""

    number: int
    moment: datetime
    workspace: str
    by: str
    method: str
    target: str
    status: int
    problem: str = ""


class Life:
    def __init__(self, sandbox: Sandbox, course: Course) -> None:
        self._sandbox = sandbox
        self._course = course
        self._worlds = {tenant.workspace.slug: tenant.world for tenant in sandbox.tenants}
        #: The last ten thousand, oldest first.
        self.done: deque[Done] = deque(maxlen=_REMEMBERED)
        self.count = 0
        course.begin(sandbox.now())

    def catch_up(self, asked: int) -> None:
        """Do what is due before the request after so many others."""
        now = self._sandbox.now()
        while (due := self._course.next(self._worlds, asked, now)) is not None:
            self._do(due)

    def _do(self, due: Due) -> None:
        slug = due.workspace or self._sandbox.tenants[0].workspace.slug
        tenant = next(tenant for tenant in self._sandbox.tenants if tenant.workspace.slug == slug)
        who, request = person(tenant, due.deed.by), due.deed.request()
        if due.problem:
            answer, status, problem = None, 0, due.problem
        else:
            with tenant.world.at(due.moment):
                response = self._sandbox.act(tenant, who, request)
            status, (answer, problem) = response.status, _read(response)
        self._course.did(answer)
        self.count += 1
        done = Done(self.count, due.moment, slug, who.actor, request.method, request.target, status, problem)
        self.done.append(done)
        if problem:
            _log.warning("life: %s %s was refused: %s", done.method, done.target, problem)


def _read(response: Response) -> tuple[Any, str]:
    """The data of the answer, or what is wrong."""
    answer = msgspec.json.decode(response.body)
    if response.status >= _FIRST_ERROR:
        return None, f"{response.status}, {answer['errors'][0]['message']}"
    return answer["data"], ""
