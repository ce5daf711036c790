"""Every error that reaches a person, grouped by what the caller does about it.

ReplicatorError                       exit code 1: the run failed
├── UsageError                        exit code 2: the command line asks for what cannot be
│   └── ConfigError                   a setting is missing, unknown or wrong
├── SegmentError                      the API's end; this object fails, the others go on
│   ├── PutOff                        the rate limit asks for a longer wait than a worker makes: a later run goes on
│   ├── Retryable                     worth another try; raised once the tries are used up
│   │   ├── RateLimited               429, longer than the deadline allows
│   │   └── Unreachable               connection, time-out, 5xx, cut or broken body
│   ├── Inaccessible                  this token cannot see the object: skip it, never read as empty
│   │   ├── AccessDenied              the token lacks a permission
│   │   └── FeatureMissing            the workspace lacks the feature
│   ├── NotFound                      404 of one record or one parent
│   ├── UnexpectedResponse            the answer is not what the contract says
│   └── Unauthorized                  401: stop everything
├── TargetError                       the database's end
│   ├── TargetUnusable                down, no rights, read-only, full, wrong charset: stop everything
│   ├── SchemaNewer                   a newer program wrote our tables: stop everything
│   ├── TableAltered                  somebody altered this object's table: this object fails
│   ├── SchemaFrozen                  policy `freeze` or `fail` forbids the change this object needs
│   └── RunLocked                     another run holds the lock: stop everything
├── FleetUnusable                     the fleet's queue is down or refuses us: stop everything
├── NeedsPerson                       exit code 4: only a person can decide
│   └── MassDeletion                  more rows would vanish than the guard allows
└── Interrupted                       Ctrl-C or SIGTERM, after the state was made safe
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ReplicatorError(Exception):
    """One sentence for a person: what, which, why, and the next step; never a secret."""

    exit_code = 1
    stops_everything = False


class UsageError(ReplicatorError):
    """The command line asks for what cannot be."""

    exit_code = 2
    stops_everything = True


class ConfigError(UsageError):
    """A setting is missing, unknown or wrong; `problems` are the sentences of several, each without its full stop."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message.removesuffix("."),)


class SegmentError(ReplicatorError):
    """The API's end failed; this object fails, the others go on."""

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class PutOff(SegmentError):
    """The rate limit asks for a longer wait than a worker makes; a later run goes on where this object stopped."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Retryable(SegmentError):
    """Worth another try; it is raised once the tries are used up."""


class RateLimited(Retryable):
    """The API asked to wait for longer than the request's deadline allows."""


class Unreachable(Retryable):
    """Connection, time-out, 5xx, or a body that was cut or broken."""


class Inaccessible(SegmentError):
    """This token cannot see the object: it is skipped and never read as empty."""


class AccessDenied(Inaccessible):
    """The token lacks a permission."""


class FeatureMissing(Inaccessible):
    """The workspace lacks the feature."""


class NoPath(Inaccessible):
    """An id that no path can hold: what lies below it cannot be asked for."""


class NotFound(SegmentError):
    """404: one record, or the parent of a listing, is not there."""


class UnexpectedResponse(SegmentError):
    """The answer is not what the contract says."""


class Unauthorized(SegmentError):
    """401: the token is wrong, revoked or expired; nothing else will work either."""

    stops_everything = True


class TargetError(ReplicatorError):
    """The database's end failed."""


class TargetUnusable(TargetError):
    """The database is down, refuses us, is read-only, full or of the wrong charset."""

    stops_everything = True


class SchemaNewer(TargetError):
    """A newer program wrote our bookkeeping tables."""

    exit_code = 2
    stops_everything = True


class TableAltered(TargetError):
    """Somebody altered this object's table so that it no longer holds what the catalog declares."""


class SchemaFrozen(TargetError):
    """The schema policy forbids the change that this object needs."""


class RunLocked(TargetError):
    """Another run holds the lock."""

    stops_everything = True


class FleetUnusable(ReplicatorError):
    """The database of the fleet's queue is down, refuses us, or lacks what we need there."""

    stops_everything = True


class NeedsPerson(ReplicatorError):
    """Only a person can decide."""

    exit_code = 4


class MassDeletion(NeedsPerson):
    """More rows would vanish than the guard allows; `going` are the first of them."""

    def __init__(self, message: str, going: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.going = going


class Interrupted(ReplicatorError):
    """Asked to stop, after the state was made safe."""

    exit_code = 1
    stops_everything = True
