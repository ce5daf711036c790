"""What several verbs are told in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from replicator.errors import UsageError
from replicator.settings import Settings, load

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OBJECT|GROUP|-OBJECT]...",
        help="Objects (TrackingPlans, tracking_plans), groups, patterns ('Daily*'); a dash leaves out. Default: core.",
        show_default=False,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The database. [default: sqlite:///replica.db]", show_default=False),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="us|eu|sandbox", help="Where the workspace lives. [default: us]", show_default=False),
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Another server of the API, instead of a region.", show_default=False)
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Settings. [default: replicator.toml, if it is there]", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Schema = Annotated[
    str | None, typer.Option(metavar="NAME", help="The schema that the tables lie in.", show_default=False)
]
Prefix = Annotated[
    str | None, typer.Option(metavar="NAME", help="What the tables' names begin with.", show_default=False)
]
Extended = Annotated[
    str | None,
    typer.Option(
        metavar="auto|on|off",
        help="Whether details are fetched that take a request for each record. [default: auto]",
        show_default=False,
    ),
]
Period = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MONTH|MONTH..MONTH", help="Months of the usage objects: 2023-04, 2023-01..2023-06.", show_default=False
    ),
]

Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="Requests at once. [default: 8]", show_default=False)
]
AllowDeletes = Annotated[
    list[str] | None,
    typer.Option(metavar="OBJECT", help="Let this object lose more rows than the guard allows.", show_default=False),
]
Again = Annotated[
    bool, typer.Option("--again", help="Send once more what Segment refused, or took no notice of.", show_default=False)
]

Kind = Literal["replicate", "check", "schema plan", "schema apply", "pending", "plan", "sync"]
#: The long options of the verbs that take words; one that is not among them would pass for a word.
OPTIONS: dict[Kind, tuple[str, ...]] = {
    "replicate": (
        "--full",
        "--period",
        "--target",
        "--region",
        "--base-url",
        "--config",
        "--dry-run",
        "--json",
        "--allow-deletes",
        "--extended",
        "--concurrency",
        "--schema",
        "--prefix",
        "--help",
    ),
    "check": ("--target", "--region", "--base-url", "--config", "--json", "--schema", "--prefix", "--all", "--help"),
    "pending": ("--target", "--config", "--json", "--schema", "--prefix", "--help"),
    "plan": (
        *("--target", "--region", "--base-url", "--config", "--out", "--json", "--exit-code"),
        *("--again", "--schema", "--prefix", "--help"),
    ),
    "sync": (
        *("--target", "--region", "--base-url", "--config", "--json", "--allow-deletes", "--concurrency"),
        *("--again", "--schema", "--prefix", "--help"),
    ),
    "schema plan": ("--target", "--config", "--json", "--exit-code", "--schema", "--prefix", "--help"),
    "schema apply": ("--target", "--config", "--json", "--schema", "--prefix", "--help"),
}


def words(given: Sequence[str] | None, verb: Kind) -> tuple[str, ...]:
    """The words, none of which is a mistyped option."""
    for word in given or ():
        if word.startswith("--"):
            name = word.partition("=")[0]
            if name in OPTIONS[verb]:
                raise UsageError(f"{name} stands after --, where every word is a name: put options before it.")
            near = get_close_matches(name, OPTIONS[verb], n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ". See replicator --help."
            raise UsageError(f"There is no option {name}{hint}")
    return tuple(given or ())


def settings(context: typer.Context, config: Path | None, **options: Any) -> Settings:
    """The settings of this command; an option that was not given is left to the environment and the file."""
    given = {name: value for name, value in options.items() if value not in (None, (), [])}
    return load(context.obj or {}, given, config=config)
