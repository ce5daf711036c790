"""The README's two commands, word for word, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from replicator.catalog import GROUPS, OBJECTS
from tests import checkouts

#: The newcomer's Python; that of the tests, if it is not set. CI takes another one (scripts/check).
PYTHON = os.environ.get("REPLICATOR_TEST_NEWCOMER") or sys.executable
FIRST_SCREEN = (checkouts.ROOT / "README.md").read_text().partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", FIRST_SCREEN, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each shell block of the first screen with the output that is shown below it."""
    return [(shell, shown) for (one, shell), (other, shown) in pairwise(BLOCKS) if (one, other) == ("sh", "text")]


def stable(output: str) -> list[str]:
    """The lines less what differs from run to run: times, ids, pytest's counts, the width of columns, `...`."""
    output = re.sub(r"\b[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b", "ID", output)
    output = re.sub(r"\d+ (passed|skipped|deselected)", r"N \1", output)
    # Metrics of the last two weeks end at the present hour.
    output = re.sub(r"\b\d+,\d+ inserted|\b\d+ requests", "N", output)
    output = re.sub(r"^\.\.\.$", "", output, flags=re.MULTILINE)
    output = re.sub(r"\b\d+(:\d\d)+\b|\b\d+\.\d+( ?m?s\b)?|\b\d+ ?m?s\b", "TIME", output)
    return [" ".join(re.sub(r"[^\w\s.,:;/()'%+-]|--+", " ", line).split()) for line in output.splitlines()]


def test_the_first_screen_has_exactly_two_commands() -> None:
    assert [language for language, _ in BLOCKS] == ["sh", "text", "sh", "text"]


def test_a_shown_line_is_found_whatever_the_run_took() -> None:
    assert stable("│ Sources │ 12 │  0.31 │") == stable("| Sources  |  12 | 4.2 |")
    assert stable("3 passed, 1 skipped in 2.5s") == stable("914 passed, 30 skipped in 61.03s")
    assert stable("Sources 12") != stable("Sources 13")


def test_the_groups_have_as_many_objects_as_the_table_says() -> None:
    table = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*?) \|", (checkouts.ROOT / "README.md").read_text(), re.MULTILINE)
    assert {group: int(count) for group, count, _ in table} == {group: len(members(group)) for group in GROUPS}
    for group, _, examples in table[:-1]:
        assert set(examples.split(", ")) <= members(group)


def members(group: str) -> set[str]:
    return {thing.name for thing in OBJECTS if group in {*thing.groups, "all"}}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.holds_secrets("files", because="a copy of the checkout holds the sources that name the words")
def test_the_two_commands_do_what_the_readme_shows(tmp_path: Path) -> None:
    folder = checkouts.copy_to(tmp_path)
    for command, shown in commands():
        printed = iter(stable(checkouts.run(command, folder, PYTHON)))
        for line in filter(None, stable(shown)):
            assert line in printed, f"the README shows, after {command!r}: {line!r}"
