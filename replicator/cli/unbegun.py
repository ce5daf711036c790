"""A job whose run cannot even begin, as without its token: the ledger has it as a run that failed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from replicator.errors import ReplicatorError

from . import connection

if TYPE_CHECKING:
    from replicator.options import Options
    from replicator.segment.client import Client
    from replicator.settings import Settings


def open_client(settings: Settings, environ: Mapping[str, str], chosen: Options, **more: Any) -> Client:
    """The client; what keeps it from being made is in the ledger, where turns, alerts and people look for it."""
    try:
        return connection.open_client(settings, environ, **more)
    except ReplicatorError as error:
        if chosen.job:
            with suppress(ReplicatorError):
                _note(settings, chosen, error)
        raise


def _note(settings: Settings, chosen: Options, error: ReplicatorError) -> None:
    from replicator.ledger import Ledger
    from replicator.target import migrate
    from replicator.target.bookkeeping import bookkeeping
    from replicator.target.decisions import Decisions

    target = connection.open_database(settings)
    try:
        migrate.migrate(target, allowed=settings.migrate)
        ledger = Ledger(target, bookkeeping(target.dialect), uuid.uuid4().hex)
        ledger.begin(chosen.mode, chosen.job)
        with target.begin() as writing:
            Decisions(target).begun(writing, str(chosen.job), ledger.run_id)
        ledger.finish("failed", str(error), {})
    finally:
        target.close()
