"""The life of a workspace: people who create, change and delete while somebody else is reading it."""

from .chance import Chance
from .history import Done, Life
from .parse import life_of, script_in
from .script import Event, Script

__all__ = ["Chance", "Done", "Event", "Life", "Script", "life_of", "script_in"]
