"""`replicator config`: whether the configuration is right, and what it comes to."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from replicator.settings import examine, load_all, refusal

from . import documents, logs, options, problems
from .text import plural

if TYPE_CHECKING:
    from replicator.settings import Configuration

app = typer.Typer(no_args_is_help=True, help="Check the configuration, or show what it comes to.")


@app.command()
def check(context: typer.Context, *, config: options.Config = None, json: options.Json = False) -> int:
    """Name every problem of the file and the environment.

    Asks neither Segment nor a database.
    """
    environ = context.obj or {}
    logs.begin(environ, as_json=json, quiet=True)
    found, wrong = examine(environ, {}, config=config)
    if wrong := list(dict.fromkeys([*wrong, *problems.of(found, environ)])):
        raise refusal(wrong)
    if json:
        told = {"status": "done", "connections": list(found.connections), "jobs": list(found.jobs)}
        documents.tell(told)
        return 0
    counted = f"{plural(len(found.connections), 'connection')}, {plural(len(found.jobs), 'job')}"
    typer.echo(f"The configuration is right: {counted}.")
    return 0


@app.command()
def show(context: typer.Context, *, config: options.Config = None, json: options.Json = False) -> int:
    """Show every setting as it counts; secrets are hidden."""
    shown = document(load_all(context.obj or {}, {}, config=config))
    if json:
        documents.tell(shown)
    else:
        typer.echo("\n".join(_lines(shown)))
    return 0


def document(found: Configuration) -> dict[str, Any]:
    """The configuration as its file would have it, without passwords and keys."""
    plain: dict[str, Any] = jsonlib.loads(jsonlib.dumps(asdict(found), default=_plain))
    for connection in plain["connections"].values():
        del connection["places"]
        connection |= {key: _without_password(connection[key]) for key in ("target", "base_url") if connection[key]}
        # Of two that name one thing, the one that it was said by.
        for said, other in (("target_file", "target"), ("mask_key_file", "mask_key"), ("base_url", "region")):
            if connection[said]:
                del connection[other]
        for name, each in connection["object"].items():
            connection["object"][name] = {key: value for key, value in each.items() if value is not None}
    if found.web.listen:
        host, port = found.web.listen
        plain["web"]["listen"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    del plain["web"]["password"]
    plain["web"]["password_hash"] = "***" if found.web.password_hash else None
    if found.fleet:
        plain["fleet"]["queue"] = _without_password(found.fleet.queue)
    for job in plain["jobs"].values():
        del job["name"], job["places"]
        job["alerts"] = _told({key: value for key, value in job["alerts"].items() if value is not None})
    plain["alerts"] = _told(plain["alerts"])
    if found.alerts.mail_server:
        plain["alerts"]["mail_server"] = "{}:{}".format(*found.alerts.mail_server)
    return plain


def _told(alerts: dict[str, Any]) -> dict[str, Any]:
    hidden = {key: "***" for key in ("webhook_url", "mail_password") if alerts.get(key)}
    return alerts | hidden


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return "***"
    return sorted(value) if isinstance(value, frozenset) else str(value)


def _without_password(url: str) -> str:
    """The URL with *** for its password and for all behind the question mark: a driver takes a password there too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = f"{parts.scheme}://{name}{':***' if colon else ''}{at}{host}{parts.path}"
    return f"{shown}?***" if parts.query else shown


def _lines(table: Mapping[str, Any], name: str = "") -> list[str]:
    """As TOML writes it, less what is not set."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    own = {key: value for key, value in table.items() if key not in inner and value is not None}
    head = [f"[{name}]"] if name and own else []
    lines = [*head, *(f"{_key(key)} = {jsonlib.dumps(value, ensure_ascii=False)}" for key, value in own.items())]
    for key, value in inner.items():
        more = _lines(value, f"{name}.{_key(key)}" if name else _key(key))
        lines += ["", *more] if lines and more else more
    return lines


def _key(name: str) -> str:
    """Paths have dots in them, and TOML would read those as tables."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else jsonlib.dumps(name, ensure_ascii=False)
