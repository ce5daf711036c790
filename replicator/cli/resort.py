"""The last resort: whatever a command raises becomes one line on stderr and the documented exit code."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from replicator.errors import ReplicatorError

DEBUG = "REPLICATOR_DEBUG"
NOW = 128 + signal.SIGINT
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Performs the command; never raises, and flushes what was printed."""
    with _streams():
        try:
            code = _perform(words, environ)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read our output has enough. Python would complain once more at its end.
            _discard()
            return 1
        except OSError as error:
            _complain(f"error: Cannot write the output: {(error.strerror or '').lower()}.")
            _discard()
            return 1
        return code


@contextmanager
def _streams() -> Iterator[None]:
    """A standard stream that was closed before the start is None in Python; what goes there is lost.

    Letters that the output's encoding lacks are escaped, as they are on stderr anyway.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else a file that is opened later gets the number, such as a database, and what is meant for stderr.
            os.open(os.devnull, os.O_RDWR)
    with ExitStack() as opened:
        for name in closed:
            setattr(sys, name, opened.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
        yield
        for name in closed:
            setattr(sys, name, None)


def _discard() -> None:
    """What is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _perform(words: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        from .app import app

        result = app(list(words), prog_name="replicator", obj=environ, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        return NOW
    except Exception as error:
        if unwritten(error):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            _complain(error.format_message())  # type: ignore[attr-defined] # click's, as in _told
            return 2
        sentence, code = _told(error)
        _complain(f"error: {scrubbed(sentence, environ)}")
        if debugging(environ):
            _complain(scrubbed(_traceback(error), environ))
        if "--json" in words:
            sys.stdout.write(
                json.dumps({"status": "failed", "error": scrubbed(sentence, environ), "exit_code": code}) + "\n"
            )
        return code


def unwritten(error: Exception) -> bool:
    """Whether our own output has nowhere to go; other files have names."""
    if not isinstance(error, OSError):
        return False
    return isinstance(error, BrokenPipeError) or (error.errno in _NO_ROOM and error.filename is None)


def _complain(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text + "\n")


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, ReplicatorError):
        return str(error), error.exit_code
    # The command line's own errors: their class has moved from one module to another before.
    told = getattr(error, "format_message", None)
    if callable(told):
        context = getattr(error, "ctx", None)
        advice = f" See {context.command_path} --help." if context else ""
        words = str(told()).rstrip(".")
        return f"{words}{'' if words.endswith('?') else '.'}{advice}", 2
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"Cannot write {error.filename}: {(error.strerror or '').lower()}.", 1
    if isinstance(error, UnicodeEncodeError) and any("\udc80" <= letter <= "\udcff" for letter in error.object):
        # Python reads so what the locale has no letters for.
        return f"The word {error.object!a} holds letters that this locale cannot read: set LC_ALL=C.UTF-8.", 2
    if type(error).__name__ == "Abort":
        return "Stopped.", 1
    sentence = (
        f"This is a mistake in the program ({type(error).__name__})."
        f" Please report it to the project, with the traceback that {DEBUG}=1 shows."
    )
    return sentence, 1


def debugging(environ: Mapping[str, str]) -> bool:
    """Whether tracebacks and all that is logged are to be shown."""
    return environ.get(DEBUG, "").lower() not in {"", "0", "false", "no", "off"}


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


#: Secrets that were read from elsewhere than the environment: a token's file, a target in the configuration.
_remembered: set[str] = set()


def remember(secret: str) -> None:
    """From now on it is taken out of whatever is told."""
    _remembered.add(secret)


def password(url: str) -> str:
    """The password in a database URL, as it is written there; empty where there is none."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).password or ""
    except ValueError:
        return url.partition("://")[2].rpartition("@")[0].partition(":")[2]


def scrubbed(text: str, environ: Mapping[str, str]) -> str:
    """The text without the token, the mask key and the passwords of databases."""
    from urllib.parse import unquote

    from replicator.segment.token import VARIABLE, Token

    known = {environ.get(VARIABLE, ""), environ.get("REPLICATOR_MASK_KEY", ""), *_remembered}
    known.add(password(environ.get("REPLICATOR_TARGET", "")))
    for secret in known | {unquote(each) for each in known}:
        # Shorter ones are words of ordinary sentences; "sandbox" is the token of the fake workspace.
        if len(secret) > 7:
            text = Token(secret).scrub(text)
    return text
