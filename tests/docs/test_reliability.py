"""The table of faults is whole, and the tests that it names are there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from tests.faults.test_catalogue_database import CODES, VALUES
from tests.faults.test_catalogue_http import CATALOGUE

ROW = re.compile(r"^\| ([HDSC]\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)
TABLE = dict(ROW.findall((ROOT / "docs" / "reliability.md").read_text()))
FILES = {
    "HTTP": "tests/faults/test_catalogue_http.py",
    "DATABASE": "tests/faults/test_catalogue_database.py",
    "PUSH": "tests/scenarios/test_push.py",
    "CAREFUL": "tests/scenarios/test_push_careful.py",
    "MEANWHILE": "tests/scenarios/test_push_meanwhile.py",
    "REFUSED": "tests/scenarios/test_push_refused.py",
    "EDITS": "tests/scenarios/test_edits.py",
    "SELECTION": "tests/scenarios/test_selection.py",
    "KILLED": "tests/crashes/test_push.py",
}
#: S8 is tried for the command line alone, of which the page tells.
NUMBERS = {"H": range(1, 27), "D": range(1, 27), "S": (*range(1, 8), 9, 10, 11), "C": range(1, 22)}
#: Tests of many faults: their numbers stand in the parameters.
PARAMETERS = {
    "test_one_listing_goes_wrong": set(CATALOGUE),
    "test_an_error_of_the_server_while_publishing_stops_the_run_and_changes_nothing": {
        name.partition(" ")[0] for name in CODES
    },
    "test_a_value_that_no_column_was_made_for_is_kept_and_the_rest_is_right": {
        name.partition(" ")[0] for name in VALUES
    },
}


def test_every_fault_of_the_catalogue_has_a_row() -> None:
    assert list(TABLE) == [f"{part}{number}" for part, numbers in NUMBERS.items() for number in numbers]


@pytest.mark.parametrize("fault", TABLE)
def test_every_test_that_the_table_names_is_there_and_tries_the_fault(fault: str) -> None:
    for named in TABLE[fault].split(", "):
        file, _, test = named.partition("::")
        assert f"\ndef {test}(" in (ROOT / FILES.get(file, file)).read_text(), named
        if file in FILES:
            assert fault in PARAMETERS.get(test, {test.split("_")[1].upper()}), named
