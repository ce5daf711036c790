"""Where settings come from, and what is said about wrong ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from replicator.errors import ConfigError
from replicator.settings import KEYS, ObjectSettings, SandboxSettings, Settings, load, load_all, months
from replicator.settings.keys import ALERT_KEYS, FLEET_KEYS, OBJECT_KEYS, WEB_KEYS
from replicator.settings.variables import misspelt, variable
from tests.conftest import ROOT

EXAMPLE = ROOT / "config" / "replicator.example.toml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "replicator.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def refused(text: str = "", environ: dict[str, str] | None = None, **options: Any) -> str:
    write(text)
    with pytest.raises(ConfigError) as error:
        load(environ or {}, options)
    return str(error.value)


def test_without_anything_the_defaults_hold() -> None:
    assert load({}, {}) == Settings()


def test_an_option_goes_before_the_environment_and_that_before_the_file() -> None:
    write("concurrency = 1\ntries = 1\ndeadline = 1")
    found = load({"REPLICATOR_CONCURRENCY": "2", "REPLICATOR_TRIES": "2"}, {"concurrency": 3})
    assert (found.concurrency, found.tries, found.deadline) == (3, 2, 1.0)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"REPLICATOR_CONCURRENCY": "", "REPLICATOR_TARGET": ""}, {}) == Settings()


def test_the_file_may_be_named_by_option_or_environment() -> None:
    write("tries = 3", "a.toml")
    write("tries = 4", "b.toml")
    assert load({"REPLICATOR_CONFIG": "a.toml"}, {}).tries == 3
    assert load({"REPLICATOR_CONFIG": "a.toml"}, {}, config=Path("b.toml")).tries == 4


def test_a_file_that_was_named_has_to_be_there() -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the configuration file no\.toml: no such file"):
        load({}, {}, config=Path("no.toml"))


def test_a_file_that_is_no_toml_is_refused_without_quoting_it() -> None:
    told = refused('target = "postgresql://u:hunter22@h/d')
    assert re.fullmatch(
        r"The configuration file replicator\.toml is no TOML: it cannot be read at .*\. Correct it there\.", told
    )
    assert "hunter22" not in told


def test_all_problems_are_told_at_once() -> None:
    told = refused(
        'concurrency = "many"\nextended = "maybe"\ncolour = 1', {"REPLICATOR_TRIES": "0"}, period=["2023-13"]
    )
    assert told.splitlines()[0] == "5 settings are wrong:"
    assert "concurrency in replicator.toml is 'many', but must be a whole number from 1 to 64" in told
    assert "extended in replicator.toml is 'maybe', but must be one of auto, on, off" in told
    assert "colour in replicator.toml: there is no such setting" in told
    assert "REPLICATOR_TRIES is '0', but must be a whole number from 1 to 100" in told
    assert "--period is ['2023-13'], but must be a month such as 2023-04" in told


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("concurency = 2", "concurrency"), ("[sandbox]\nseeds = 2", "sandbox.seed"), ("periods = []", "period")],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(text: str, nearest: str) -> None:
    assert refused(text).endswith(f"there is no such setting; the nearest is {nearest}.")


@pytest.mark.parametrize("text", ["foo = 1", "[connections.acme]\nfoo = 1", "[jobs.a]\nconnections = ['zzz']"])
def test_where_no_name_is_near_none_is_named(text: str) -> None:
    assert "nearest" not in refused(text)


@pytest.mark.parametrize("key", ["token", "api_token", "segment_token", "SEGMENT_TOKEN", "api_key"])
def test_a_token_in_the_file_is_refused_with_the_place_where_it_belongs(key: str) -> None:
    told = refused(f'{key} = "sgp_0123456789"')
    assert "a token belongs into no configuration file: set SEGMENT_TOKEN" in told
    assert "sgp_" not in told


def test_the_key_of_the_masks_is_refused_in_the_file() -> None:
    told = refused('mask_key = "0123456789abcdef"')
    assert "the nearest is mask_key_file" in told
    assert "0123" not in told


def test_no_secret_is_shown() -> None:
    told = refused("", {"REPLICATOR_MASK_KEY": "hunter2"}, target=7)
    assert "hunter2" not in told
    assert "REPLICATOR_MASK_KEY must be at least 16 characters" in told
    shown = repr(
        load({"REPLICATOR_MASK_KEY": "hunter2-hunter2-hunter2", "REPLICATOR_TARGET": "mysql://u:pw12@h/d"}, {})
    )
    assert "hunter2" not in shown
    assert "pw12" not in shown


def test_an_option_for_the_region_puts_away_the_address_in_the_file() -> None:
    write('base_url = "https://example.com"')
    assert load({}, {"region": "eu"}).base_url is None
    assert load({"REPLICATOR_REGION": "eu"}, {}).base_url is None
    assert load({}, {}).base_url == "https://example.com"


def test_region_and_address_in_one_place_exclude_one_another() -> None:
    assert "--region and --base-url exclude one another" in refused(region="eu", base_url="https://example.com")


def test_paths_of_the_file_are_taken_from_its_folder(folder: Path) -> None:
    (folder / "etc").mkdir()
    write('token_file = "token"\nca_file = "/ca.pem"', "etc/r.toml")
    found = load({}, {}, config=Path("etc/r.toml"))
    assert (found.token_file, found.ca_file) == (Path("etc/token"), Path("/ca.pem"))


def test_the_key_of_the_masks_may_lie_in_a_file_and_its_line_end_is_none_of_it(folder: Path) -> None:
    (folder / "key").write_text("0123456789abcdef\n")
    assert load({"REPLICATOR_MASK_KEY_FILE": "key"}, {}).mask_key == b"0123456789abcdef"
    assert load({"REPLICATOR_MASK_KEY": "fedcba9876543210"}, {}).mask_key == b"fedcba9876543210"
    assert "the mask key file no cannot be read (no such file or directory)" in refused('mask_key_file = "no"')


def test_the_database_may_be_named_by_a_file_and_a_higher_place_goes_before_it(folder: Path) -> None:
    (folder / "secret.toml").write_text("postgresql://me:hunter22@host/db\n")
    write('target_file = "secret.toml"')
    found = load({}, {})
    assert found.target == "postgresql://me:hunter22@host/db"
    assert "hunter22" not in repr(found)
    assert load({"REPLICATOR_TARGET": "sqlite:///other.db"}, {}).target == "sqlite:///other.db"
    write('target = "sqlite:///here.db"')
    assert load({"REPLICATOR_TARGET_FILE": "secret.toml"}, {}).target == "postgresql://me:hunter22@host/db"
    assert "the target file no cannot be read (no such file or directory)" in refused('target_file = "no"')
    (folder / "empty").write_text("\n")
    assert "the target file empty must hold a database URL" in refused('target_file = "empty"')
    assert "exclude one another" in refused('target_file = "empty"\ntarget = "sqlite:///a.db"')


def test_no_variable_of_ours_is_taken_for_a_misspelt_one() -> None:
    tables = {"": KEYS, "web.": WEB_KEYS, "alerts.": ALERT_KEYS, "fleet.": FLEET_KEYS}
    names = [variable(f"{table}{key}") for table, keys in tables.items() for key in keys]
    names += [variable(key, "one-more") for key in KEYS]
    names.remove("REPLICATOR_TOKEN_FILE")
    assert misspelt(dict.fromkeys(names, "x"), ["one-more"]) == []
    assert load({"REPLICATOR_SANDBOX_SIZE": "medium"}, {}).sandbox.size == "medium"


def test_settings_of_the_sandbox_stand_in_a_table_of_their_own() -> None:
    write('[sandbox]\nsize = "medium"\nseed = 7\ncounts = { Sources = 3 }')
    assert load({}, {}).sandbox == SandboxSettings(size="medium", seed=7, counts={"Sources": 3})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2023-04", ("2023-04-01",)),
        ("2022-11..2023-02", ("2022-11-01", "2022-12-01", "2023-01-01", "2023-02-01")),
        (["2023-02", "2023-01", "2023-01..2023-02"], ("2023-01-01", "2023-02-01")),
    ],
)
def test_months_and_ranges_are_first_days(said: Any, meant: tuple[str, ...]) -> None:
    assert months(said) == meant


@pytest.mark.parametrize(
    "said", ["2023", "2023-4", "2023-00", "2023-04-01", "2023-04..", "..2023-04", "2023-05..2023-04", "x", "", 3]
)
def test_what_is_no_month_is_refused(said: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the loader makes the sentence
        months(said)


def test_a_flag_is_no_number() -> None:
    assert "concurrency in replicator.toml is True, but must be a whole number" in refused("concurrency = true")
    write("")
    assert load({"REPLICATOR_MIGRATE": "no"}, {}).migrate is False


def test_the_example_has_every_setting_with_its_default() -> None:
    """Uncommented it loads; each key of the program is there, and each key there is one of the program."""
    text = re.sub(r"^# (?=\w+ = )", "", EXAMPLE.read_text().partition("# Several connections")[0], flags=re.MULTILINE)
    table = tomllib.loads(text)
    sandbox = {f"sandbox.{key}" for key in table.pop("sandbox")}
    assert {*table, *sandbox} == {key for key, each in KEYS.items() if each.in_file}
    write(
        text.replace("base_url", "# base_url")
        .replace("mask_key_file", "# mask_key_file")
        .replace("target_file", "# target_file")
    )
    load({}, {})
    ours = {"sandbox", "object", "places"}
    assert set(Settings.__dataclass_fields__) == {*(key for key in KEYS if "." not in key), *ours}
    for key in (
        "region",
        "target",
        "schema",
        "prefix",
        "extended",
        "concurrency",
        "schema_policy",
        "migrate",
        "deadline",
        "tries",
    ):
        assert table[key] == getattr(Settings(), key), key
    assert table.keys() >= {"token_file"}


def test_the_example_has_every_setting_of_an_object() -> None:
    part = EXAMPLE.read_text().partition("# [object.Users]")[2].partition("# Where")[0]
    text = "[object.Users]\n" + re.sub(r"^# (?=\w+ = )", "", part, flags=re.MULTILINE)
    assert tomllib.loads(text)["object"]["Users"].keys() == OBJECT_KEYS.keys() == ObjectSettings.__annotations__.keys()
    write(text)
    assert None not in vars_of(load({}, {}).object["Users"]).values()


def vars_of(settings: ObjectSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ObjectSettings.__annotations__}


def test_a_connections_own_words_about_an_object_go_before_those_of_all_key_by_key() -> None:
    write(
        'extended = "off"\n[object.Users]\nhistory = true\ndeletes = "hard"\n'
        '[connections.a.object.users]\ndeletes = "soft"\n[connections.b.object.Labels]\nhistory = false'
    )
    found = load_all({}, {}).connections
    assert found["a"].object == {"Users": ObjectSettings(history=True, deletes="soft")}
    assert found["b"].object["Users"] == ObjectSettings(history=True, deletes="hard")
    assert found["b"].object["Labels"] == ObjectSettings(history=False)


def test_an_option_goes_before_what_the_file_says_of_an_object() -> None:
    write('[object.Users]\nextended = "off"\nhistory = true')
    assert load({}, {}).object["Users"].extended == "off"
    assert load({}, {"extended": "on"}).object["Users"] == ObjectSettings(history=True)


def test_wrong_words_about_an_object_are_all_told() -> None:
    told = refused('[object.Users]\nmask = { email = "hide" }\ncolums = []\nreread_hours = -1\n[object.users]')
    assert "object.Users.mask in replicator.toml is {'email': 'hide'}, but must be a table such as" in told
    assert "object.Users.colums in replicator.toml: there is no such setting; the nearest is columns" in told
    assert "object.Users.reread_hours in replicator.toml is -1, but must be a number" in told
    assert "object.users in replicator.toml is there twice, as Users too" in told
    assert "object in replicator.toml must be a table, such as [object]" in refused("object = 1")


def test_a_path_of_a_mask_may_be_quoted_or_not() -> None:
    write('[object.Sources.mask]\nsettings.a.b = "drop"\n"settings.c" = "null"')
    assert load({}, {}).object["Sources"].mask == {"settings.a.b": "drop", "settings.c": "null"}


def test_the_example_as_it_is_changes_nothing() -> None:
    assert load({}, {}, config=EXAMPLE) == Settings()
