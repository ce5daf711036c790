"""A deterministic fake Segment workspace: the reading side of the Public API, as one callable.

It imports nothing else of the package, so it cannot share the client's or the catalog's mistakes.
"""

from .application import Sandbox
from .messages import Request, Response
from .sizes import COUNT_NAMES

__all__ = ["COUNT_NAMES", "Request", "Response", "Sandbox"]
