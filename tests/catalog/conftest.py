from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.catalog.contract import Contract, readable_objects


@pytest.fixture(scope="session")
def api(contract: Path, openapi: dict[str, Any]) -> Contract:
    return Contract(openapi, readable_objects((contract / "resources.md").read_text(encoding="utf-8")))
