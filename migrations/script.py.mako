"""${message}."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Says what changes."""
    ${upgrades if upgrades else "pass"}
