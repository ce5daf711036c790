"""The command line: one file a verb, each a thin skin over what can be called without it.

main           the last resort: an error becomes one line and an exit code
app            the verbs
options        what several verbs share; connection: settings to a client and a database
progress, logs what is told while a run goes on; summary, text: what is told at its end; documents: as JSON
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The exit code of the command line of this process."""
    from .reloading import expected
    from .resort import run

    expected(sys.argv[1:])
    return run(sys.argv[1:], os.environ)
