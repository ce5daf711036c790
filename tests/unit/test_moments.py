"""Moments as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replicator.cli.moments import moment
from replicator.errors import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("now", NOW),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:30:00Z", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("2026-11-01 10:30:00+02:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("-2h", NOW - timedelta(hours=2)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("90min ago", NOW - timedelta(minutes=90)),
        ("-1w", NOW - timedelta(weeks=1)),
    ],
)
def test_a_moment_is_said_in_several_ways(word: str, meant: datetime) -> None:
    assert moment(word, NOW) == meant


@pytest.mark.parametrize(
    "word", ["", "soon", "2026-13-01", "2h", "-2h ago", "-999999w", "3 moons ago", "0001-01-01T00:00+05:00"]
)
def test_what_is_no_moment_is_said_with_examples(word: str) -> None:
    with pytest.raises(UsageError, match="is no moment: give one such as 2026-11-01"):
        moment(word, NOW)
