"""The wheel, built from the source distribution and used far from the checkout."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from zipfile import ZipFile

import pytest

from replicator import __version__
from tests import checkouts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.holds_secrets("files", because="a copy of the checkout holds the sources that name the words"),
]
NEEDED = {
    *("replicator/__init__.py", "replicator/py.typed", "replicator/migrations/env.py"),
    *(f"replicator/web/static/{name}" for name in ("style.css", "icon.svg", "htmx.min.js", "htmx.LICENSE.txt")),
    "replicator/web/templates/overview.html",
}


def build(folder: Path) -> Path:
    checkouts.run("python -m build --no-isolation --outdir dist", checkouts.copy_to(folder))
    (wheel,) = (folder / "dist").glob("segment_replicator-*.whl")
    return wheel


def test_the_wheel_holds_the_package_and_the_migrations_and_nothing_else(tmp_path: Path) -> None:
    names = set(ZipFile(build(tmp_path)).namelist())
    assert names >= NEEDED
    assert any(name.startswith("replicator/migrations/versions/") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"replicator", "segment_replicator"}


def test_the_installed_wheel_replicates_the_sandbox_workspace(tmp_path: Path) -> None:
    wheel, home = build(tmp_path / "checkout"), tmp_path / "home"
    home.mkdir()
    constraints = checkouts.ROOT / "constraints.txt"
    checkouts.run(f"python -m venv .venv && .venv/bin/pip install -qq -c '{constraints}' '{wheel}'", home)

    found = checkouts.run(
        ".venv/bin/python -c 'from replicator import resources; print(resources.migrations_path())'", home
    )
    assert Path(found.strip()).is_relative_to(home / ".venv")
    # MySQL 8 asks for it at a login over a connection without TLS.
    checkouts.run(".venv/bin/python -c 'from pymysql import _auth; assert _auth._have_cryptography'", home)
    assert __version__ in checkouts.run(".venv/bin/replicator --version", home)
    assert "TrackingPlans" in checkouts.run(".venv/bin/replicator objects", home)

    checkouts.run(".venv/bin/replicator replicate --region sandbox --target sqlite:///replica.db", home)
    replica = sqlite3.connect(home / "replica.db")
    (plans,) = replica.execute("SELECT count(*) FROM tracking_plans").fetchone()
    replica.close()
    assert plans > 0
