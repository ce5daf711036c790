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
