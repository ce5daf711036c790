"""`replicator check`: what works, what does not, and the next step for each problem."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.errors import ReplicatorError

from . import connection, documents, logs, options
from .text import plural, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.catalog.model import Object
    from replicator.check import TargetCheck, WorkspaceCheck
    from replicator.options import Options
    from replicator.settings import Policy, Settings

_FINE = frozenset({"yes", "no parent", "not asked"})


def check(
    context: typer.Context,
    *,
    objects: options.Words = None,
    target: options.Target = None,
    region: options.Region = None,
    base_url: options.BaseUrl = None,
    config: options.Config = None,
    json: options.Json = False,
    slow: Annotated[
        bool, typer.Option("--all", help="Ask for objects too that may be asked for twice a minute.")
    ] = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Say what token and database allow, and what to do about it."""
    words = options.words(objects, "check")
    given = {"target": target, "region": region, "base_url": base_url, "schema": schema, "prefix": prefix}
    settings = options.settings(context, config, **given)
    chosen = connection.run_options(settings, words)
    logs.begin(context.obj, as_json=json, quiet=True)
    workspace = _workspace(context, settings, chosen.objects, slow=slow)
    found = _target(settings, chosen)
    code = _exit_code(workspace, found)
    if json:
        document = {"workspace": asdict(workspace), "target": asdict(found), "exit_code": code}
        documents.tell(document)
    else:
        typer.echo(_text(workspace, found, chosen.policy))
    return code


def _workspace(context: typer.Context, settings: Settings, chosen: Sequence[Object], *, slow: bool) -> WorkspaceCheck:
    from replicator.check import WorkspaceCheck, check_workspace

    other = connection.elsewhere(settings)
    region = "of its own" if settings.base_url else settings.region
    try:
        with connection.open_client(settings, context.obj) as client:
            return check_workspace(
                client,
                region,
                chosen,
                elsewhere=(lambda: connection.open_client(other, context.obj)) if other else None,
                slow_too=slow,
            )
    except ReplicatorError as error:
        return WorkspaceCheck(None, None, region, problems=(str(error),))


def _target(settings: Settings, chosen: Options) -> TargetCheck:
    from replicator.check import TargetCheck, check_target

    try:
        existing = connection.open_existing(settings)
    except ReplicatorError as error:
        return TargetCheck(problems=(str(error),))
    opened = existing or connection.open_nowhere(settings)
    try:
        found = check_target(opened, chosen)
    except ReplicatorError as error:
        return TargetCheck(opened.where, opened.server, problems=(str(error),))
    finally:
        opened.close()
    return found if existing else _file_to_make(settings, found)


def _file_to_make(settings: Settings, found: TargetCheck) -> TargetCheck:
    """What holds in memory holds in a file that is not there yet, if it can be made."""
    import os
    import sqlite3

    path = connection.sqlite_file(settings.target) or Path()
    may = os.access(path.parent, os.W_OK)
    problem = f"The folder {path.parent} is not writable: choose another, or change its mode."
    return replace(
        found,
        where=f"SQLite file {path}, which the first run makes",
        server=f"SQLite {sqlite3.sqlite_version}",
        creates_tables=may,
        problems=found.problems if may else (problem, *found.problems),
    )


def _exit_code(workspace: WorkspaceCheck, found: TargetCheck) -> int:
    if workspace.id is None or found.problems:
        return 1
    bad = [each for each in workspace.objects if each.readable not in _FINE]
    return 3 if bad or workspace.problems else 0


def _text(workspace: WorkspaceCheck, found: TargetCheck, policy: Policy) -> str:
    known = f"{workspace.name} ({workspace.id})" if workspace.id else "not reached"
    server = f"{found.server}, " if found.server else ""
    facts = [
        f"workspace  {known}, region {workspace.region}",
        f"target     {server}{found.where or 'not reached'}" + (f"; charset {found.charset}" if found.charset else ""),
    ]
    if found.creates_tables is not None:
        facts += [
            f"rights     {'may make tables' if found.creates_tables else 'may not make tables'}",
            f"schema     {_schema(found, policy)}",
        ]
    parts = ["\n".join(facts)]
    if workspace.objects:
        rows = (
            (each.object, each.readable, "offered" if each.writes else "-", _aside(each.readable, each.why))
            for each in workspace.objects
        )
        parts += [
            table(("object", "read", "write", "why"), rows),
            "Whether the token may write cannot be told without writing: `offered` is what the API has.",
        ]
    problems = [*workspace.problems, *found.problems]
    told = [f"{at}. {problem}" for at, problem in enumerate(problems, 1)]
    parts.append(
        "\n".join([f"{plural(len(problems), 'problem')}:", *told]) if told else "Everything that was asked works."
    )
    return "\n\n".join(parts)


def _aside(readable: str, why: str | None) -> str | None:
    """What is a problem is said below."""
    return why if why and readable in {"no parent", "not asked"} else ""


def _schema(found: TargetCheck, policy: Policy) -> str:
    books = "no bookkeeping yet" if found.revision is None else f"bookkeeping at revision {found.revision}"
    if not found.changes:
        return f"{books}; tables as they should be"
    changes = plural(len(found.changes), "change")
    if policy != "evolve":
        return f"{books}; {changes} that the schema policy leaves to `replicator schema apply`"
    return f"{books}; {changes} to be made by the next run (`replicator schema plan`)"
