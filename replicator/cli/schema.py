"""`replicator schema plan|apply`: the tables as they should be."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import TableAltered

from . import connection, documents, options
from .text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from replicator.rows import Layout
    from replicator.run import Options
    from replicator.target.alterations import Altered, SchemaChange
    from replicator.target.database import Target

THERE_IS_SOMETHING_TO_DO = 5

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The tables as they should be.")
Objects = Annotated[
    list[str] | None, typer.Argument(metavar="[OBJECT|GROUP]...", help="Default: core.", show_default=False)
]


@app.command(context_settings={"ignore_unknown_options": True})
def plan(
    context: typer.Context,
    *,
    objects: Objects = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 5 when there is something to do.")] = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Print the DDL of what is missing; change nothing."""
    words = options.words(objects, "schema plan")
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    chosen = connection.run_options(settings, words)
    opened = connection.open_existing(settings) or connection.open_nowhere(settings)
    try:
        changes, altered = _changes(opened, chosen)
        document = _document(opened, changes, altered)
    finally:
        opened.close()
    if json:
        documents.tell(document)
    else:
        typer.echo(_text(document))
    todo = bool(changes or altered)
    return THERE_IS_SOMETHING_TO_DO if todo and exit_code else 0


@app.command(context_settings={"ignore_unknown_options": True})
def apply(
    context: typer.Context,
    *,
    objects: Objects = None,
    target: options.Target = None,
    config: options.Config = None,
    json: options.Json = False,
    schema: options.Schema = None,
    prefix: options.Prefix = None,
) -> int:
    """Make the tables and columns that are missing.

    Our own bookkeeping among them.
    """
    words = options.words(objects, "schema apply")
    settings = options.settings(context, config, target=target, schema=schema, prefix=prefix)
    chosen = connection.run_options(settings, words)
    opened = connection.open_database(settings)
    try:
        changes, altered = _perform(opened, chosen)
        where = opened.where
    finally:
        opened.close()
    done = [str(change) for change in changes]
    if json:
        documents.tell({"target": where, "done": done, "altered": [str(each) for each in altered]})
    else:
        typer.echo("\n".join([*done, f"{plural(len(done), 'change')} made in {where}."]))
    if altered:
        raise TableAltered(" ".join(str(each) for each in altered))
    return 0


def _changes(target: Target, chosen: Options) -> tuple[list[SchemaChange], list[Altered]]:
    from replicator.target import evolve
    from replicator.target.alterations import Altered

    with target.reading() as reading:
        found = evolve.plan(target, reading, _wanted(chosen).values(), chosen.history)
    altered = [each for each in found if isinstance(each, Altered)]
    return [each for each in found if not isinstance(each, Altered)], altered


def _wanted(chosen: Options) -> Mapping[str, Layout]:
    from replicator.catalog import with_parents
    from replicator.run import layouts

    return layouts(with_parents(chosen.objects), chosen)


def _perform(target: Target, chosen: Options) -> tuple[list[SchemaChange], list[Altered]]:
    """Under the lock of a run, so that none is going on meanwhile."""
    from sqlalchemy import insert

    from replicator import tables
    from replicator.run import holding
    from replicator.target import migrate, names
    from replicator.target.bookkeeping import bookkeeping

    migrate.migrate(target)
    books = bookkeeping(target.dialect)

    def record(writing: Connection, some: Sequence[SchemaChange]) -> None:
        rows = [_row(target, each, target.dialect.now(writing)) for each in some]
        writing.execute(insert(books.schema_changes), rows)

    with holding(target, "schema") as (ledger, held):
        try:
            changes, altered = _changes(target, chosen)
            failed = tables.changed(target, held, changes, record)
            wrong = {*failed, *(each.object for each in altered)}
            names.keep(target, [each for name, each in _wanted(chosen).items() if name not in wrong])
        finally:
            ledger.withdraw()
    for error in failed.values():
        raise error
    return changes, altered


def _row(target: Target, change: SchemaChange, moment: Any) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex,
        "scope": target.place.scope,
        "object": change.object,
        "change": str(change),
        "seen_at": moment,
    }


def _document(target: Target, changes: list[SchemaChange], altered: list[Altered]) -> dict[str, Any]:
    from replicator.target import evolve

    return {
        "target": target.where,
        "changes": [{"object": each.object, "change": str(each)} for each in changes],
        "altered": [{"object": each.object, "why": str(each)} for each in altered],
        "ddl": evolve.statements(target, changes),
    }


def _text(document: dict[str, Any]) -> str:
    changes, altered = document["changes"], document["altered"]
    comments = [f"-- {each['why']}" for each in altered]
    if not changes and not altered:
        return f"-- {document['target']} has every table and column that is needed."
    count = f"-- {plural(len(changes), 'change')} to {document['target']}; `replicator schema apply` makes them."
    return "\n\n".join(filter(None, (document["ddl"], "\n".join(comments), count)))
