"""The API token: read once, checked, and never shown again (reliability.md, section 5: 1 and 2)."""

from __future__ import annotations

import base64
import logging
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, quote_plus

from replicator.errors import ConfigError

VARIABLE, FILE_VARIABLE = "SEGMENT_TOKEN", "SEGMENT_TOKEN_FILE"
_ADVICE = "Copy the token again from Segment (Settings > Workspace settings > Access Management > Tokens)."
_QUOTES = frozenset("\"'`<>")
#: Far above any token; keeps a wrong file (a log, a device) from being read whole.
_LARGEST_FILE = 16_384

log = logging.getLogger("replicator.segment")


class Token:
    """Opaque: no repr, str, format, copy or pickle gives the secret away."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def header(self) -> str:
        """The value of the Authorization header; for the client alone."""
        return f"Bearer {self._secret}"

    def scrub(self, text: str) -> str:
        """The text without the secret, in case a server's message or a library's error repeats it."""
        for form in self._forms():
            # A piece of base64 this short is no secret, and an empty one would be found everywhere.
            if len(form) > 3:
                text = text.replace(form, "…")
        return text

    def _forms(self) -> Iterator[str]:
        secret = self._secret
        yield from {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
        # Its base64 depends on how many bytes stand before it, modulo 3, and its last digits on what follows.
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + secret.encode()).decode()
            yield encoded[(0, 2, 3)[shift] : len(encoded.rstrip("=")) - 1]

    def __repr__(self) -> str:
        return "Token(…)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Token is never pickled or copied")


def read_token(environ: Mapping[str, str], *, file: Path | None = None) -> Token:
    """The token of SEGMENT_TOKEN, or of the file that SEGMENT_TOKEN_FILE or the configuration names.

    The environment goes before the configuration. An empty variable counts as not set, since compose files set
    variables that they have no value for.
    """
    value, named = environ.get(VARIABLE, ""), environ.get(FILE_VARIABLE, "")
    if value and named:
        raise ConfigError(f"Both {VARIABLE} and {FILE_VARIABLE} are set, and they may differ. Unset one of them.")
    if value:
        return Token(_checked(value, VARIABLE))
    if named:
        return _from_file(Path(named), f"the file named by {FILE_VARIABLE}")
    if file is not None:
        return _from_file(file, "the token file named in the configuration")
    states = ", ".join(f"{name} is {'empty' if name in environ else 'not set'}" for name in (VARIABLE, FILE_VARIABLE))
    raise ConfigError(
        f"No API token: {states}, and the configuration names no token file. "
        f"Set {VARIABLE} to a Public API token of the workspace, or {FILE_VARIABLE} to a file that holds it."
    )


def _from_file(path: Path, place: str) -> Token:
    # Somebody may have put the token itself where its file's name belongs: show only what is surely a path.
    shown = f"{place} ({path})" if path.is_absolute() and path.parent.is_dir() else place
    try:
        with path.open("rb") as handle:
            content = handle.read(_LARGEST_FILE + 1)
            mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        message = f"Cannot read {shown}: {reason}. Name a file that this user may read."
    else:
        if stat.S_ISREG(mode) and mode & stat.S_IROTH:
            log.warning("token file is readable by every user", extra={"place": place, "mode": oct(mode & 0o777)})
        if len(content) <= _LARGEST_FILE:
            return Token(_checked(content.decode("ascii", "replace"), shown))
        message = f"{_begin(shown)} is too large to be a token. Name a file that holds the token and nothing else."
    raise ConfigError(message)


def _checked(value: str, place: str) -> str:
    """The token without its one closing line end; a pasted quote would reach an error text of the HTTP library."""
    token = value.removesuffix("\n").removesuffix("\r")
    problem = _problem(token)
    if problem:
        raise ConfigError(f"{_begin(place)} {problem}. {_ADVICE}")
    return token


def _problem(token: str) -> str | None:
    if not token:
        return "is empty"
    if token[:6].lower() == "bearer" and token[6:7] in ("", " ", ":", "\t"):
        return "begins with the word Bearer, which is no part of the token"
    if not token.isascii():
        return "holds a character outside ASCII, such as a curly quote or an invisible mark"
    if any(char.isspace() for char in token):
        return "holds a space or a line break"
    if not token.isprintable():
        return "holds a control character"
    if _QUOTES & set(token):
        return "holds a quote or an angle bracket, which is no part of a token"
    return None


def _begin(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
