"""The planted bugs still fit the source; `python -m tests.mutations` says whether tests catch them."""

from __future__ import annotations

import compileall
import shutil
from pathlib import Path

import pytest

from tests.mutations.__main__ import ROOT, plant
from tests.mutations.planted import MUTATIONS, Mutation
from tests.mutations.told import TOLD

ALL = (*MUTATIONS, *TOLD)


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_each_bug_can_be_planted_and_its_tests_are_there(mutation: Mutation, tmp_path: Path) -> None:
    source = tmp_path / mutation.file
    source.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "replicator" / mutation.file, source)
    plant(mutation, tmp_path)
    assert compileall.compile_file(source, quiet=2)
    assert all((ROOT / path).exists() for path in mutation.tests)


def test_there_are_enough_of_them_and_no_two_are_one() -> None:
    assert len({(each.file, each.old, each.new) for each in ALL}) == len(ALL) >= 25
