"""How faults are written, and what is said of those that are written wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from replicator.sandbox.faults import KINDS, Fault, When, data_of, fault_of_data, fault_of_text, faults_of_file

DOCUMENTED = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "listSources:status=503,nth=2,retry_after=5",
            Fault("status", 503, "listSources", "*", When(nth=2), {"retry_after": "5"}),
        ),
        ("reset", Fault("reset", "before")),
        ("POST list*:reset=after,times=1", Fault("reset", "after", "list*", "POST", When(times=1))),
        ("DELETE:lose_response", Fault("lose_response", True, "*", "DELETE")),
        ("/sources/*:gzip_bomb=64M", Fault("gzip_bomb", 64 * 2**20, "/sources/*")),
        ("redirect=http://127.0.0.1:1/x", Fault("redirect", "http://127.0.0.1:1/x")),
        ("getSource:blank_field=writeKeys+name", Fault("blank_field", ("writeKeys", "name"), "getSource")),
        ("rename_field=name>title", Fault("rename_field", ("name", "title"))),
        ("revoke_after=3", Fault("revoke_after", 3, when=When(after=3))),
        (
            "delay=0.5,probability=0.25,effect=late",
            Fault("delay", 0.5, when=When(probability=0.25), options={"effect": "late"}),
        ),
    ],
)  # fmt: skip
def test_a_text_and_its_data_are_the_same_fault(text: str, fault: Fault) -> None:
    assert fault_of_text(text) == fault
    assert fault_of_data(json.loads(json.dumps(data_of(fault)))) == fault


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_being_written_and_read(kind: str) -> None:
    values = {
        "status": "500",
        "redirect": "http://x",
        "tls": "expired",
        "rename_field": "a>b",
        "content_type": "text/x",
    }
    texts = [kind, f"{kind}={values.get(kind, '7')}"]
    fault = fault_of_text(texts[KINDS[kind].default is None])
    assert fault_of_data(json.loads(json.dumps(data_of(fault)))) == fault


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("listSource:status=503", "no operation is named 'listSource'; the nearest is listSources"),
        ("statu=503", "there is no fault 'statu'; the nearest is status"),
        ("status=503,nht=2", "status has no option 'nht'; the nearest is nth"),
        ("status=503,reset", "a fault is of one kind, not of 2: status, reset"),
        ("status", "status needs a value"),
        ("status=fine", "status is 'fine', but must be a whole number from 200 to 599"),
        ("status=503,nth=0", "nth is '0', but must be a whole number from 1 to"),
        ("status=503,probability=2", "probability is '2', but must be a number from 0 to 1"),
        ("status=503,retry_after=later", "retry_after is 'later', but must be seconds, date, date+SECONDS"),
        ("status=503,nth=1,nth=2", "has nth twice"),
        ("status=503,", "has an empty part"),
        ("drip=-1", "drip is '-1', but must be a whole number from 1"),
        ("gzip_bomb=much", "gzip_bomb is 'much', but must be a number of bytes, as in 4096, 64k, 10M or 1G"),
        ("rename_field=name", "rename_field is 'name', but must be the old name and the new one"),
        ("listSources:tls=expired", "tls takes no route and no method"),
        ("bad_json=no", "bad_json is 'no', but must be true, or nothing at all"),
        ("nth=2", "the fault has no kind; the kinds are status"),
        ("redirect=http://x/\r\nSet-Cookie", "but must be an address without spaces"),
    ],
)
def test_bad_input_is_one_sentence_with_the_nearest_name(written: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        fault_of_text(written)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [None, 5, [], {"status": None}, {"status": True}, {1: 2}, {"status": [503]}])
def test_data_that_is_no_fault_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        fault_of_data(data)


def test_a_file_holds_faults_as_toml_or_json(tmp_path: Path) -> None:
    toml, plain = tmp_path / "faults.toml", tmp_path / "faults.json"
    toml.write_text('[[fault]]\nroute = "listSources"\nstatus = 503\nnth = 2\n\n[[fault]]\nbom = true\n')
    plain.write_text('["listSources:status=503,nth=2", {"bom": true}]')
    assert faults_of_file(toml) == faults_of_file(plain) == [
        Fault("status", 503, "listSources", when=When(nth=2)),
        Fault("bom"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[[fault]]\nstatus = 5", "status is 5, but must be"),
        ("[[fault]\n", "faults.toml: "),
        ("[[fault]]\nbom = true\n[more]\nx = 1", "beside the list of faults stands 'more'"),
        ("\udcff", "faults.toml: "),
    ],
)
def test_a_file_that_cannot_be_read_names_itself(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"faults\.toml") as caught:
        faults_of_file(file)
    assert sentence in str(caught.value)


def test_every_kind_and_option_is_documented() -> None:
    documented = dict(re.findall(r"^\| `(\w+)[^|]*\|[^|]*\|([^|]*)\|", DOCUMENTED.read_text(), re.MULTILINE))
    assert set(documented) >= set(KINDS)
    for name, kind in KINDS.items():
        for option in kind.options:
            assert f"`{option}" in documented[name], (name, option)
