"""Several connections and jobs in one configuration, and when a job runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.errors import ConfigError
from replicator.settings import Configuration, Job, Settings, load, load_all
from replicator.settings.schedule import trigger
from tests.unit.test_settings import EXAMPLE, write

TWO = """
tries = 3
target = "sqlite:///shared.db"
[connections.a]
region = "eu"
[connections.b]
target = "sqlite:///b.db"
tries = 4
[connections.b.sandbox]
seed = 7
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(text: str, **environ: str) -> str:
    write(text)
    with pytest.raises(ConfigError) as error:
        load_all(environ, {})
    return str(error.value)


def test_without_anything_there_is_one_connection_and_no_job() -> None:
    assert load_all({}, {}) == Configuration(connections={"default": Settings()})


def test_a_connection_has_what_all_share_and_its_own() -> None:
    write(TWO)
    a, b = load_all({}, {}).connections.values()
    assert (a.region, a.tries, a.target, a.sandbox.seed) == ("eu", 3, "sqlite:///shared.db", 1)
    assert (b.region, b.tries, b.target, b.sandbox.seed) == ("us", 4, "sqlite:///b.db", 7)


def test_a_variable_goes_before_the_part_of_the_file_that_it_is_about() -> None:
    write(TWO)
    a, b = load_all({"REPLICATOR_TRIES": "5", "REPLICATOR_CONNECTIONS_A_DEADLINE": "9"}, {}).connections.values()
    assert (a.tries, a.deadline) == (5, 9)
    assert (b.tries, b.deadline) == (4, 60)
    assert [each.tries for each in load_all({}, {"tries": 6}).connections.values()] == [6, 6]


def test_one_of_several_has_to_be_named() -> None:
    write(TWO)
    with pytest.raises(ConfigError, match=r"several connections: name one .* The configuration has a, b\."):
        load({}, {})
    with pytest.raises(ConfigError, match=r"no connection 'c'"):
        load({"REPLICATOR_CONNECTION": "c"}, {})
    assert load({"REPLICATOR_CONNECTION": "b"}, {}).tries == 4


def test_paths_and_addresses_of_a_connection_go_before_those_that_all_share() -> None:
    write('region = "eu"\n[connections.a]\nbase_url = "https://example.com"\ntoken_file = "t"', "etc.toml")
    found = load({}, {}, config=Path("etc.toml"))
    assert (found.region, found.base_url, found.token_file) == ("us", "https://example.com", Path("t"))


def test_all_problems_are_told_at_once_with_the_table_and_the_nearest_name() -> None:
    told = refused(
        TWO.replace('"eu"', '"uk"')
        + 'colour = 1\n[jobs.x]\nschedul = "0 3 * * *"\nconnections = ["a", "bb"]\ntime_zone = "Mars"\nsync = true\n'
        "[daemon]\nconcurrency = 0\n[log]\nlevel = 1"
    )
    assert told.splitlines()[0] == "8 settings are wrong:"
    for part in (
        "connections.a.region in replicator.toml is 'uk', but must be one of us, eu, sandbox",
        "connections.b.sandbox.colour in replicator.toml: there is no such setting",
        "jobs.x.schedul in replicator.toml: there is no such setting; the nearest is schedule",
        "jobs.x.connections in replicator.toml: there is no such connection; the nearest is b",
        "jobs.x.time_zone in replicator.toml is 'Mars', but must be a time zone such as Europe/Berlin",
        "jobs.x.sync in replicator.toml: this version writes nothing back to Segment; take the key out",
        "daemon.concurrency in replicator.toml is 0, but must be a whole number from 1 to 64",
        "log.level in replicator.toml is 1, but must be one of debug, info, warning, error",
    ):
        assert part in told


def test_what_connections_share_is_complained_of_once() -> None:
    assert refused("tries = 0\n[connections.a]\n[connections.b]").startswith("tries in replicator.toml is 0")


@pytest.mark.parametrize("text", ["jobs = 1", "connections = 1", "connections.a = 1", '["connections"."a b"]', "[job]"])
def test_what_is_no_table_or_no_name_is_refused(text: str) -> None:
    assert "in replicator.toml" in refused(text)


def test_a_job_is_for_all_connections_unless_it_names_some() -> None:
    write(TWO + '[jobs.x]\n[jobs.y]\nconnections = "b"\nschedule = "every 15 minutes"\njitter = 3')
    found = load_all({"REPLICATOR_JOBS_Y_JITTER": "2"}, {})
    assert found.jobs == {
        "x": Job(name="x", connections=("a", "b")),
        "y": Job(name="y", connections=("b",), schedule="every 15 minutes", jitter=2),
    }


def test_the_example_with_its_tables_uncommented_loads_with_every_key() -> None:
    text = re.sub(r"^# (?=\w+ = |\[)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    write(re.sub(r"^(?=base_url|mask_key_file)", "# ", text, flags=re.MULTILINE))
    found = load_all({}, {})
    assert set(found.connections) == {"acme"}
    assert found.jobs["nightly"].schedule == "0 3 * * *"
    commented = {
        line.split()[1] for line in EXAMPLE.read_text().split("[jobs.nightly]")[1].splitlines() if " = " in line
    }
    told = {name for kind in (found.jobs["nightly"], found.daemon, found.log) for name in kind.__dataclass_fields__}
    assert commented == told - {"name"}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 3 * * *", "2026-01-02 03:00"),
        ("*/20 * * * *", "2026-01-01 12:20"),
        ("0 0 * * 0", "2026-01-04 00:00"),
        ("0 0 * * 7", "2026-01-04 00:00"),
        ("0 0 * * 1-5", "2026-01-02 00:00"),
        ("0 0 * * sat-sun", "2026-01-03 00:00"),
        ("0 0 * * */3", "2026-01-03 00:00"),
        ("0 0 31 * *", "2026-01-31 00:00"),
        ("every hour", "2026-01-01 13:00"),
        ("every 15 minutes", "2026-01-01 12:15"),
    ],
)
def test_a_schedule_means_what_cron_means(text: str, first: str) -> None:
    after = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)  # a Thursday
    assert f"{trigger(text).get_next_fire_time(None, after):%Y-%m-%d %H:%M}" == first


@pytest.mark.parametrize(
    "text", ["", "daily", "0 3 * *", "61 * * * *", "0 3 1 * 1", "every 0 minutes", "every minute or so", "0 0 * * 8"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the loader makes the sentence
        trigger(text)


@given(
    st.integers(1, 500),
    st.sampled_from(["second", "minute", "hour"]),
    st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)),
)
def test_every_daemon_counts_intervals_from_the_same_moment(number: int, unit: str, now: datetime) -> None:
    length = timedelta(**{f"{unit}s": number})
    found = trigger(f"every {number} {unit}s").get_next_fire_time(None, now.replace(tzinfo=UTC))
    assert timedelta() <= found - now.replace(tzinfo=UTC) < length + timedelta(seconds=1)
    assert (found - datetime(2000, 1, 1, tzinfo=UTC)) % length == timedelta()
