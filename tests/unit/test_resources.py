from __future__ import annotations

from replicator.resources import migrations_path
from tests.checkouts import ROOT


def test_in_a_checkout_the_migrations_lie_beside_the_package() -> None:
    assert migrations_path() == ROOT / "migrations"
