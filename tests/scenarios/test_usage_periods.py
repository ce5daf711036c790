"""Usage without a period: the months that are due are derived from those that were listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import update

from replicator import anew
from replicator.errors import UsageError
from replicator.run import Options
from replicator.sandbox import Request, Response
from replicator.target.bookkeeping import bookkeeping
from tests.scenarios import network as net
from tests.scenarios.replica import Replica, Told, objects, statuses

USAGE, OTHER = "DailyWorkspaceAPICallsUsage", "DailyWorkspaceMTUUsage"
PATH = "/usage/api-calls/daily"


def first(months_ago: int = 0) -> datetime:
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(months_ago):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


def named(*months_ago: int) -> tuple[str, ...]:
    return tuple(sorted(first(each).date().isoformat() for each in months_ago))


def asked(replica: Replica, path: str = PATH) -> set[str]:
    queries = [dict(parse_qsl(urlsplit(each).query)) for each in replica.network.asked if path in each]
    return {each["period"] for each in queries}


def listed_on(replica: Replica, month: str, day: datetime) -> None:
    table = bookkeeping(replica.target.dialect).listings
    with replica.target.begin() as connection:
        connection.execute(update(table).where(table.c.partition == f"period={month}").values(listed_at=day))


def test_a_second_run_needs_no_period_and_reads_the_months_that_are_due(replica: Replica) -> None:
    replica.run(USAGE, periods=named(3))
    replica.network.forget()
    assert statuses(replica.run(USAGE)) == {USAGE: "done"}
    assert asked(replica) == set(named(0, 1))


def test_the_month_before_is_read_until_it_is_final(replica: Replica) -> None:
    replica.run(USAGE, periods=named(0, 1))
    (month,) = named(1)
    listed_on(replica, month, first() + timedelta(days=2))
    replica.network.forget()
    replica.run(USAGE)
    assert month in asked(replica), "it was listed two days after its end"
    listed_on(replica, month, first() + timedelta(days=3))
    for _ in range(2):
        replica.network.forget()
        replica.run(USAGE)
        assert asked(replica) == set(named(0)), "what is known of the other month stays"


def test_a_month_that_could_not_be_read_is_tried_again(one: Replica) -> None:
    one.run(USAGE, periods=named(2))
    one.network.on(PATH, lambda request, answer: Response(500, (), b"{}") if named(1)[0] in request.target else answer)
    assert statuses(one.run(USAGE)) == {USAGE: "failed"}
    one.network.heal()
    one.network.forget()
    one.run(USAGE)
    assert named(1)[0] in asked(one)


def test_only_what_was_never_replicated_is_refused_and_nothing_is_asked_or_written(replica: Replica) -> None:
    replica.run(USAGE, periods=named(0))
    replica.network.forget()
    runs = len(replica.books("runs"))
    with pytest.raises(UsageError, match=f'^{OTHER}: "period" is required'):
        replica.run(USAGE, OTHER)
    assert not replica.network.asked
    assert len(replica.books("runs")) == runs


def test_a_period_that_is_given_is_the_only_one(one: Replica) -> None:
    one.run(USAGE, periods=named(0))
    one.network.forget()
    one.run(USAGE, periods=named(4, 5))
    assert asked(one) == set(named(4, 5))


def test_an_interrupted_backfill_leaves_the_months_known(one: Replica) -> None:
    one.network.page_size = 10
    months = named(4, 5, 6)
    told = Told(stop_after=2)
    assert one.run(USAGE, periods=months, told=told).exit_code != 0
    one.run(USAGE, periods=months)
    one.network.forget()
    one.run(USAGE)
    assert asked(one) == set(named(0, 1))


def test_read_anew_are_all_months_that_there_are_rows_of(replica: Replica) -> None:
    replica.run(USAGE, periods=named(0, 5))
    replica.network.forget()
    chosen = anew.whole(replica.target, Options(objects=objects(USAGE)), [USAGE])
    assert chosen.months == {USAGE: named(0, 5)}
    replica.run(USAGE, months=chosen.months, anew=chosen.anew)
    assert asked(replica) == set(named(0, 5))


def test_a_month_that_may_not_be_seen_stays_what_it_was(one: Replica) -> None:
    one.run(USAGE, periods=named(0))
    rows = one.rows("daily_workspace_api_calls_usage")

    def refused(request: Request, answer: Response) -> Response:
        return net.error(403, "forbidden")(request, answer) if named(0)[0] in request.target else answer

    one.network.on(PATH, refused)
    assert statuses(one.run(USAGE)) == {USAGE: "partial"}
    kept = {row["_key"]: row for row in one.live("daily_workspace_api_calls_usage")}
    assert len(kept) > len(rows)
    assert all(kept[row["_key"]] == row for row in rows)
