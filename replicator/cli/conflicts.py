"""`replicator conflicts` and `resolve`: edits that the workspace contradicts, and a person's decision."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError

from . import connection, documents, options, pending, sync
from .text import plural

if TYPE_CHECKING:
    from replicator.sync.resolve import Side


def conflicts(
    context: typer.Context,
    *,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Show the edits that the workspace contradicts.

    With both versions; asks Segment nothing.
    """
    from replicator.sync import resolve

    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    with connection.books(settings) as opened:
        found, where = [_loaded(each) for each in resolve.conflicts(opened)], opened.where
    if json:
        documents.tell({"target": where, "conflicts": found})
    else:
        typer.echo(_text(found, where))
    return 0


def resolve_(
    context: typer.Context,
    *,
    conflict: Annotated[str, typer.Argument(metavar="ID", help="As `conflicts` shows it.", show_default=False)],
    ours: Annotated[bool, typer.Option("--ours", help="What is here shall be in the workspace too.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="What is in the workspace shall be here too.")] = False,
    merged: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A JSON object of columns and values, for both.", show_default=False),
    ] = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Decide a conflict. Nothing is sent to Segment by this command: the next apply or sync does."""
    from replicator.sync import resolve

    if sum((ours, theirs, merged is not None)) != 1:
        raise UsageError("Say which version counts: --ours, --theirs, or --merged FILE.")
    side: Side = "ours" if ours else "theirs" if theirs else "merged"
    settings = options.settings(
        context, config, target=target, region=region, base_url=base_url, schema=schema, prefix=prefix
    )
    values = _read(merged) if merged else None
    with sync.ends(context, settings, as_json=json) as (opened, client):
        chosen = connection.run_options(settings, ("all",))
        told, where = resolve.resolve(opened, client, chosen, conflict, side, values), opened.where
    if json:
        documents.tell({"target": where, "conflict": conflict, "side": side, "told": told})
    else:
        typer.echo(told)
    return 0


def _read(path: Path) -> Mapping[str, Any]:
    from replicator import exact

    try:
        found = exact.load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {(error.strerror or 'no file').lower()}.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise UsageError(f'{path} must hold a JSON object of columns and values, such as {{"name": "Web"}}.')
    return found


def _loaded(row: Mapping[str, Any]) -> dict[str, Any]:
    sides = {name: jsonlib.loads(row[name]) for name in ("base", "local", "remote")}
    return {name: row[name] for name in ("id", "object", "record_id", "reason", "seen_at")} | sides


def _text(found: Sequence[Mapping[str, Any]], where: str) -> str:
    if not found:
        return f"No conflicts in {where}."
    lines: list[str] = []
    for each in found:
        lines.append(f"{each['id']}  {each['object']} {each['record_id']}: {each['reason']}")
        theirs = each["remote"] or {}
        for name, mine in each["local"].items():
            lines += [*pending.changed(name, theirs.get(name), mine, labels=("in the workspace", "here"))]
    lines += ["", f"{plural(len(found), 'conflict')} in {where}. `replicator resolve ID --ours|--theirs|--merged FILE`"]
    return "\n".join(lines)
