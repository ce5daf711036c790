"""`replicator web password`: what the configuration keeps of the status page's password."""

from __future__ import annotations

import sys

import typer

from replicator.errors import UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The daemon's status page.")


@app.callback()
def web() -> None:
    """The daemon's status page."""


@app.command()
def password() -> int:
    """Ask for a password, and print what the configuration keeps.

    That is for web.password_hash, or for the file of web.password_file. Without a terminal the password is the first
    line of the standard input.
    """
    from replicator.settings.web import SHORTEST_PASSWORD
    from replicator.web.password import hashed

    if sys.stdin.isatty():
        said = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        said = sys.stdin.readline().rstrip("\r\n")
    if len(said) < SHORTEST_PASSWORD:
        raise UsageError(f"The password must have at least {SHORTEST_PASSWORD} characters: give a longer one.")
    typer.echo(hashed(said))
    return 0
