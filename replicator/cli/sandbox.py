"""`replicator sandbox`: the fake workspace as a server, for other programs and for trying things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from replicator.errors import ConfigError, UsageError

from . import fakes, resort

if TYPE_CHECKING:
    from replicator.sandbox.certificates import Certificates
    from replicator.sandbox.control import Control
    from replicator.sandbox.faults import Fault

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
    workspaces: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A TOML or JSON file of workspaces, with their tokens and roles.", show_default=False
        ),
    ] = None,
    region: Annotated[str, typer.Option(metavar="us|eu", help="Tokens of the other region are not known.")] = "us",
    clock: Annotated[
        str, typer.Option(metavar="TIME", help="As in '2026-01-01T00:00:00Z +1h/request', '-2d' or 'x60'.")
    ] = "real",
    life: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|random[:seed=N,rate=R]",
            help="What people do there meanwhile, R being as 0.5/request or 40/hour.",
            show_default=False,
        ),
    ] = None,
    behaviour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What the contract leaves open, as in audit_unnamed=true.", show_default=False
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROUTE:KIND=VALUE,...",
            help="What goes wrong, as in listSources:status=503,nth=2.",
            show_default=False,
        ),
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML or JSON file of such faults.", show_default=False)
    ] = None,
    fault_seed: Annotated[int, typer.Option(help="Another number makes other draws where faults have a chance.")] = 1,
    control_port: Annotated[
        int | None,
        typer.Option(
            help="Serve the control endpoint there: faults and the log of requests. 0 takes a free port.",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None,
    control_host: Annotated[
        str | None,
        typer.Option(help="Its address; it asks for no token. [default: 127.0.0.1]", show_default=False),
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option(
            metavar="valid|expired|wrong-host|self-signed",
            help="Serve over TLS with such a certificate.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Serve a fake Segment workspace until Ctrl-C."""
    from replicator.sandbox import Sandbox
    from replicator.sandbox.control import Control
    from replicator.sandbox.faults import CERTIFICATES, Faulty, fault_of_text
    from replicator.sandbox.server import serve
    from replicator.sandbox.steering import routes_of

    if control_host is not None and control_port is None:
        raise UsageError("--control-host needs --control-port.")
    _refuse_no_token(token)
    limit, counts = _limit(rate_limit), _counts(count or ())
    one = {"size": size, "counts": counts, "seed": seed, "token": token}
    place = fakes.Place(workspaces, region, clock, life, behaviour or ())
    fake = fakes.made(place, one, rate_limit=limit)
    other = Sandbox(seed=seed + 1, token=token, rate_limit=limit, now=fake.now)
    if tls not in (None, "valid", *CERTIFICATES):
        raise UsageError(f"--tls is {tls!r}, but must be one of valid, {', '.join(CERTIFICATES)}.")
    wrong = [] if tls in (None, "valid") else [f"tls={tls}"]
    try:
        listed = _of_file(faults) + [fault_of_text(text) for text in [*(fault or ()), *wrong]]
        faulty = Faulty(fake, listed, seed=fault_seed, elsewhere=other, tls=tls is not None)
    except ValueError as error:
        raise UsageError(f"No such fault can be set: {error}.") from None
    control = None
    control_host = control_host or "127.0.0.1"
    if control_port is not None:
        control = Control(faulty, control_host, control_port, routes_of(fake))
    with _certificates(host, tls) as made:
        lines = partial(_ready, token=fakes.token_of(fake), control=control, ca_file=made.ca_file if made else None)
        try:
            serve(faulty, host=host, port=port, ready=lines, control=control, tls=made)
        except (OSError, OverflowError) as error:
            if resort.unwritten(error):
                raise
            reason = getattr(error, "strerror", None) or "it is no address"
            second = "" if control is None else f" or the control endpoint at {control_host}, port {control_port}"
            raise ConfigError(
                f"Cannot listen at {host}, port {port}{second}: {reason.lower()}. Choose another --port or --host."
            ) from None
    return 0


def _refuse_no_token(token: str) -> None:
    from replicator.segment.token import VARIABLE, read_token

    try:
        read_token({VARIABLE: token})
    except ConfigError as error:
        raise UsageError(f"--token is no token that the replicator sends: {error}") from None


def _ready(url: str, *, token: str, control: Control | None, ca_file: Path | None) -> None:
    """The first line is the URL alone, for programs that wait for it; then the control endpoint's, if there is one."""
    typer.echo(url)
    if control:
        typer.echo(f"control {control.url}")
    typer.echo(f"It takes the token {token!r}. In another terminal:")
    trust = f"REPLICATOR_CA_FILE={ca_file} " if ca_file else ""
    # What listens everywhere listens here too, and the replicator sends no token over http but to its own machine.
    here = url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
    typer.echo(f"  {trust}SEGMENT_TOKEN={token} replicator replicate --base-url {here}")


def _of_file(path: Path | None) -> list[Fault]:
    from replicator.sandbox.faults import faults_of_file

    try:
        return faults_of_file(path) if path else []
    except OSError as error:
        raise UsageError(f"Cannot read the faults in {path}: {error.strerror}.") from None


@contextmanager
def _certificates(host: str, tls: str | None) -> Iterator[Certificates | None]:
    from replicator.sandbox.certificates import certificates

    if tls is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            made = stack.enter_context(certificates(host))
        except OSError as error:
            raise ConfigError(
                f"--tls needs the openssl command to make certificates: {error}. Install it, or leave --tls out."
            ) from None
        yield made


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
