"""The places in which settings are said, and which of them goes first.

An option goes before all else. Of a connection, its own variables (REPLICATOR_CONNECTIONS_NAME_TARGET) go before its
own table, and that before what all connections share: the variables without a name, then the top of the file. All
problems are reported at once, and no value of a secret is ever shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replicator.errors import ConfigError
from replicator.settings import lacks
from replicator.settings.alerts import Alerts, JobAlerts, contradictions
from replicator.settings.keys import (
    ALERT_KEYS,
    FLEET_KEYS,
    JOB_ALERT_KEYS,
    JOB_KEYS,
    KEYS,
    OBJECT_KEYS,
    WEB_KEYS,
    Key,
)
from replicator.settings.model import Configuration, FleetSettings, Job, ObjectSettings, SandboxSettings, Settings, Web
from replicator.settings.places import Place, settle_rivals, value_of, where_said
from replicator.settings.sentences import parsed, refusal, unknown
from replicator.settings.variables import CONFIG_VARIABLE, CONNECTION_VARIABLE, misspelt, variable
from replicator.settings.web import guarded

DEFAULT_FILE = "replicator.toml"
#: What the one connection is called where the file names none.
DEFAULT_CONNECTION = "default"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_TABLES = ("alerts", "connections", "fleet", "jobs", "object", "web")


def load(environ: Mapping[str, str], options: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """The settings of the one connection, or of that which REPLICATOR_CONNECTION names.

    `options` are those of the command line that were given, `config` its --config. Raises ConfigError, which names
    every problem.
    """
    connections = load_all(environ, options, config=config).connections
    name = environ.get(CONNECTION_VARIABLE, "")
    if not name and len(connections) == 1:
        return next(iter(connections.values()))
    if name not in connections:
        what = f"There is no connection {name!r}" if name else "There are several connections"
        raise ConfigError(
            f"{what}: name one with `replicator --connection NAME` or {CONNECTION_VARIABLE}."
            f" The configuration has {', '.join(sorted(connections))}."
        )
    return connections[name]


def load_all(environ: Mapping[str, str], options: Mapping[str, Any], *, config: Path | None = None) -> Configuration:
    """Every connection and job. Raises ConfigError, which names every problem."""
    found, problems = examine(environ, options, config=config)
    if problems:
        raise refusal(problems)
    return found


def examine(
    environ: Mapping[str, str], options: Mapping[str, Any], *, config: Path | None = None
) -> tuple[Configuration, list[str]]:
    """The same with the problems: what is wrong has its default. Raises ConfigError for a file that is no TOML."""
    loader = _Loader(environ, options, config)
    # What is wrong in the part that connections share is met once for each of them.
    return loader.configuration(), list(dict.fromkeys(loader.problems))


class _Loader:
    def __init__(self, environ: Mapping[str, str], options: Mapping[str, Any], config: Path | None) -> None:
        self.problems: list[str] = []
        self.environ = environ
        named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
        self.path = named or Path(DEFAULT_FILE)
        self.table = parsed(self.path) if named or self.path.is_file() else {}
        self.options = {key: value for key, value in options.items() if value is not None}

    def configuration(self) -> Configuration:
        shared = self._flat({key: value for key, value in self.table.items() if key not in _TABLES})
        named: Mapping[str, Mapping[str, Any] | None] = self._named("connections")
        tables = named or {DEFAULT_CONNECTION: None}
        objects = self._objects(self.table)
        values = {name: self._connection(name, table, shared, objects) for name, table in tables.items()}
        jobs = {name: self._job(name, table, tuple(values)) for name, table in self._named("jobs").items()}
        for name, job in jobs.items():
            self.problems += lacks.of_sync(name, job, values, self.path)
        web, wrong = guarded(Web(**self._plain("web", self._table("web", self.table), WEB_KEYS)), str(self.path))
        self.problems += wrong
        told = self._table("alerts", self.table)
        alerts = self._plain("alerts", told, ALERT_KEYS)
        said = self._said("alerts", told, ALERT_KEYS)
        self.problems += contradictions(alerts, {name: job["alerts"] for name, job in jobs.items()}, said)
        fleet = self._fleet()
        self.problems += misspelt(self.environ, named)
        return Configuration(
            connections={name: _settings(each) for name, each in values.items()},
            jobs={
                name: Job(name=name, **{**each, "alerts": JobAlerts(**each["alerts"])}) for name, each in jobs.items()
            },
            alerts=Alerts(**alerts),
            web=web,
            fleet=FleetSettings(**fleet) if "queue" in fleet else None,
        )

    def _fleet(self) -> dict[str, Any]:
        told = self._table("fleet", self.table)
        fleet = self._plain("fleet", told, FLEET_KEYS)
        if "queue" not in self._said("fleet", told, FLEET_KEYS) and (fleet or "fleet" in self.table):
            self.problems.append(f"fleet.queue in {self.path} is missing: give {FLEET_KEYS['queue'].expects}")
        return fleet

    def _table(self, name: str, table: Mapping[str, Any], prefix: str = "") -> Mapping[str, Any]:
        found = table.get(name, {})
        if not isinstance(found, dict):
            self.problems.append(f"{prefix}{name} in {self.path} must be a table, such as [{prefix}{name}]")
            return {}
        return found

    def _named(self, kind: str) -> dict[str, Mapping[str, Any]]:
        found = self._table(kind, self.table)
        for name in found:
            if not _NAME.fullmatch(name):
                self.problems.append(
                    f"{kind}.{name} in {self.path}: a name has letters, digits, _ and -, and at most 40 of them"
                )
        return {name: self._table(name, found, f"{kind}.") for name in found}

    def _objects(self, table: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[str, dict[str, Any]]]:
        """The tables [object.NAME] by their names in one spelling: the name as it stands there, and what it says."""
        found: dict[str, tuple[str, dict[str, Any]]] = {}
        tables = self._table("object", table, prefix)
        for name in tables:
            each = self._table(name, tables, f"{prefix}object.")
            where = f"{prefix}object.{name}"
            for key in sorted(each.keys() - OBJECT_KEYS.keys()):
                self.problems.append(f"{where}.{key} in {self.path}: {unknown(key, list(OBJECT_KEYS))}")
            places = [self._file(f"{where}.", dict(each))]
            read = {key: self._value(key, OBJECT_KEYS[key], places) for key in OBJECT_KEYS if key in each}
            plain = name.replace("_", "").lower()
            if plain in found:
                self.problems.append(f"{where} in {self.path} is there twice, as {found[plain][0]} too")
            found[plain] = name, {key: value for key, value in read.items() if value is not None}
        return found

    def _connection(
        self,
        name: str,
        table: Mapping[str, Any] | None,
        shared: Mapping[str, Any],
        objects: Mapping[str, tuple[str, dict[str, Any]]],
    ) -> dict[str, Any]:
        prefix = f"connections.{name}."
        said = {key: value for key, value in (table or {}).items() if key != "object"}
        own = [] if table is None else [self._variables(name), self._file(prefix, self._flat(said, prefix))]
        if any("token_file" in place.said for place in own):
            self._refuse_token_of_all(name)
        places = [
            Place(lambda key: f"--{key.replace('_', '-')}", dict(self.options)),
            *own,
            self._variables(),
            self._file("", dict(shared)),
        ]
        self.problems += settle_rivals(places)
        values = {key: value for key in KEYS if (value := self._value(key, KEYS[key], places)) is not None}
        for key in ("mask_key", "target"):
            if f"{key}_file" in values and (found := self._secret(key, values[f"{key}_file"])) is not None:
                values[key] = found
        values["places"] = where_said(KEYS, places)
        values["object"] = self._of_objects(objects, self._objects(table or {}, prefix))
        return values

    def _of_objects(
        self, shared: Mapping[str, tuple[str, dict[str, Any]]], own: Mapping[str, tuple[str, dict[str, Any]]]
    ) -> dict[str, ObjectSettings]:
        """A connection's own table goes before that of all connections, key by key; an option before both."""
        found: dict[str, ObjectSettings] = {}
        for plain in dict.fromkeys((*shared, *own)):
            name, said = shared.get(plain, own.get(plain, ("", {})))
            merged = {**said, **own.get(plain, ("", {}))[1]}
            found[name] = ObjectSettings(**{key: each for key, each in merged.items() if key not in self.options})
        return found

    def _refuse_token_of_all(self, connection: str) -> None:
        """It would go before the connection's own, and another workspace would be read."""
        for each in ("SEGMENT_TOKEN", "SEGMENT_TOKEN_FILE"):
            if self.environ.get(each):
                self.problems.append(
                    f"{each} would go before the token_file of connection {connection}: unset one of them"
                )

    def _job(self, name: str, table: Mapping[str, Any], connections: tuple[str, ...]) -> dict[str, Any]:
        inner = self._table("alerts", table, f"jobs.{name}.")
        own = {key: value for key, value in table.items() if key != "alerts"}
        values = {"connections": connections, **self._plain(f"jobs.{name}", own, JOB_KEYS, ("alerts",))}
        values["alerts"] = self._plain(f"jobs.{name}.alerts", inner, JOB_ALERT_KEYS)
        values["places"] = self._said(f"jobs.{name}", own, JOB_KEYS)
        self.problems += lacks.of_job(name, values)
        if "schedule" in values and "every" in values:
            self.problems.append(
                f"jobs.{name}.schedule and jobs.{name}.every in {self.path} exclude one another: give one of them"
            )
        for each in sorted(set(values["connections"]) - set(connections)):
            self.problems.append(
                f"jobs.{name}.connections in {self.path}: {unknown(each, list(connections), 'connection')}"
            )
        return values

    def _plain(
        self, prefix: str, table: Mapping[str, Any], keys: Mapping[str, Key], tables: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The values of a table that the file alone may hold, or the variable REPLICATOR_TABLE_KEY."""
        allowed = [key for key, each in keys.items() if each.in_file]
        for key in sorted(table.keys() - set(allowed)):
            told = unknown(key, [*allowed, *tables])
            if key in keys:
                told = f"a secret belongs into no configuration file: set {variable(f'{prefix}.{key}')}, or {key}_file"
            self.problems.append(f"{prefix}.{key} in {self.path}: {told}")
        places = self._places(prefix, table, keys)
        return {key: value for key in keys if (value := self._value(key, keys[key], places)) is not None}

    def _said(self, prefix: str, table: Mapping[str, Any], keys: Mapping[str, Key]) -> dict[str, str]:
        return where_said(keys, self._places(prefix, table, keys))

    def _places(self, prefix: str, table: Mapping[str, Any], keys: Mapping[str, Key]) -> list[Place]:
        named = {key: variable(f"{prefix}.{key}") for key in keys}
        said: dict[str, Any] = {key: self.environ[name] for key, name in named.items() if self.environ.get(name)}
        here = {key: table[key] for key, each in keys.items() if each.in_file and key in table}
        return [Place(named.__getitem__, said), self._file(f"{prefix}.", here)]

    def _variables(self, connection: str = "") -> Place:
        names = {key: variable(key, connection) for key in KEYS if connection or key != "token_file"}
        said: dict[str, Any] = {key: self.environ[name] for key, name in names.items() if self.environ.get(name)}
        return Place(lambda key: variable(key, connection), said)

    def _file(self, prefix: str, said: dict[str, Any]) -> Place:
        return Place(lambda key: f"{prefix}{key} in {self.path}", said, self.path.parent)

    def _flat(self, table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """{"sandbox": {"size": ...}} -> {"sandbox.size": ...}, less what is no setting."""
        flat: dict[str, Any] = {}
        for key, value in table.items():
            inner = value if key == "sandbox" and isinstance(value, dict) else None
            flat |= {f"sandbox.{name}": each for name, each in inner.items()} if inner is not None else {key: value}
        known = [key for key, each in KEYS.items() if each.in_file]
        tables = () if prefix else _TABLES
        for key in sorted(flat.keys() - set(known)):
            self.problems.append(f"{prefix}{key} in {self.path}: {unknown(key, [*known, *tables])}")
        return {key: value for key, value in flat.items() if key in known}

    def _value(self, name: str, key: Key, places: Sequence[Place]) -> Any:
        value, wrong = value_of(name, key, places)
        self.problems += [wrong] if wrong else []
        return value

    def _secret(self, key: str, path: Path) -> Any:
        what = f"the {key.replace('_', ' ')} file"
        try:
            return KEYS[key].read(path.read_text("utf-8").strip())
        except OSError as error:
            self.problems.append(f"{what} {path} cannot be read ({(error.strerror or 'no file').lower()})")
        except ValueError:
            self.problems.append(f"{what} {path} must hold {KEYS[key].expects}")
        return None


def _settings(values: Mapping[str, Any]) -> Settings:
    sandbox = {key.removeprefix("sandbox."): value for key, value in values.items() if "." in key}
    own = {key: value for key, value in values.items() if "." not in key}
    return Settings(**own, sandbox=SandboxSettings(**sandbox))
