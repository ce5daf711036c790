"""`replicator check`: what works before a run is tried."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from replicator.catalog import select
from replicator.check import check_workspace
from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.server import running
from replicator.segment.client import Client
from replicator.segment.token import Token
from replicator.target.bookkeeping import REVISION
from tests.cli.running import TOKEN, Run
from tests.conftest import free_port


class Refusing:
    """A workspace whose token lacks one permission, and which lacks one feature."""

    def __init__(self, **sandbox: Any) -> None:
        self.sandbox = Sandbox(token=TOKEN, **sandbox)
        self.asked: Counter[str] = Counter()

    def __call__(self, request: Request) -> Response:
        path = request.target.partition("?")[0]
        self.asked[path] += 1
        if path == "/users":
            return refusal(403, "Insufficient permissions")
        if path == "/tracking-plans":
            return refusal(403, "The Protocols feature is not available on your plan")
        return self.sandbox(request)


def refusal(status: int, message: str) -> Response:
    body = f'{{"errors":[{{"type":"forbidden","message":"{message}"}}]}}'.encode()
    return Response(status, (("Content-Type", "application/json"),), body)


@pytest.fixture
def refusing() -> Iterator[tuple[Refusing, str]]:
    workspace: Any = Refusing()
    with running(workspace) as url:
        yield workspace, url


def test_a_workspace_that_can_be_read_and_a_database_that_can_be_written(
    replicator: Run, target_url: str, api: str
) -> None:
    words = ("check", "--target", target_url, "--base-url", api)
    document = replicator(*words, "--json", SEGMENT_TOKEN=TOKEN).document
    assert document["exit_code"] == 0
    assert document["workspace"]["name"] == "Acme Outdoors"
    assert {each["readable"] for each in document["workspace"]["objects"]} == {"yes"}
    assert len(document["workspace"]["objects"]) == 32
    target = document["target"]
    assert (target["creates_tables"], target["revision"], target["charset"]) == (True, None, "UTF-8")
    assert len(target["changes"]) == 32 + 5
    assert replicator("schema", "plan", "--exit-code", "--target", target_url).code == 5
    shown = replicator(*words, SEGMENT_TOKEN=TOKEN)
    assert shown.code == 0
    assert "Everything that was asked works." in shown.out
    assert "cannot be told without writing" in shown.out


def test_after_a_run_the_schema_is_as_it_should_be(replicator: Run, target_url: str) -> None:
    words = ("Labels", "--target", target_url, "--region", "sandbox")
    replicator("replicate", *words)
    target = replicator("check", *words, "--json").document["target"]
    assert (target["revision"], target["changes"], target["problems"]) == (REVISION, [], [])


def test_each_object_costs_one_request_and_what_lacks_is_told_apart(
    replicator: Run, refusing: tuple[Refusing, str]
) -> None:
    workspace, url = refusing
    words = ("check", "Users", "UserUserGroups", "TrackingPlans", "Labels", "--base-url", url)
    outcome = replicator(*words, "--json", SEGMENT_TOKEN=TOKEN)
    assert outcome.code == 3
    found = {each["object"]: each["readable"] for each in outcome.document["workspace"]["objects"]}
    assert found == {
        "Labels": "yes",
        "Users": "permission missing",
        "UserUserGroups": "no parent",
        "TrackingPlans": "feature missing",
    }
    assert set(workspace.asked.values()) == {1}
    shown = replicator(*words, SEGMENT_TOKEN=TOKEN).out
    assert "2 problems:" in shown
    assert "Grant it in Segment (Access Management)" in shown


def test_objects_that_may_be_asked_for_twice_a_minute_wait_for_all(replicator: Run) -> None:
    words = ("check", "WarehouseSyncs", "--region", "sandbox", "--json")
    slow = {each["object"]: each["readable"] for each in replicator(*words).document["workspace"]["objects"]}
    assert slow["WarehouseSyncs"] == "not asked"
    every = {each["object"]: each["readable"] for each in replicator(*words, "--all").document["workspace"]["objects"]}
    assert every["WarehouseSyncs"] == "yes"


def test_every_object_of_the_sandbox_can_be_read(replicator: Run) -> None:
    outcome = replicator("check", "all", "--all", "--region", "sandbox", "--json")
    found = {each["object"]: each["readable"] for each in outcome.document["workspace"]["objects"]}
    assert set(found.values()) <= {"yes", "no parent"}
    assert Counter(found.values())["no parent"] < 5


def test_a_file_that_is_not_there_is_not_made(replicator: Run, folder: Path) -> None:
    outcome = replicator("check", "Labels", "--region", "sandbox")
    assert outcome.code == 0
    assert "which the first run makes" in outcome.out
    assert not any(folder.iterdir())


def test_without_a_token_the_database_is_checked_all_the_same(replicator: Run) -> None:
    outcome = replicator("check", "Labels")
    assert outcome.code == 1
    assert "No API token: SEGMENT_TOKEN is not set" in outcome.out
    assert "may make tables" in outcome.out


def client(workspace: Any, token: str = TOKEN) -> Client:
    return Client(base_url="http://127.0.0.1", token=Token(token), transport=workspace)


def test_a_token_of_the_other_region_is_found_there() -> None:
    """In process, since Segment's own two addresses are not to be had in a test."""
    with client(Sandbox(token="another")) as here:
        found = check_workspace(here, "us", select(["Labels"]), elsewhere=lambda: client(Sandbox(token=TOKEN)))
    assert found.id is None
    assert "The other region accepts it, for workspace Acme Outdoors" in found.problems[0]
    with client(Sandbox(token="another")) as here:
        found = check_workspace(here, "us", select(["Labels"]), elsewhere=lambda: client(Sandbox(token="third")))
    assert "The other region does not accept it either." in found.problems[0]


def test_an_empty_workspace_makes_the_other_region_be_asked() -> None:
    empty = dict.fromkeys(("Sources", "Destinations", "Warehouses", "TrackingPlans"), 0)
    with client(Sandbox(token=TOKEN, counts=empty)) as here:
        found = check_workspace(here, "us", select(["core"]), elsewhere=lambda: client(Sandbox(token=TOKEN, seed=2)))
    assert "that this token sees" in found.problems[-1]
    assert "The other region knows the token too" in found.problems[-1]


def test_of_a_database_that_is_not_reached_nothing_is_said(replicator: Run) -> None:
    words = ("check", "Labels", "--region", "sandbox", "--target", f"postgresql://u:x@127.0.0.1:{free_port()}/db")
    outcome = replicator(*words)
    assert outcome.code == 1
    assert "target     not reached" in outcome.out
    for part in ("rights", "schema  ", "bookkeeping"):
        assert part not in outcome.out
    target = replicator(*words, "--json").document["target"]
    assert {key: value for key, value in target.items() if value} == {"problems": target["problems"]}
    assert target["where"] is target["creates_tables"] is None


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("policy", ["freeze", "fail"])
def test_a_table_that_the_schema_policy_lets_no_run_make_is_a_problem(
    replicator: Run, folder: Path, policy: str, *, made: bool
) -> None:
    if made:
        replicator("replicate", "Labels", "--region", "sandbox")
    (folder / "replicator.toml").write_text(f'schema_policy = "{policy}"\nregion = "sandbox"')
    outcome = replicator("check", "Roles")
    assert outcome.code == 1
    assert "1 change that the schema policy leaves to `replicator schema apply`" in outcome.out
    assert (
        f"Roles needs to create table roles with 8 columns, which the schema policy `{policy}` forbids" in outcome.out
    )
    assert replicator("replicate", "Roles").code != 0


def test_a_field_that_waits_in_extra_is_no_problem(replicator: Run, folder: Path) -> None:
    replicator("replicate", "Labels", "--region", "sandbox")
    with closing(sqlite3.connect(folder / "replica.db")) as database:
        database.execute("ALTER TABLE labels DROP COLUMN description")
    (folder / "replicator.toml").write_text('schema_policy = "freeze"\nregion = "sandbox"')
    outcome = replicator("check", "Labels")
    assert (outcome.code, "leaves to `replicator schema apply`" in outcome.out) == (0, True)


def test_each_column_of_the_table_has_a_heading(replicator: Run) -> None:
    shown = replicator("check", "WarehouseSyncs", "--region", "sandbox").out.splitlines()
    assert next(line.split() for line in shown if line.startswith("object ")) == ["object", "read", "write", "why"]
