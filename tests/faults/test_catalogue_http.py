"""The network's half of the catalogue of faults (docs/reliability.md), end to end: a run that meets one, and the next.

Whatever happens to the listing of transformations: the other objects are right, no row is deleted that was merely not
seen, the run tells what it did by its exit code and its ledger, and the run after it ends in the rows of the workspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replicator.errors import ConfigError
from replicator.sandbox.certificates import certificates
from tests.faults.served import Served, served
from tests.scenarios.replica import Told, result, statuses

WORDS = ("Transformations", "Labels")
LISTING = "/transformations"
#: The listing has eight records on three pages.
PAGES = 3


@dataclass(frozen=True)
class Met:
    """A fault of the one listing and what has to come of it. Tries count every request for the listing."""

    fault: str
    status: str = "done"
    tries: int | None = None
    says: str = ""
    #: Seconds that have to be waited, at least.
    waits: float = 0.0
    #: The ledger says that absences of this listing prove nothing.
    unproved: bool = False
    #: Records that no row could hold.
    quarantined: int = 0


PASSES = PAGES + 1
#: At the first page, at a later one.
FIRST, LATER = "listTransformations:{},nth=1", "listTransformations:{},nth=2"
ALWAYS = "listTransformations:{}"


def passing(kind: str) -> list[Met]:
    return [Met(FIRST.format(kind), tries=PASSES), Met(LATER.format(kind), tries=PASSES)]


def lasting(kind: str, says: str, tries: int, status: str = "failed") -> Met:
    return Met(ALWAYS.format(kind), status, tries, says)


TEMPORARY = "retry_after=none"
CATALOGUE: dict[str, list[Met]] = {
    "H1": [
        Met(LATER.format("status=429,retry_after=17"), tries=PASSES, waits=17),
        Met(LATER.format("status=429,retry_after=date+9"), tries=PASSES, waits=8),
        Met(LATER.format("status=429,retry_after=garbage"), tries=PASSES, waits=0.001),
    ],
    "H2": [Met(LATER.format(f"status=429,{TEMPORARY}"), tries=PASSES, waits=0.001)],
    "H3": [lasting("status=429,retry_after=1", "rate limit", 6)],
    "H4": [
        *[met for status in (500, 502, 503, 504) for met in passing(f"status={status}")],
        lasting("status=503", "status 503", 6),
        lasting("status=500,body=html", "status 500", 6),
    ],
    "H5": [
        lasting("status=400", "status 400", 1),
        lasting("status=404", "not there", 1),
        lasting("status=409", "status 409", 1),
        lasting("status=422", "status 422", 1),
    ],
    "H6": [*passing("delay=4")],
    "H7": [*passing("drip=30"), lasting("drip=30", "no complete answer within", 6)],
    "H8": [
        *passing("reset"),
        *passing("reset=after"),
        *passing("lose_response"),
        *passing("truncate_at=200"),
        *passing("truncate_at=200,framing=chunked"),
        *passing("truncate_at=200,framing=close"),
        *passing("truncate_at=200,ending=reset"),
        lasting("reset", "connection failed", 6),
        lasting("truncate_at=200,framing=close", "cannot be read", 6),
    ],
    "H9": [
        *passing("bad_json"),
        lasting("bad_json", "cannot be read", 6),
        Met(LATER.format("bom"), tries=PAGES),
        Met(LATER.format("nan,record=1"), tries=PAGES, quarantined=1),
        # As with every reader of JSON the last of the two counts, until the next listing.
        Met(LATER.format("dup_keys,record=1,field=name"), tries=PAGES),
        Met(LATER.format("deep_nesting,record=1"), tries=PAGES, quarantined=1),
        Met(LATER.format("huge_integer,record=1"), tries=PAGES),
    ],
    "H10": [
        *passing("html200"),
        *passing("data_null"),
        *passing("empty_object"),
        *passing("missing_list"),
        lasting("html200", "instead of JSON", 3),
        lasting("data_null", "no data", 3),
        lasting("empty_object", "no data", 3),
        lasting("missing_list", "is missing", 3),
        lasting("content_type=text/plain", "instead of JSON", 3),
    ],
    "H11": [lasting("gzip_bomb=64M", "larger than", 1)],
    "H12": [lasting("body_bytes=64M", "larger than", 1)],
    "H13": [
        Met(LATER.format("dup_page"), tries=PAGES + 1, unproved=True),
        Met(ALWAYS.format("wrong_total=2"), tries=PAGES, unproved=True),
        Met(ALWAYS.format("wrong_total=-2"), tries=PAGES, unproved=True),
    ],
    "H14": [
        Met(LATER.format("cursor_loop"), "failed", 2, "given before"),
        Met(LATER.format("cursor_loop=start"), "failed", 3, "given before"),
    ],
    "H15": [
        Met(FIRST.format("insert=1"), unproved=True),
        Met(FIRST.format("delete=1"), unproved=True),
        Met(FIRST.format("drop_page"), unproved=True),
    ],
    "H16": [Met(FIRST.format("empty_page"), tries=PAGES + 1), Met(LATER.format("empty_page"), tries=PAGES + 1)],
    "H19": [lasting("forbid", "lacks the permission", 1, "unavailable")],
    "H23": [lasting("redirect=http://127.0.0.1:1/steal", "redirects to 127.0.0.1", 1)],
}
MET = [
    pytest.param(met, id=f"{name} {met.fault.split(':', 1)[1]}") for name, every in CATALOGUE.items() for met in every
]


@pytest.mark.parametrize("met", MET)
def test_one_listing_goes_wrong(api: Served, met: Met) -> None:
    assert api.run(*WORDS).status == "done"
    before, rows = api.contents(), api.contents(but=())
    api.goes_wrong(met.fault)
    run = api.run(*WORDS)
    assert statuses(run) == {"Labels": "done", "Transformations": met.status}, run
    assert (run.status, run.exit_code) == (("done", 0) if met.status == "done" else ("partial", 3))
    assert {row["id"] for row in api.live("transformations")} == {row["id"] for row in api.rows("transformations")}
    assert api.contents(but=())["labels"] == rows["labels"]
    if met.status != "done":
        assert api.contents(but=()) == rows
    one = result(run, "Transformations")
    assert met.says in (one.error or "")
    assert one.quarantined == met.quarantined
    assert met.tries in (None, api.asked()[LISTING])
    assert api.clock.monotonic() >= met.waits
    assert bool(api.certificate(run, "Transformations")["complete"]) == (met.status == "done" and not met.unproved)

    api.heals()
    again = api.run(*WORDS)
    assert (again.status, again.exit_code) == ("done", 0)
    assert api.contents() == before
    assert not api.books("quarantine")


def test_h1_the_whole_token_waits(api: Served) -> None:
    api.run(*WORDS)
    api.goes_wrong("listTransformations:status=429,retry_after=30,nth=1")
    assert api.run(*WORDS).status == "done"
    assert api.clock.monotonic() >= 30
    sent = [entry for entry in api.faulty.log.read() if entry.status == 200]
    assert len(sent) == len(api.faulty.log.read()) - 1


def test_h1_a_wait_that_is_too_long_ends_the_object_and_is_told(api: Served) -> None:
    api.run(*WORDS)
    before = api.contents(but=())
    api.goes_wrong("listTransformations:status=429,retry_after=3600,nth=2")
    run = api.run("Transformations")
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "longer than the 300 s" in (result(run, "Transformations").error or "")
    assert api.contents(but=()) == before


def test_h3_what_was_read_before_the_refusals_is_not_asked_for_again(api: Served) -> None:
    api.goes_wrong("listTransformations:status=429,retry_after=1,after=2")
    assert statuses(api.run(*WORDS))["Transformations"] == "failed"
    api.heals()
    assert result(api.run(*WORDS), "Transformations").requests == PAGES - 2
    assert len(api.live("transformations")) == 8


def test_h5_a_parent_that_vanished_takes_no_rows_of_others_with_it(api: Served) -> None:
    api.run("TrackingPlanRules")
    plan = api.rows("tracking_plans", "ORDER BY id")[1]["id"]
    before = api.contents(but=())
    api.goes_wrong(f"/tracking-plans/{plan}/rules:status=404")
    run = api.run("TrackingPlanRules")
    assert statuses(run)["TrackingPlanRules"] == "done"
    assert plan in (result(run, "TrackingPlanRules").unseen or "")
    assert api.contents(but=()) == before


def test_h15_a_second_listing_confirms_what_the_first_one_lacked(api: Served) -> None:
    """No get by id for labels: one record is hidden from the first listing alone."""
    api.run("Roles")
    before = api.contents(but=())
    api.goes_wrong("listRoles:drop_page,times=1")
    run = api.run("Roles")
    assert result(run, "Roles").deleted == 0
    assert api.contents(but=()) == before


def test_h17_an_expired_cursor_begins_the_listing_anew(api: Served) -> None:
    api.run("Transformations", told=Told(stop_after=1))
    (checkpoint,) = api.books("checkpoints")
    assert checkpoint["cursor"]
    api.goes_wrong("listTransformations:cursor_expire,times=1")
    run = api.run("Transformations")
    assert (run.status, api.asked()[LISTING]) == ("done", 1 + PAGES)
    assert len(api.live("transformations")) == 8
    api.goes_wrong("listTransformations:cursor_expire")
    assert statuses(api.run("Transformations")) == {"Transformations": "failed"}
    assert len(api.live("transformations")) == 8


def test_h18_a_revoked_token_stops_all_and_asks_once_more_only(api: Served) -> None:
    api.run(*WORDS, "Roles")
    before = api.contents(but=())
    api.goes_wrong("revoke_after=3")
    run = api.run(*WORDS, "Roles", concurrency=1)
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "token" in (run.error or "")
    assert sum(api.asked().values()) <= 3 + 4 + 1, "at most one under way for each object, and one recheck"
    after = api.contents(but=())
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
    api.heals()
    assert api.run(*WORDS, "Roles").status == "done"
    assert api.live("transformations") == api.rows("transformations")


def test_h20_write_keys_that_a_weaker_token_sees_empty_stay(api: Served) -> None:
    api.run("Sources")
    keys = {row["id"]: row["write_keys"] for row in api.rows("sources")}
    api.goes_wrong("/sources*:blank_field=writeKeys")
    assert api.run("Sources").status == "done"
    assert {row["id"]: row["write_keys"] for row in api.rows("sources")} == keys
    assert any("masked:" in each for each in keys.values())


def test_h21_a_token_of_another_workspace_is_refused_before_anything_is_read(api: Served) -> None:
    api.run(*WORDS)
    before = api.contents(but=())
    api.goes_wrong("workspace_switch")
    run = api.run(*WORDS)
    assert (run.status, run.exit_code) == ("failed", ConfigError.exit_code)
    assert "belongs to workspace" in (run.error or "")
    assert set(api.asked()) == {"/"}
    assert api.contents(but=()) == before


@pytest.mark.parametrize("wrong", ["expired", "wrong-host", "self-signed"])
def test_h22_a_wrong_certificate_gets_no_request(tmp_path: Path, wrong: str) -> None:
    with certificates("127.0.0.1") as made, served(tmp_path, tls=made) as api:
        assert api.run("Labels").status == "done"
        before = api.contents(but=())
        api.goes_wrong(f"tls={wrong}")
        run = api.run("Labels")
        assert (run.status, run.exit_code) == ("failed", 1)
        assert "certificate is refused" in (run.error or "")
        assert not api.asked()
        assert api.contents(but=()) == before
        api.heals()
        assert api.run("Labels").status == "done"


def test_h24_a_proxy_of_the_environment_sees_nothing(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert api.run("Labels").status == "done"


def test_h25_the_wrong_region_empties_nothing(tmp_path: Path) -> None:
    """A token of one region at the other's address: another workspace, none, or a 401; never an empty replica."""
    with served(tmp_path) as api:
        api.run(*WORDS)
        before = api.contents(but=())
        api.goes_wrong("status=401")
        run = api.run(*WORDS)
        assert (run.status, run.exit_code) == ("failed", 1)
        assert api.contents(but=()) == before


GROWN: dict[str, Any] = {
    "add_field=brandNew": lambda rows: all("brandNew" in (row["_extra"] or "") for row in rows),
    "remove_field=enabled": lambda rows: all(row["enabled"] is None for row in rows),
    "rename_field=name>title": lambda rows: all("title" in (row["_extra"] or "") for row in rows),
    "retype_field=name": lambda rows: all("name" in (row["_extra"] or "") for row in rows),
    "schema=1": lambda rows: len(rows) == 8,
    "schema=2": lambda rows: len(rows) == 8,
}


@pytest.mark.parametrize("fault", GROWN)
def test_h26_another_version_of_the_schema_loses_nothing(api: Served, fault: str) -> None:
    api.run(*WORDS)
    before = api.contents()
    api.goes_wrong(f"listTransformations:{fault}")
    run = api.run(*WORDS)
    assert run.status == "done"
    assert result(run, "Transformations").deleted == 0
    assert GROWN[fault](api.live("transformations"))
    api.heals()
    assert api.run(*WORDS).status == "done"
    assert api.contents() == before
