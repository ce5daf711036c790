"""Three-way merge of one record: what both sides last agreed on, the replica's row, and the workspace's record.

Pure: nothing is read or sent here. `merge` says what to push and what to pull, field by field, or why it cannot.
"""

from replicator.merge.model import ABSENT, Both, Change, Clash, Conflict, Equal, Pull, Push, Result, Shape, Side
from replicator.merge.record import merge

__all__ = ["ABSENT", "Both", "Change", "Clash", "Conflict", "Equal", "Pull", "Push", "Result", "Shape", "Side", "merge"]
