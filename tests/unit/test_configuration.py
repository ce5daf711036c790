"""Several connections and jobs in one configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicator.errors import ConfigError
from replicator.settings import Configuration, Job, Settings, load, load_all
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
        TWO.replace('"eu"', '"uk"') + 'colour = 1\n[jobs.x]\nmod = "full"\nconnections = ["a", "bb"]\nsync = true\n'
        "[daemon]"
    )
    assert told.splitlines()[0] == "6 settings are wrong:"
    for part in (
        "connections.a.region in replicator.toml is 'uk', but must be one of us, eu, sandbox",
        "connections.b.sandbox.colour in replicator.toml: there is no such setting",
        "jobs.x.mod in replicator.toml: there is no such setting; the nearest is mode",
        "jobs.x.connections in replicator.toml: there is no such connection; the nearest is b",
        "jobs.x.sync in replicator.toml needs `push = true` of connection a, which would send nothing",
        "daemon in replicator.toml: there is no such setting",
    ):
        assert part in told


def test_what_connections_share_is_complained_of_once() -> None:
    assert refused("tries = 0\n[connections.a]\n[connections.b]").startswith("tries in replicator.toml is 0")


@pytest.mark.parametrize("text", ["jobs = 1", "connections = 1", "connections.a = 1", '["connections"."a b"]', "[job]"])
def test_what_is_no_table_or_no_name_is_refused(text: str) -> None:
    assert "in replicator.toml" in refused(text)


def test_a_job_is_for_all_connections_unless_it_names_some() -> None:
    write(TWO + '[jobs.x]\n[jobs.y]\nconnections = "b"\nmode = "full"')
    found = load_all({"REPLICATOR_JOBS_Y_OBJECTS": "Labels"}, {})
    assert found.jobs == {
        "x": Job(name="x", connections=("a", "b")),
        "y": Job(name="y", connections=("b",), mode="full", objects=("Labels",)),
    }


def test_the_example_with_its_tables_uncommented_loads_and_has_every_key_of_a_job() -> None:
    text = re.sub(r"^# (?=\w+ = |\[)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    write(re.sub(r"^(?=base_url|mask_key_file)", "# ", text, flags=re.MULTILINE))
    found = load_all({}, {})
    assert set(found.connections) == {"acme"}
    assert found.jobs["nightly"].connections == ("acme",)
    told = EXAMPLE.read_text().split("# [jobs.nightly]")[1]
    assert set(re.findall(r"^# (\w+) = ", told, flags=re.MULTILINE)) == set(Job.__dataclass_fields__) - {"name"}


def test_a_token_that_would_be_read_in_place_of_a_connections_own_is_refused() -> None:
    told = refused('[connections.a]\ntoken_file = "t"', SEGMENT_TOKEN="0123456789")
    assert told == "SEGMENT_TOKEN would go before the token_file of connection a: unset one of them."
