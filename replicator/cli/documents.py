"""The JSON documents of `--json`: times in ISO 8601, letters as they are where the output has them."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import typer


def tell(document: Any, *, indent: int | None = None) -> None:
    """Prints it; a command does so once."""
    told = dump(document, indent=indent)
    try:
        told.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        told = json.dumps(document, default=_plain, indent=indent)
    typer.echo(told)


def dump(value: Any, *, indent: int | None = None) -> str:
    """As JSON text."""
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent)


def _plain(value: Any) -> str:
    from replicator.convert import time_text

    return time_text(value) if isinstance(value, datetime) else str(value)
