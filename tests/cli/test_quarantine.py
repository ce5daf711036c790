"""`replicator quarantine`: the records that could not be stored, and another try."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replicator.sandbox import Request, Response, Sandbox
from replicator.sandbox.server import running
from tests.cli.running import TOKEN, Run
from tests.scenarios.network import Network


@pytest.fixture
def network() -> Network:
    return Network(Sandbox())


@pytest.fixture
def url(network: Network) -> Iterator[str]:
    with running(network) as url:
        yield url


def mangle(request: Request, answer: Response) -> Response:
    """The first record gets a number that no database holds in a key."""
    return Response(answer.status, answer.headers, answer.body.replace(b'"id":"', b'"id":NaN,"was":"', 1))


def test_what_could_not_be_stored_is_listed_and_stored_once_it_can_be(
    replicator: Run, target_url: str, network: Network, url: str
) -> None:
    words, api = ("--target", target_url), ("--base-url", url)
    network.on("/transformations", mangle)
    replicator("replicate", "Labels", "Transformations", *words, *api, SEGMENT_TOKEN=TOKEN)
    shown = replicator("quarantine", "list", *words)
    assert shown.code == 0
    assert "1 record in quarantine in" in shown.out
    assert "`replicator quarantine retry` asks Segment for them again" in shown.out
    (record,) = replicator("quarantine", "list", "transformations", "--json", *words).document["records"]
    assert record["object"] == "Transformations"
    assert record["reason"]
    assert "NaN" in record["record"]
    assert replicator("quarantine", "list", "Labels", "--json", *words).document["records"] == []

    still = replicator("quarantine", "retry", *words, *api, SEGMENT_TOKEN=TOKEN)
    assert "1 record could not be stored and went to quarantine" in still.out
    assert len(replicator("quarantine", "list", "--json", *words).document["records"]) == 1

    network.heal()
    network.forget()
    done = replicator("quarantine", "retry", "core", "--json", *words, *api, SEGMENT_TOKEN=TOKEN).document
    assert [(each["object"], each["inserted"]) for each in done["objects"]] == [("Transformations", 1)]
    assert "/labels" not in network.paths()
    assert "0 records in quarantine" in replicator("quarantine", "list", *words).out


def test_a_refused_event_that_the_window_left_behind_is_read_again(replicator: Run, network: Network, url: str) -> None:
    network.on("/audit-events", mangle)
    replicator("replicate", "AuditEvents", "--base-url", url, SEGMENT_TOKEN=TOKEN)
    network.heal()
    assert replicator("quarantine", "retry", "--base-url", url, SEGMENT_TOKEN=TOKEN).code == 0
    assert replicator("quarantine", "list", "--json").document["records"] == []


def test_nothing_is_asked_where_nothing_is_in_quarantine(replicator: Run, network: Network, url: str) -> None:
    replicator("replicate", "Labels", "--base-url", url, SEGMENT_TOKEN=TOKEN)
    network.forget()
    outcome = replicator("quarantine", "retry", "--base-url", url, SEGMENT_TOKEN=TOKEN)
    assert (outcome.code, "0 records in quarantine" in outcome.out) == (0, True)
    assert not network.asked
