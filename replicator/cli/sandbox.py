"""`replicator sandbox`: the fake workspace as a server, for other programs and for trying things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from replicator.errors import ConfigError, UsageError

RateLimit = Literal["real", "off"] | int


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 4010,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    token: Annotated[str, typer.Option(help="The token that it accepts; no secret.")] = "sandbox",  # noqa: S107 - what it accepts is said in the help
    size: Annotated[str, typer.Option(metavar="small|medium|large", help="How much there is in it.")] = "small",
    count: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=N", help="How many there are of one thing, as in Suppressions=100000.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number makes another workspace.")] = 1,
    rate_limit: Annotated[
        str, typer.Option(metavar="real|off|N", help="Segment's limits, none, or N requests a minute.")
    ] = "off",
) -> int:
    """Serve a fake Segment workspace until Ctrl-C."""
    from replicator.sandbox import Sandbox
    from replicator.sandbox.server import serve

    limit, counts = _limit(rate_limit), _counts(count or ())
    try:
        fake = Sandbox(size=size, counts=counts, seed=seed, token=token, rate_limit=limit)  # type: ignore[arg-type] # it checks the size
    except ValueError as error:
        raise UsageError(f"The sandbox cannot be made so: {error}.") from None
    try:
        serve(fake, host=host, port=port, ready=lambda url: _ready(url, token))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is no address"
        raise ConfigError(
            f"Cannot listen at {host}, port {port}: {reason.lower()}. Choose another --port or --host."
        ) from None
    return 0


def _ready(url: str, token: str) -> None:
    """The first line is the URL alone, for programs that wait for it."""
    typer.echo(url)
    typer.echo(f"It takes the token {token!r}. In another terminal:")
    typer.echo(f"  SEGMENT_TOKEN={token} replicator replicate --base-url {url}")


def _limit(text: str) -> RateLimit:
    words: dict[str, RateLimit] = {"real": "real", "off": "off"}
    if text in words:
        return words[text]
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"--rate-limit is {text!r}, but must be real, off, or a number of requests a minute.")


def _counts(pairs: Sequence[str]) -> dict[str, int]:
    counts = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdecimal():
            raise UsageError(f"--count is {pair!r}, but must be a name and a whole number, as in Sources=20.")
        counts[name] = int(number)
    return counts
