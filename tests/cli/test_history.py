"""`replicator history`, `diff` and `as-of`, over what runs kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from replicator.sandbox import Request, Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Run

HISTORY = 'history = ["Labels", "Transformations", "UserGroupUsers", "Sources"]\n'


@pytest.fixture
def workspace() -> Sandbox:
    """One of the test's own, to write to."""
    return Sandbox(token=TOKEN)


@pytest.fixture
def kept(replicator: Run, folder: Path, target_url: str, workspace: Sandbox) -> Iterator[Run]:
    """Runs commands on a replica with histories; a run of it reads what moved in the workspace."""
    (folder / "replicator.toml").write_text(f'{HISTORY}target = "{target_url}"\nreread_hours = 0\n')
    with running(workspace) as url:

        def run(*words: str, **environ: str) -> Any:
            return replicator(*words, REPLICATOR_BASE_URL=url, SEGMENT_TOKEN=TOKEN, **environ)

        yield run


def write(workspace: Sandbox, method: str, path: str, body: bytes = b"") -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    answer = workspace(Request(method, path, headers, body))
    assert answer.status in {200, 201}, answer.body


def moment() -> str:
    return datetime.now(UTC).isoformat()


OBJECTS = ("AuditEvents", "Labels", "Transformations", "Sources")


@pytest.fixture
def renamed(kept: Run, workspace: Sandbox) -> tuple[str, str]:
    """The id of a source that was renamed between two runs, and a moment between those."""
    assert kept("replicate", *OBJECTS).code == 0
    between = moment()
    source = kept("as-of", "now", "Sources", "--json").document["rows"][0]["id"]
    write(workspace, "PATCH", f"/sources/{source}", b'{"name": "Renamed"}')
    outcome = kept("replicate", *OBJECTS)
    assert outcome.code == 0, outcome.err
    return source, between


def test_the_history_of_a_record_tells_what_changed_and_who_did_it(kept: Run, renamed: tuple[str, str]) -> None:
    source, _ = renamed
    document = kept("history", "sources", source, "--json").document
    first, second = document["versions"]
    assert (first["what"], first["to"], first["confidence"]) == ("first seen", second["from"], "none")
    (change,) = second["changed"]
    assert (change["column"], change["to"]) == ("name", "Renamed")
    assert (second["what"], second["to"], second["confidence"]) == ("changed", None, "certain")
    assert second["who"]
    assert second["event"] == "Source Modified"
    text = kept("history", "Sources", source).out
    assert text.startswith(f"Sources {source}: 2 versions\n")
    assert f"changed, certain by {second['who']} (Source Modified)\n    name: " in text
    assert '-> "Renamed"' in text


def test_a_diff_tells_what_was_added_changed_and_deleted(
    kept: Run, renamed: tuple[str, str], workspace: Sandbox
) -> None:
    source, between = renamed
    labels = kept("as-of", "now", "Labels", "--json").document["rows"]
    gone = labels[0]
    sources = kept("as-of", "now", "Sources", "--json").document["rows"]
    labelled = {each["id"] for each in sources if gone["value"] in {label["value"] for label in each["labels"]}}
    write(workspace, "DELETE", f"/labels/{gone['key']}/{gone['value']}")
    write(workspace, "POST", "/labels", b'{"label": {"key": "new", "value": "label", "description": "d"}}')
    kept("replicate", *OBJECTS)
    document = kept("diff", "--from", between, "--json").document
    objects = {each["object"]: each for each in document["objects"]}
    assert {name: (each["added"], each["changed"], each["deleted"]) for name, each in objects.items()} == {
        "Labels": (1, 0, 1),
        "Sources": (0, len({source, *labelled}), 0),
        "Transformations": (0, 0, 0),
    }
    told = {(each["what"], *each["key"].values()) for each in objects["Labels"]["changes"]}
    assert told == {("added", "new", "label"), ("deleted", gone["key"], gone["value"])}
    text = kept("diff", "--from", between, "--to", "now", "Labels", "Sources").out
    assert {"+ Labels new label", f"- Labels {gone['key']} {gone['value']}"} <= {
        line.split(",")[0] for line in text.splitlines()
    }
    assert f"~ Sources {source}, certain by " in text
    assert text.endswith(f"2 objects: 1 added, {len({source, *labelled})} changed, 1 deleted.\n")
    nothing = kept("diff", "--from", moment(), "core")
    assert (nothing.code, nothing.out) == (0, "3 objects: 0 added, 0 changed, 0 deleted.\n")


def test_a_diff_from_before_the_history_began_says_so_and_counts_what_was_there_as_not_added(
    kept: Run, renamed: tuple[str, str]
) -> None:
    outcome = kept("diff", "--from", "-3d", "Sources")
    assert "Sources: its history begins at 20" in outcome.out
    assert outcome.out.endswith("1 object: 0 added, 1 changed, 0 deleted.\n")


def test_the_rows_of_a_moment_are_as_they_were(kept: Run, renamed: tuple[str, str]) -> None:
    source, between = renamed
    names = [
        {row["id"]: row["name"] for row in csv.DictReader(io.StringIO(kept("as-of", at, "Sources").out))}
        for at in (between, "now")
    ]
    assert names[0].keys() == names[1].keys()
    assert names[0][source] != names[1][source] == "Renamed"
    assert {key for key in names[0] if names[0][key] != names[1][key]} == {source}


def test_a_time_in_which_no_history_was_kept_is_told_to_whoever_asks_for_it(
    kept: Run, renamed: tuple[str, str], workspace: Sandbox
) -> None:
    source, between = renamed
    kept_last = moment()
    write(workspace, "PATCH", f"/sources/{source}", b'{"name": "Unseen"}')
    assert kept("replicate", *OBJECTS, REPLICATOR_HISTORY="Transformations").code == 0
    unseen = moment()
    now = kept("as-of", "now", "Sources", "--json")
    assert "Sources: no history was kept from 20" in now.err
    assert "and is not yet (UTC)" in now.err
    assert kept("replicate", *OBJECTS).code == 0
    told = [kept("as-of", unseen, "Sources"), kept("diff", "--from", kept_last), kept("history", "Sources", source)]
    assert all("Sources: no history was kept from 20" in each.err and " until 20" in each.err for each in told)
    untouched = [kept("as-of", at, "Sources") for at in (between, "now")] + [kept("diff", "--from", moment())]
    assert [each.err for each in untouched] == ["", "", ""]


def test_a_record_of_a_natural_key_is_named_by_its_parts(kept: Run) -> None:
    kept("replicate", "Labels")
    label = kept("as-of", "now", "Labels", "--json").document["rows"][0]
    found = kept("history", "Labels", label["key"], label["value"], "--json").document["versions"]
    assert [each["what"] for each in found] == ["first seen"]
    outcome = kept("history", "Labels", label["key"], label["value"], "more")
    assert (outcome.code, outcome.error) == (
        2,
        "A record of Labels is named by key, value, so give each of them, or `_key`.",
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("history", "Labels", "none", "such"), "The history of Labels has no record 'none such'. "),
        (("history", "Roles", "r1"), "No history of Roles is kept in "),
        (("history", "Lables", "r1"), 'There is no object "Lables"; the nearest is Labels.'),
        (("diff", "--from", "-1d", "Labels", "Roles"), "No history of Roles is kept in "),
        (("diff", "--from", "soon"), "'soon' is no moment: give one such as 2026-11-01"),
        (("diff", "--from", "now", "--to", "-1d"), "--to -1d is before --from now: exchange them."),
        (("as-of", "-3d", "Labels"), "The history of Labels begins at 20"),
        (("as-of", "now", "Sources"), "No history of Sources is kept in "),
    ],
)
def test_what_cannot_be_told_is_one_sentence(replicator: Run, words: tuple[str, ...], sentence: str) -> None:
    replicator("replicate", "Labels", "Roles", REPLICATOR_REGION="sandbox", REPLICATOR_HISTORY="Labels")
    outcome = replicator(*words)
    assert sentence in outcome.error
    assert outcome.code == 2


def test_without_any_history_a_diff_says_how_to_keep_one(replicator: Run) -> None:
    replicator("replicate", "Labels", REPLICATOR_REGION="sandbox")
    outcome = replicator("diff", "--from", "-1d")
    assert "No history is kept in SQLite file replica.db: name objects in the setting `history`" in outcome.error
    assert outcome.code == 2


def test_the_plan_of_the_schema_has_the_histories_that_the_settings_ask_for(replicator: Run) -> None:
    plan = replicator("schema", "plan", "Labels", "--json", REPLICATOR_HISTORY="core")
    assert [each["change"].split(" with ")[0] for each in plan.document["changes"]] == [
        "create table labels",
        "create table labels_history",
    ]
