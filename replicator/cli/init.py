"""`replicator init`: a first configuration, from four answers, and what `replicator check` says of it."""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replicator.errors import UsageError
from replicator.settings import CONFIG_VARIABLE, DEFAULT_FILE, load

from . import check, options

if TYPE_CHECKING:
    from replicator.settings import Settings

_HEAD = "# Written by `replicator init`. config/replicator.example.toml of the project has every setting.\n\n"


def init(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write. [default: replicator.toml]", show_default=False),
    ] = None,
    region: options.Region = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file that holds the token. [default: SEGMENT_TOKEN]", show_default=False
        ),
    ] = None,
    target: options.Target = None,
    objects: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Objects and groups. [default: core]", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given has its default.")] = False,
) -> int:
    """Ask what a configuration needs, write it, and check it.

    Region, token, database and objects; only you may read the file.
    """
    environ: Mapping[str, str] = context.obj or {}
    path = config or Path(environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    if path.exists():
        raise UsageError(f"{path} is already there: change it with an editor, or name another file with --config.")
    if region == "sandbox" and token_file:
        raise UsageError("The sandbox takes no token: leave out --token-file, or name another --region.")
    told: dict[str, Any] = {"region": _answer("Region (us, eu, sandbox)", region, "us", yes=yes)}
    if told["region"] != "sandbox":
        question = "File that holds the token (empty: SEGMENT_TOKEN or SEGMENT_TOKEN_FILE of the environment)"
        file = _answer(question, str(token_file) if token_file else None, "", yes=yes)
        told |= {"token_file": str(Path(file).absolute())} if file else {}
    told["target"] = _answer("Database", target, "sqlite:///replica.db", yes=yes)
    told["objects"] = _answer("Objects and groups", objects, "core", yes=yes).replace(",", " ").split()
    _refuse_what_is_wrong(told)
    _write(path, told)
    typer.echo(f"Wrote {path}. `replicator check` says:\n")
    code = check.check(context, config=path)
    typer.echo(
        "\nNext: `replicator replicate`." if code in {0, 3} else "\nMend that, then ask `replicator check` again."
    )
    return code


def _answer(question: str, given: str | None, default: str, *, yes: bool) -> str:
    if given is not None or yes:
        return given or default
    answer: str = typer.prompt(question, default=default, show_default=bool(default))
    return answer.strip()


def _refuse_what_is_wrong(told: Mapping[str, Any]) -> Settings:
    """Before anything is written, and in the words of the option that it would be."""
    from replicator.catalog import select

    empty = Path(os.devnull)
    found = load({}, told, config=empty)
    select(found.objects)
    return found


def _write(path: Path, told: Mapping[str, Any]) -> None:
    """A database's URL may hold a password, so only the owner may read the file; one that is there is left alone."""
    text = _HEAD + "".join(f"{key} = {jsonlib.dumps(value, ensure_ascii=False)}\n" for key, value in told.items())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        why = (error.strerror or "it cannot be written").lower()
        raise UsageError(f"Cannot write {path}: {why}. Name another file with --config.") from None
