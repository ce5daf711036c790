"""Several connections and jobs in one configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicator.errors import ConfigError
from replicator.settings import Alerts, Configuration, FleetSettings, Job, JobAlerts, Settings, load, load_all
from replicator.settings.keys import ALERT_KEYS, JOB_ALERT_KEYS
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
    write(re.sub(r"^(?=base_url|mask_key_file|target_file|password_)", "# ", text, flags=re.MULTILINE))
    found = load_all({}, {})
    assert set(found.connections) == {"acme"}
    assert found.fleet == FleetSettings(queue="postgresql://replicator@queue.internal/replicator")
    assert found.jobs["nightly"].connections == ("acme",)
    plain, _, own = EXAMPLE.read_text().split("# [jobs.nightly]")[1].partition("# [jobs.nightly.alerts]")
    own, _, other = own.partition("# [jobs.often]")
    assert keys_of(plain + other) == set(Job.__dataclass_fields__) - {"name", "alerts", "places"}
    assert keys_of(own) == {key for key, each in JOB_ALERT_KEYS.items() if each.in_file}
    assert set(JOB_ALERT_KEYS) == set(JobAlerts.__dataclass_fields__)
    assert found.jobs["nightly"].alerts.mail_to == ("data@example.com",)


def keys_of(text: str) -> set[str]:
    return set(re.findall(r"^# (\w+) = ", text, flags=re.MULTILINE))


def test_the_example_has_every_key_of_the_alerts_with_its_default() -> None:
    part = EXAMPLE.read_text().partition("# [alerts]\n")[2].partition("# What `replicator run")[0]
    assert keys_of(part) == {key for key, each in ALERT_KEYS.items() if each.in_file}
    assert set(ALERT_KEYS) == set(Alerts.__dataclass_fields__)
    write("[alerts]\n" + re.sub(r"^# (?=\w+ = )", "", part, flags=re.MULTILINE))
    found = load_all({}, {}).alerts
    assert (found.on, found.pending_after, found.mail_tls) == (
        Alerts().on,
        Alerts().pending_after,
        Alerts().mail_tls,
    )
    assert found.mail_server == ("smtp.example.com", 587)


MAIL = '[alerts]\nmail_to = "a@example.com"\nmail_from = "b@example.com"\nmail_server = "smtp.example.com:25"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[alerts]\nmail_to = ["a@example.com"]', "alerts.mail_to needs alerts.mail_server and alerts.mail_from too"),
        (
            '[alerts]\nmail_from = "a@example.com"\n[jobs.x.alerts]\nmail_to = "b@example.com"',
            "jobs.x.alerts.mail_to needs alerts.mail_server too",
        ),
        (
            MAIL + 'mail_user = "me"',
            "alerts.mail_user needs alerts.mail_password_file or REPLICATOR_ALERTS_MAIL_",
        ),
        (MAIL + 'mail_password_file = "p"', "alerts.mail_password_file needs alerts.mail_user"),
        (MAIL + 'mail_tls = "off"', "smtp.example.com is not this machine: it must be starttls or tls"),
        (MAIL + 'mail_tls = "maybe"', "is 'maybe', but must be one of starttls, tls, off"),
        ('[alerts]\nmail_from = "a@b\\nBcc: c@d"', "must be a mail address such as replicator@example.com"),
        ('[alerts]\nmail_to = ["a@b\\r\\nX: y"]', "must be a list of mail addresses"),
        ('[alerts]\non = ["failed", "fire"]', "must be a list of failed, partial, stale, drift"),
        ('[jobs.x.alerts]\non = ["drift"]', "must be a list of failed, partial, stale"),
        (
            "[jobs.x.alerts]\nonn = []",
            "jobs.x.alerts.onn in replicator.toml: there is no such setting; the nearest",
        ),
        ("[jobs.x]\nalert = 1", "jobs.x.alert in replicator.toml: there is no such setting; the nearest is alerts"),
        ("[alert]", "alert in replicator.toml: there is no such setting; the nearest is alerts"),
        ('[alerts]\nstale_after = "soon"', "must be an interval from 5s to 366d, such as 26h"),
    ],
)
def test_what_is_wrong_about_alerts_is_told(text: str, told: str) -> None:
    assert told in refused(text)


@pytest.mark.parametrize(
    ("key", "where"),
    [("webhook_url", "WEBHOOK_URL, or webhook_url_file"), ("mail_password", "MAIL_PASSWORD, or mail_password_file")],
)
def test_a_secret_of_the_alerts_is_refused_in_the_file_without_being_shown(key: str, where: str) -> None:
    told = refused(f'[alerts]\n{key} = "https://hooks.example.com/hunter22"')
    assert (
        f"alerts.{key} in replicator.toml: a secret belongs into no configuration file: set REPLICATOR_ALERTS_{where}"
        in told
    )
    assert "hunter22" not in told


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/hunter22",
        "https://hunter22:pw@x/",
        "hunter22",
        "https:///hunter22",
        "https://x/hunter22 y",
    ],
)
def test_a_webhook_that_anybody_could_read_is_refused_without_being_shown(url: str) -> None:
    told = refused("", REPLICATOR_ALERTS_WEBHOOK_URL=url)
    assert told == "REPLICATOR_ALERTS_WEBHOOK_URL must be an https URL, or an http one on this machine."


def test_variables_go_before_the_file_for_alerts_and_for_a_job_s() -> None:
    write('[alerts]\nstale_after = "1h"\n[jobs.x-y.alerts]\nstale_after = "2h"')
    found = load_all({"REPLICATOR_ALERTS_ON": "failed, stale", "REPLICATOR_JOBS_X_Y_ALERTS_STALE_AFTER": "3h"}, {})
    assert (found.alerts.on, found.alerts.stale_after) == (("failed", "stale"), "1h")
    assert found.jobs["x-y"].alerts.stale_after == "3h"


def test_a_token_that_would_be_read_in_place_of_a_connections_own_is_refused() -> None:
    told = refused('[connections.a]\ntoken_file = "t"', SEGMENT_TOKEN="0123456789")
    assert told == "SEGMENT_TOKEN would go before the token_file of connection a: unset one of them."
