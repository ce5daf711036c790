"""`replicator pending` shows what people changed in the database, field by field, and asks Segment nothing."""

from __future__ import annotations

import pytest
import sqlalchemy
from sqlalchemy import text

from tests.cli.running import Run


@pytest.mark.holds_secrets("output", because="an edit of a function's code is shown line by line")
def test_edits_are_shown_field_by_field_with_the_reason_why_one_cannot_be_sent(
    replicator: Run, target_url: str
) -> None:
    words = ("--target", target_url)
    assert replicator("replicate", "TrackingPlans", "SourceFunctions", *words, REPLICATOR_REGION="sandbox").code == 0
    assert "No edits are pending in" in replicator("pending", *words).out

    engine = sqlalchemy.create_engine(target_url)
    with engine.begin() as connection:
        plan = connection.execute(text("SELECT id, name FROM tracking_plans ORDER BY id LIMIT 1")).one()
        changed = {"id": plan.id, "name": "Ours", "slug": "ours"}
        connection.execute(text("UPDATE tracking_plans SET name = :name, slug = :slug WHERE id = :id"), changed)
        function = connection.execute(text("SELECT id, code FROM source_functions ORDER BY id LIMIT 1")).one()
        code = {"id": function.id, "code": function.code + "\n// ours"}
        connection.execute(text("UPDATE source_functions SET code = :code WHERE id = :id"), code)
        connection.execute(text("INSERT INTO tracking_plans (name, type) VALUES ('New', 'LIVE')"))
    engine.dispose()

    shown = replicator("pending", *words).out
    assert f"TrackingPlans {plan.id} ({plan.name}): edited here\n  name: " in shown
    assert f'  name: "{plan.name}" -> "Ours"\n' in shown
    assert "  cannot be sent: slug cannot be changed through Segment's API\n" in shown
    assert "    +// ours\n" in shown
    assert "(New): added here\n" in shown
    assert "3 edits pending in" in shown

    only = replicator("pending", "SourceFunctions", "--json", *words).document
    assert [(each["object"], each["id"], each["kind"]) for each in only["edits"]] == [
        ("SourceFunctions", function.id, "update")
    ]
    assert only["edits"][0]["fields"][0]["local"] == code["code"]


def test_a_plan_shows_the_edits_that_cannot_be_sent_too_and_those_that_segment_refused(
    replicator: Run, target_url: str
) -> None:
    known = {"REPLICATOR_TARGET": target_url, "REPLICATOR_REGION": "sandbox", "REPLICATOR_PUSH": "true"}
    assert replicator("replicate", "SourceFunctions", "Labels", **known).code == 0
    engine = sqlalchemy.create_engine(target_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE labels SET description = 'Ours' WHERE value = (SELECT MIN(value) FROM labels)"))
    assert "not sent (Labels cannot be changed through their table" in (shown := replicator("plan", **known).out)
    assert "not sent. At most 0 requests." in shown
    assert replicator("plan", "--exit-code", **known).code == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE source_functions SET logo_url = 'no address'"))
    assert replicator("plan", "--exit-code", "SourceFunctions", **known).code == 5
    engine.dispose()

    refused = "Segment refuses the request with status 422"
    assert refused in replicator("apply", "--yes", **known).out
    assert "It is not sent again as it is: change it, take it back, or give --again." in replicator("plan", **known).out
    assert "  cannot be sent: PATCH /functions/" in (waits := replicator("pending", "SourceFunctions", **known).out)
    assert refused in waits
    assert "change in Segment" in replicator("plan", "--again", **known).out
    assert "give --again" not in replicator("apply", "--yes", "--again", **known).out


@pytest.mark.holds_secrets("output", because="a function that waits is shown whole, with its code")
@pytest.mark.parametrize("name", ["TrackingPlans", "SourceFunctions"])
def test_what_was_restored_and_waits_is_not_restored_twice(replicator: Run, target_url: str, name: str) -> None:
    words, table = ("--target", target_url), {"TrackingPlans": "tracking_plans"}.get(name, "source_functions")
    replicator(
        "replicate", "TrackingPlans", "TrackingPlanRules", "SourceFunctions", *words, REPLICATOR_REGION="sandbox"
    )
    engine = sqlalchemy.create_engine(target_url)
    with engine.begin() as connection:
        (gone,) = connection.execute(text(f"SELECT min(id) FROM {table}")).one()
        connection.execute(text(f"UPDATE {table} SET _deleted_at = _synced_at WHERE id = :id"), {"id": gone})
    engine.dispose()
    restored = replicator("restore", name, gone, "--json", *words).document["key"]
    waiting = replicator("pending", "--json", *words).document
    outcome = replicator("restore", name, gone, *words)
    assert (outcome.code, replicator("pending", "--json", *words).document) == (2, waiting)
    assert outcome.error == (
        f"{name} {gone} is back here already, as {restored}, and waits to be sent:"
        " `replicator apply` makes it in Segment."
    )
