"""`replicator init`: a first configuration, from four answers, and what `replicator check` says of it."""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from replicator.errors import UsageError
from replicator.settings import CONFIG_VARIABLE, DEFAULT_FILE, load, variable

from . import check, connection, options

_HEAD = "# Written by `replicator init`. config/replicator.example.toml of the project has every setting.\n\n"
_DEFAULTS = {"region": "us", "token_file": "", "target": "sqlite:///replica.db", "objects": "core"}


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
    ask = partial(_answer, environ, yes=yes)
    told: dict[str, Any] = ask("region", "Region (us, eu, sandbox)", region)
    if told.get("region", environ.get(variable("region"))) != "sandbox":
        question = "File that holds the token (empty: SEGMENT_TOKEN or SEGMENT_TOKEN_FILE of the environment)"
        file = ask("token_file", question, str(token_file) if token_file else None)["token_file"]
        told |= {"token_file": str(Path(file).absolute())} if file else {}
    told |= ask("target", "Database", target)
    told |= {key: _words(said) for key, said in ask("objects", "Objects and groups", objects).items()}
    _write(path, told)
    named = f" --config {quote(str(path))}" if config and str(path) != DEFAULT_FILE else ""
    typer.echo(f"Wrote {path}. `replicator check{named}` says:\n")
    code = check.check(context, config=path)
    typer.echo(
        f"\nNext: `replicator replicate{named}`."
        if code in {0, 3}
        else f"\nMend that, then ask `replicator check{named}` again."
    )
    return code


def _answer(environ: Mapping[str, str], key: str, question: str, given: str | None, *, yes: bool) -> dict[str, str]:
    """The answer under its key; nothing where the environment gives it, which goes before a file."""
    said = [name for name in map(variable, (key, f"{key}_file")) if key != "token_file" and environ.get(name)]
    if said and given is not None:
        raise UsageError(f"{said[0]} goes before a file: unset it, or leave out --{key}.")
    if said:
        typer.echo(f"{said[0]} goes before a file, which leaves it out.")
        return {}
    if given is not None or yes:
        answer = given or _DEFAULTS[key]
        _refuse_what_is_wrong(key, answer)
        return {key: answer}
    while True:
        answer = _asked(question, _DEFAULTS[key])
        try:
            _refuse_what_is_wrong(key, answer)
        except UsageError as error:
            typer.echo(str(error), err=True)
        else:
            return {key: answer}


def _asked(question: str, default: str) -> str:
    try:
        answer: str = typer.prompt(question, default=default, show_default=bool(default))
    except RuntimeError as error:  # typer.Abort among them; another one where standard input is closed
        if isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise UsageError(
            "Nobody answers: standard input is at its end."
            " Give --yes, and what is to differ from its default as options."
        ) from None
    return answer.strip()


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _refuse_what_is_wrong(key: str, answer: str) -> None:
    """Before anything is written, and in the words of the option that it would be."""
    from replicator.target.database import parse

    if key == "token_file":
        return
    found = load({}, {key: answer}, config=Path(os.devnull))
    connection.chosen(found)
    parse(found.target, connection.place(found))


def _write(path: Path, told: Mapping[str, Any]) -> None:
    """A database's URL may hold a password, so only the owner may read the file; one that is there is left alone."""
    text = _HEAD + "".join(f"{key} = {jsonlib.dumps(value, ensure_ascii=False)}\n" for key, value in told.items())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        why = (error.strerror or "it cannot be written").lower()
        raise UsageError(f"Cannot write {path}: {why}. Name another file with --config.") from None
