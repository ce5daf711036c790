"""A deterministic fake Segment: the Public API over workspaces that can be read and written, as one callable.

It imports nothing else of the package, so it cannot share the client's or the catalog's mistakes.
"""

from .access import Permission, Token
from .application import Sandbox
from .behaviour import Behaviour
from .clock import Clock
from .messages import Request, Response
from .sizes import COUNT_NAMES
from .tenants import Workspace

__all__ = ["COUNT_NAMES", "Behaviour", "Clock", "Permission", "Request", "Response", "Sandbox", "Token", "Workspace"]
