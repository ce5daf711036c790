"""Objects read anew: everything is asked for again, and readers see their rows all the while."""

from __future__ import annotations

from replicator import anew
from replicator.run import Options
from replicator.sandbox import Request, Response
from tests.scenarios.replica import Replica, objects, result


def test_the_table_stays_readable_while_it_is_read_anew(replica: Replica) -> None:
    replica.run("TrackingPlanRules")
    before = replica.live("tracking_plan_rules")
    seen: list[int] = []

    def look(request: Request, answer: Response) -> Response:
        seen.append(len(replica.live("tracking_plan_rules")))
        return answer

    replica.network.on("/tracking-plans*", look)
    chosen = anew.whole(replica.target, Options(objects=objects("TrackingPlanRules")), ["TrackingPlanRules"])
    run = replica.run("TrackingPlanRules", anew=chosen.anew, reread=chosen.reread)
    assert (run.status, result(run, "TrackingPlanRules").unchanged) == ("done", len(before))
    assert len(seen) > 6
    assert set(seen) == {len(before)}
    assert replica.live("tracking_plan_rules") == before
