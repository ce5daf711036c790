from __future__ import annotations

import base64
import copy
import logging
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.errors import ConfigError
from replicator.segment.token import Token, read_token

GOOD = st.text(st.sampled_from("abcXYZ019-._~+/="), min_size=8, max_size=80).filter(
    lambda text: not text.lower().startswith("bearer")
)


def refusal(environ: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read_token(environ, file=file)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_the_token_comes_from_its_variable() -> None:
    assert read_token({"SEGMENT_TOKEN": "sgp_abc"}).header() == "Bearer sgp_abc"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_token_comes_from_the_named_file_without_its_line_end(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(f"sgp_abc{ending}".encode())
    file.chmod(0o600)
    assert read_token({"SEGMENT_TOKEN_FILE": str(file)}).header() == "Bearer sgp_abc"
    assert read_token({}, file=file).header() == "Bearer sgp_abc"


def test_the_environment_goes_before_the_configuration(tmp_path: Path) -> None:
    assert read_token({"SEGMENT_TOKEN": "one"}, file=tmp_path / "missing").header() == "Bearer one"


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sgp_abc")
    assert read_token({"SEGMENT_TOKEN": "", "SEGMENT_TOKEN_FILE": str(tmp_path / "token")}).header() == "Bearer sgp_abc"


def test_without_a_token_the_error_lists_each_place_looked_in() -> None:
    text = refusal({"SEGMENT_TOKEN": ""})
    assert "SEGMENT_TOKEN is empty" in text
    assert "SEGMENT_TOKEN_FILE is not set" in text
    assert "the configuration names no token file" in text


def test_two_tokens_are_one_too_many() -> None:
    assert "Both" in refusal({"SEGMENT_TOKEN": "a", "SEGMENT_TOKEN_FILE": "/b"})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("Bearer sgp_abc", "the word Bearer"),
        ("bearer:sgp_abc", "the word Bearer"),
        ("“sgp_abc”", "outside ASCII"),
        ("sgp_abc\u200b", "outside ASCII"),
        ('"sgp_abc"', "a quote"),
        ("'sgp_abc'", "a quote"),
        ("<sgp_abc>", "a quote or an angle bracket"),
        ("sgp_abc ", "a space"),
        (" sgp_abc", "a space"),
        ("sgp_abc\n\n", "a space or a line break"),
        ("sgp\tabc", "a space"),
        ("sgp\x07abc", "a control character"),
        ("sgp\x00abc", "a control character"),
        ("\n", "is empty"),
    ],
)
def test_a_stray_character_is_named_but_the_token_is_not_shown(value: str, complaint: str) -> None:
    text = refusal({"SEGMENT_TOKEN": value})
    assert complaint in text
    assert "sgp" not in text
    assert text.endswith(".")


def test_a_file_with_stray_bytes_is_refused_without_showing_them(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbfsgp_abc")
    text = refusal({"SEGMENT_TOKEN_FILE": str(file)})
    assert "outside ASCII" in text
    assert str(file) in text
    assert "sgp" not in text


def test_a_token_pasted_where_its_files_name_belongs_is_not_shown() -> None:
    assert "sgp_abc" not in refusal({"SEGMENT_TOKEN_FILE": "sgp_abc"})
    assert "sgp" not in refusal({"SEGMENT_TOKEN_FILE": "/sgp/abc"})
    assert "sgp" not in refusal({"SEGMENT_TOKEN_FILE": "sgp\x00abc"})


def test_a_missing_file_and_a_folder_and_a_huge_file_each_get_a_sentence(tmp_path: Path) -> None:
    assert "No such file" in refusal({"SEGMENT_TOKEN_FILE": str(tmp_path / "missing")})
    assert "directory" in refusal({"SEGMENT_TOKEN_FILE": str(tmp_path)})
    (tmp_path / "log").write_bytes(b"a" * 100_000)
    assert "too large" in refusal({}, tmp_path / "log")


def test_a_file_that_everybody_may_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "token"
    file.write_text("sgp_abc")
    file.chmod(0o600)
    with caplog.at_level(logging.WARNING, "replicator.segment"):
        read_token({"SEGMENT_TOKEN_FILE": str(file)})
        assert not caplog.records
        file.chmod(0o644)
        read_token({"SEGMENT_TOKEN_FILE": str(file)})
    assert [record.message for record in caplog.records] == ["token file is readable by every user"]


def test_no_way_of_formatting_or_copying_shows_the_token() -> None:
    token = Token("sgp_abc")
    for shown in (repr(token), str(token), f"{token}", f"{token!r:>20}", f"{token:>20}", f"{[token]}"):
        assert "sgp_abc" not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            attempt(token)


@given(GOOD, st.binary(max_size=5), st.binary(max_size=5))
def test_other_peoples_words_are_scrubbed_of_the_token_in_each_encoding(
    secret: str, before: bytes, after: bytes
) -> None:
    token = Token(secret)
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    assert secret not in token.scrub(f"bad token {secret}!")
    assert encoded not in token.scrub(encoded) or len(secret) < 3


@given(st.text(max_size=30))
def test_whatever_is_refused_is_not_repeated(value: str) -> None:
    text = refusal({"SEGMENT_TOKEN": value + "§"})
    assert len(value) < 8 or value not in text


@given(GOOD)
def test_every_usual_token_is_taken_as_it_is(secret: str) -> None:
    assert read_token({"SEGMENT_TOKEN": secret}).header() == f"Bearer {secret}"
