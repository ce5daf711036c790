"""What people decide on the page, over real sockets to the page and to the workspace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.cli import connection
from replicator.cli.keeper import Keeper
from replicator.run import holding
from replicator.settings import load_all
from tests.cli.running import Run
from tests.cli.test_daemon import wait_for
from tests.web.deciding import ENVIRON, Scene, scene, schema_of
from tests.web.serving import PASSWORD, Visitor, serving


@pytest.fixture
def acme(replicator: Run, folder: Path) -> Iterator[Scene]:
    with scene(replicator, folder) as made:
        yield made


@pytest.fixture
def visitor(acme: Scene) -> Iterator[Visitor]:
    with serving(ENVIRON) as found:
        yield found


def test_pending_edits_are_shown_field_by_field_with_code_and_schema_as_diffs(acme: Scene, visitor: Visitor) -> None:
    assert "No edits are pending" in visitor.get("/c/acme/edits").words
    plan, name = acme.plan()
    function, code = acme.function()
    key, schema = schema_of(acme)
    acme.do("UPDATE tracking_plans SET name = ?, slug = 'x' WHERE id = ?", "<Ours> & more", plan)
    acme.do("UPDATE source_functions SET code = ? WHERE id = ?", code + "\n// mended here", function)
    acme.do("UPDATE tracking_plan_rules SET json_schema = ? WHERE _key = ?", json.dumps(schema | {"title": "T"}), key)
    answer = visitor.get("/c/acme/edits")
    assert f"agreed on: {name} → here: <Ours> & more" in answer.words
    assert "<Ours>" not in answer.text
    assert '<span class="new">+ // mended here' in answer.text
    assert '<span class="new">+ ' in answer.text
    assert "&#34;title&#34;: &#34;T&#34;" in answer.text
    assert "It cannot be sent: slug cannot be changed through Segment's API." in answer.words
    assert "3 edits made in the database" in answer.words


@pytest.mark.parametrize(
    ("side", "here", "there"), [("ours", "Ours", "Ours"), ("theirs", "Theirs", "Theirs"), ("merged", "Both", "Both")]
)
def test_a_conflict_is_resolved_by_a_button_and_the_push_ends_it(
    acme: Scene, visitor: Visitor, side: str, here: str, there: str
) -> None:
    conflict = acme.conflicting()
    plan, _ = acme.plan()
    wait_for(lambda: "1 edit in conflict" in visitor.get("/").words)
    assert "Something needs a person" in visitor.get("/").words
    page = visitor.get("/c/acme/conflicts")
    assert "here: Ours" in page.words
    assert "there: Theirs" in page.words
    before = len(acme.network.written)
    answer = visitor.post(
        f"/c/acme/conflicts/{conflict}", {"side": side, "value.name": "Both"}, page="/c/acme/conflicts"
    )
    assert (answer.status, answer.headers["location"]) == (303, f"/c/acme/conflicts?said={side}")
    assert len(acme.network.written) == before, "nothing is sent from the page"
    after = visitor.get(answer.headers["location"]).words
    assert "Resolved: " in after
    assert "the status page, asked from 127.0.0.1" in after
    assert acme.push() == 0
    assert acme.plan() == (plan, here)
    assert acme.theirs(f"/tracking-plans/{plan}")["trackingPlan"]["name"] == there
    wait_for(lambda: "All is well" in visitor.get("/").words)


def test_a_merge_by_hand_keeps_lines_as_they_are_and_refuses_what_is_no_json(acme: Scene, visitor: Visitor) -> None:
    function, code = acme.function()
    acme.do("UPDATE source_functions SET code = ? WHERE id = ?", "one\nours\n", function)
    acme.network.write("PATCH", f"/functions/{function}", {"code": "one\ntheirs\n"})
    key, schema = schema_of(acme)
    acme.do("UPDATE tracking_plan_rules SET json_schema = ? WHERE _key = ?", json.dumps(schema | {"title": "A"}), key)
    ((plan, name, version),) = acme.rows(
        f"SELECT tracking_plan_id, key, version FROM tracking_plan_rules WHERE _key = '{key}'"
    )
    rule = {"key": name, "type": "TRACK", "version": version, "jsonSchema": schema | {"title": "B"}}
    acme.network.write("PATCH", f"/tracking-plans/{plan}/rules", {"rules": [rule]})
    assert acme.push() == 4
    found = {each[1]: each[0] for each in acme.rows("SELECT id, object FROM _replicator_conflicts")}
    page = "/c/acme/conflicts"
    shown = visitor.get(page).text
    assert '<textarea name="value.code"' in shown
    assert "one\nours\n</textarea>" in shown

    # As browsers send it.
    mine = {"side": "merged", "value.code": "one\r\nours\r\ntheirs\r\n"}
    assert visitor.post(f"{page}/{found['SourceFunctions']}", mine, page=page).status == 303
    bad = {"side": "merged", "value.json_schema": '{"title": '}
    answer = visitor.post(f"{page}/{found['TrackingPlanRules']}", bad, page=page)
    assert (answer.status, "json_schema must hold JSON, and does not" in answer.words) == (409, True)
    assert "&#34;title&#34;: </textarea>" in answer.text, "what was written there is not lost"
    good = {"side": "merged", "value.json_schema": json.dumps(schema | {"title": "A and B"})}
    assert visitor.post(f"{page}/{found['TrackingPlanRules']}", good, page=page).status == 303
    assert acme.push() == 0
    assert acme.function() == (function, "one\nours\ntheirs\n")
    assert acme.theirs(f"/functions/{function}")["function"]["code"] == "one\nours\ntheirs\n"
    assert code != "one\nours\ntheirs\n"


def test_what_cannot_be_resolved_is_said_and_changes_nothing(acme: Scene, visitor: Visitor) -> None:
    conflict = acme.conflicting()
    page = "/c/acme/conflicts"
    for path, side, status in (
        (f"{page}/{conflict}", "mine", 404),
        (f"{page}/{conflict}", "merged", 409),
        (f"{page}/0123456789ab", "ours", 409),
    ):
        assert visitor.post(path, {"side": side}, page=page).status == status
    with connection.books(load_all(ENVIRON, {}).connections["acme"]) as target, holding(target, "full"):
        answer = visitor.post(f"{page}/{conflict}", {"side": "ours"}, page=page)
    assert (answer.status, "wait for it to end" in answer.words) == (409, True)
    assert acme.rows("SELECT id FROM _replicator_conflicts") == [(conflict,)]


def test_deletions_are_approved_for_one_run_by_whoever_logged_in(replicator: Run, folder: Path) -> None:
    (folder / "page-password").write_text(PASSWORD)
    with (
        scene(replicator, folder, '[web]\npassword_file = "page-password"\n') as acme,
        serving(ENVIRON) as visitor,
    ):
        visitor.log_in("Ada")
        assert "No deletions wait" in visitor.get("/c/acme/deletes").words
        acme.holding()
        # What it shows was read two seconds ago at most.
        wait_for(lambda: "Deletions wait for approval: Suppressions" in visitor.get("/").words)
        page = visitor.get("/c/acme/deletes").words
        assert "600 of 600 rows are no longer in Segment" in page
        assert "The first 20 of the rows that would go" in page
        first = [row[0] for row in acme.rows("SELECT _key FROM suppressions ORDER BY _key LIMIT 21")]
        assert [key in page for key in first] == [True] * 20 + [False]
        answer = visitor.post("/c/acme/deletes/Suppressions", {"deed": "approve"}, page="/c/acme/deletes")
        assert (answer.status, answer.headers["location"]) == (303, "/c/acme/deletes?said=approve")
        page = visitor.get("/c/acme/deletes?said=approve").words
        assert "Approved: the next run of that object deletes." in page
        assert "Approved by Ada" in page
        assert "Deletions are approved: Suppressions" in visitor.get("/").words

        # Twice is once.
        visitor.post("/c/acme/deletes/Suppressions", {"deed": "approve"}, page="/c/acme/deletes")
        assert acme.rows("SELECT count(*) FROM _replicator_decisions") == [(1,)]
        assert acme.run() == 0
        assert acme.rows("SELECT count(*) FROM suppressions WHERE _deleted_at IS NULL") == [(0,)]
        assert acme.rows("SELECT going FROM _replicator_object_state WHERE object = 'Suppressions'") == [(None,)]
        page = visitor.get("/c/acme/deletes").words
        assert "No deletions wait" in page
        assert re.search(r"Suppressions a run (now|\d+ s ago)", page)
        # What does not wait any more cannot be approved in advance.
        answer = visitor.send(
            "/c/acme/deletes/Suppressions", {"deed": "approve", "csrf": token_of(visitor.get("/").text)}
        )
        assert answer.headers["location"] == "/c/acme/deletes?said=moved"
        assert acme.rows("SELECT count(*) FROM _replicator_decisions WHERE used_by IS NULL") == [(0,)]


def test_an_approval_can_be_taken_back(acme: Scene, visitor: Visitor) -> None:
    acme.holding()
    page = "/c/acme/deletes"
    visitor.post(f"{page}/Suppressions", {"deed": "approve"}, page=page)
    answer = visitor.post(f"{page}/Suppressions", {"deed": "take-back"}, page=page)
    assert "Taken back" in visitor.get(answer.headers["location"]).words
    assert acme.run() == 4
    assert acme.rows("SELECT count(*) FROM suppressions WHERE _deleted_at IS NULL") == [(600,)]
    for path, deed in (("Suppressions", "delete"), ("Nothing", "approve")):
        assert visitor.post(f"{page}/{path}", {"deed": deed}, page=page).status == 404


def test_a_job_is_run_now_by_a_button_once_however_often_it_is_pressed(acme: Scene) -> None:
    found = load_all(ENVIRON, {})
    keeper = Keeper("acme", found.connections["acme"], list(found.jobs.values()), ENVIRON, None)
    keeper.start()
    try:
        with serving(ENVIRON, keepers={"acme": keeper}) as visitor:
            assert "Run now often of acme" in visitor.get("/").words
            with connection.books(found.connections["acme"]) as target, holding(target, "full") as (other, _):
                for _ in range(2):
                    answer = visitor.post("/c/acme/jobs/often")
                    assert (answer.status, answer.headers["location"]) == (303, "/c/acme/?said=run")
                assert "runs as soon as this connection is free" in visitor.get(answer.headers["location"]).words
                assert runs(acme) == 1
                other.finish("done", None, {})
            wait_for(lambda: runs(acme) == 2)
            wait_for(lambda: not keeper.signs()[0])
            assert visitor.post("/c/acme/jobs/nightly").status == 404
            assert visitor.send("/c/acme/jobs/often", {}).status == 403
        assert runs(acme) == 2
    finally:
        keeper.end(now=True)
        keeper.join(30)
    ((kind, job, who, used_by),) = acme.rows("SELECT kind, object, decided_by, used_by FROM _replicator_decisions")
    assert (kind, job, who) == ("run", "often", "the status page, asked from 127.0.0.1")
    assert acme.rows(f"SELECT job FROM _replicator_runs WHERE id = '{used_by}'") == [("often",)]


def test_a_run_that_was_asked_for_and_cannot_begin_is_tried_once(acme: Scene) -> None:
    with serving({}) as visitor:
        visitor.post("/c/acme/jobs/often")
    assert acme.replicator("run", "often").code == 2
    assert acme.rows("SELECT count(*) FROM _replicator_decisions WHERE used_by IS NULL") == [(0,)]


def runs(acme: Scene) -> int:
    ((count,),) = acme.rows("SELECT count(*) FROM _replicator_runs WHERE job = 'often'")
    return int(count)


def token_of(text: str) -> str:
    return text.partition('name="csrf" value="')[2].partition('"')[0]
