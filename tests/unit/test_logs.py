"""What may stand in the log: lines of ours alone."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import QueuePool, create_engine

from replicator.cli import logs


@pytest.fixture
def _as_before() -> object:
    loggers = [logging.getLogger(name) for name in ("replicator", "sqlalchemy.pool")]
    before = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    yield
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.mark.usefixtures("_as_before")
def test_a_lost_connection_leaves_no_traceback_of_the_library_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logs.begin({}, as_json=True, quiet=False)
    engine = create_engine("sqlite://", poolclass=QueuePool)
    lost = engine.raw_connection()
    driver = lost.driver_connection
    assert driver is not None
    driver.close()
    lost.close()
    engine.dispose()
    assert not caplog.records
