from __future__ import annotations

import pytest

from replicator.errors import ConfigError
from replicator.segment.regions import base_url


def test_each_region_has_its_own_host() -> None:
    assert base_url("us", None) == "https://api.segmentapis.com"
    assert base_url("eu", None) == "https://eu1.api.segmentapis.com"


def test_an_unknown_region_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'mars'.*us, eu, sandbox"):
        base_url("mars", None)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://proxy.example.com/segment/", "https://proxy.example.com/segment"),
        ("https://proxy.example.com:8443", "https://proxy.example.com:8443"),
        ("http://127.0.0.1:4010/", "http://127.0.0.1:4010"),
        ("http://localhost:4010", "http://localhost:4010"),
        ("http://[::1]:4010", "http://[::1]:4010"),
        (f"https://{'a' * 63}.example.com.", f"https://{'a' * 63}.example.com."),
    ],
)
def test_another_server_may_be_named(given: str, used: str) -> None:
    assert base_url("us", given) == used


@pytest.mark.parametrize(
    "given",
    [
        "http://api.segmentapis.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0:80",
        "http://169.254.169.254/",
        "https://user:s3cret@example.com",
        "https://s3cret@example.com",
        "https://example.com?token=s3cret",
        "https://example.com/?",
        "https://example.com/#s3cret",
        "ftp://example.com",
        "example.com",
        "https://",
        "https://example.com:port",
        "https://example.com:99999",
        "https://exa mple.com",
        "https://example.com\r\nX-Evil: 1",
        "https://example.com\\@evil.example",
        "https://example.com\\evil",
        "https://[::1",
        "https://api..segmentapis.com",
        "https://.api.segmentapis.com",
        f"https://{'a' * 64}.segmentapis.com",
        "",
    ],
)
def test_an_address_that_could_lose_the_token_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        base_url("us", given)
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).startswith("The base URL ")
