"""Secrets are nowhere: not in the database, the results, the logs or the errors; and masks are steady."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from replicator.errors import ReplicatorError
from replicator.sandbox import Request, Response, Sandbox
from replicator.selection import selections
from tests.scenarios import network as net
from tests.scenarios.network import Network
from tests.scenarios.replica import Replica, result

TOKEN = "sgp_CanaryToken_4b1d9c77e2"
WORDS = ("core", "profiles", "alpha")
SECRETS = (
    "writeKeys",
    "settings",
    "encryptedSettings",
    "previewWebhookUrl",
    "destinationMapping",
    "connectionSettings",
)


@pytest.fixture
def network() -> Network:
    moment = Sandbox().world.now()
    return Network(Sandbox(token=TOKEN, now=lambda: moment))


class Planted:
    """Gives every secret leaf of every answer a value that occurs nowhere else."""

    def __init__(self) -> None:
        self.canaries: list[str] = []

    def __call__(self, request: Request, answer: Response) -> Response:
        if answer.status != 200:
            return answer
        document = json.loads(answer.body)
        # What a function's settings are called is no secret.
        open_settings = request.target.startswith(("/functions", "/sources/")) and request.target.count("/settings")
        self._plant(document["data"], functions=request.target.startswith("/functions") or bool(open_settings))
        return Response(200, answer.headers, json.dumps(document).encode())

    def _plant(self, value: Any, *, functions: bool) -> None:
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._plant(item, functions=functions)
        if isinstance(value, dict):
            for name in value.keys() & set(SECRETS):
                if not (functions and name == "settings"):
                    value[name] = self._canary(value[name], str(value.get("id")))

    def _canary(self, value: Any, seed: str) -> Any:
        match value:
            case dict():
                return {name: self._canary(item, f"{seed}-{name}") for name, item in value.items()}
            case list():
                return [self._canary(item, f"{seed}-{at}") for at, item in enumerate(value)]
            case str():
                self.canaries.append(f"Canary<{seed}>")
                return f"Canary<{seed}>"
            case _:
                return value


def test_no_secret_is_anywhere(
    target_url: str, network: Network, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    planted = Planted()
    network.on("*", planted)
    network.on(
        "/labels",
        lambda request, answer: net.error(500, message=f"bad {request.headers['authorization']}")(request, answer),
    )
    replica = Replica(target_url, network, token=TOKEN)
    run = replica.run(*WORDS)
    assert run.exit_code == 3
    assert len(set(planted.canaries)) > 100
    everything = "\n".join(
        [replica.dump(), repr(run), caplog.text, repr([r.__dict__ for r in caplog.records]), *capfd.readouterr()]
    )
    replica.close()
    assert "Canary<" not in everything
    assert TOKEN not in everything
    assert TOKEN[8:20] not in everything
    assert "masked:" in everything


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_the_databases_password_is_in_no_message(
    target_url: str, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = "pw-Canary/8@:3"
    url = make_url(target_url)
    wrong = url.set(username="replicator_nobody", password=password).render_as_string(hide_password=False)
    with pytest.raises(ReplicatorError) as refused:
        Replica(wrong, network).run("Labels")
    told = "\n".join([str(refused.value), repr(refused.value), repr(refused.value.__cause__), caplog.text])
    assert password not in told
    assert quote(password, safe="") not in told
    assert "Canary" not in told


def test_masks_stay_when_the_token_changes(replica: Replica) -> None:
    replica.token = TOKEN
    replica.run("Sources", "Warehouses")
    masked = [row["write_keys"] for row in replica.rows("sources", "ORDER BY id")]
    moment = replica.network.sandbox.world.now()
    replica.network.sandbox = Sandbox(token="another", now=lambda: moment)
    replica.token = "another"
    run = replica.run("Sources", "Warehouses")
    assert {(each.inserted, each.updated) for each in run.objects} == {(0, 0)}
    assert [row["write_keys"] for row in replica.rows("sources", "ORDER BY id")] == masked


def test_a_given_mask_key_is_used_and_not_stored(one: Replica) -> None:
    one.token = TOKEN
    key = b"0123456789abcdef0123456789abcdef"
    one.run("Sources", mask_key=key)
    with_given = [row["write_keys"] for row in one.rows("sources", "ORDER BY id")]
    assert key.hex() not in one.dump()
    assert key.decode() not in one.dump()
    assert {row["name"] for row in one.books("settings")} == {"workspace"}
    assert result(one.run("Sources", mask_key=key), "Sources").updated == 0
    one.run("Sources")
    assert [row["write_keys"] for row in one.rows("sources", "ORDER BY id")] != with_given


@pytest.mark.holds_secrets("database", because="write keys are to be plain")
def test_what_is_told_to_be_plain_is_plain(one: Replica) -> None:
    one.token = TOKEN
    one.run("Sources", selections=selections(plain={"Sources.write_keys"}))
    rows = one.rows("sources")
    assert not any("masked:" in row["write_keys"] for row in rows)
    assert any("masked:" in row["settings"] for row in rows)
