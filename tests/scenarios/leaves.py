"""Each value of each record against its row: what the API shows, read by a walk of its own, lies in the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from replicator.catalog import select
from replicator.catalog.model import Type, snake_case
from replicator.options import Options, layouts
from replicator.rows import rebuild
from tests.scenarios.walk import Found

Rows = Sequence[Mapping[str, Any]]
#: Fields whose values are secrets wherever they occur.
SECRET = {"writeKeys", "settings", "encryptedSettings", "previewWebhookUrl", "destinationMapping", "connectionSettings"}
#: Where `settings` say what settings there are, without their values.
OPEN = {
    *("SourceFunctions", "DestinationFunctions", "FunctionVersions"),
    *("InsertDestinationFunctions", "InsertSourceFunctions", "InsertTransformationFunctions"),
}
#: The only time without an instant: the API's way to say "not" (resources.md).
ZERO = "0001-01-01T00:00:00"


class Check:
    """One object's rows against its records."""

    def __init__(self, name: str, identity: tuple[str, ...]) -> None:
        self.name, self.identity = name, identity
        (self.layout,) = layouts(tuple(select([name])), Options(objects=())).values()
        self.jsons = {column.name for column in self.layout.columns if column.type is Type.JSON}
        self.masks: dict[str, str] = {}

    def holds(self, found: Sequence[Found], rows: Rows, stored: Rows, *, more: bool = False) -> None:
        """`rows` as a person would see them, `stored` as the program reads them; whether there may be more of them.

        Raises AssertionError.
        """
        by_key = {self._key({snake_case(k): v for k, v in row.items()}): row for row in rows}
        assert len(by_key) == len(rows), f"{self.name}: rows that the key does not tell apart"
        expected = {
            self._key({snake_case(k): v for k, v in {**each.given, **each.record}.items()}): each for each in found
        }
        assert len(expected) == len(found), f"{self.name}: the walk's own key is too short"
        differ = sorted(expected.keys() - by_key.keys() if more else by_key.keys() ^ expected.keys())
        assert not differ, f"{self.name}: other records, {len(differ)}, such as {differ[:3]}"
        rebuilt = {self._key(row): rebuild(self.layout, row) for row in stored}
        for key, each in expected.items():
            self._compare(by_key[key], rebuilt[key], each, key)

    def _key(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(_plain(values.get(snake_case(name))) for name in self.identity)

    def _compare(self, row: Mapping[str, Any], rebuilt: Mapping[str, Any], found: Found, key: object) -> None:
        assert row["_deleted_at"] is None
        extra = _parsed(row["_extra"]) or {}
        for name, value in found.record.items():
            where = (self.name, key, name)
            secret = name in SECRET and not (name == "settings" and self.name in OPEN)
            self._same(rebuilt[name], value, secret, (*where, "rebuilt"))
            column = snake_case(name)
            if name in extra:
                self._same(extra[name], value, secret, (*where, "in _extra"))
            elif isinstance(value, str) and value.startswith(ZERO):
                assert row[column] is None, where
            else:
                held = _parsed(row[column]) if column in self.jsons and row[column] != value else row[column]
                self._same(held, value, secret, (*where, "in its column"))
        for name, value in found.given.items():
            if name not in found.record and snake_case(name) in row:
                assert _plain(row[snake_case(name)]) == _plain(value), (self.name, name)
        assert rebuilt.keys() == found.record.keys() - {column.field for column in self.layout.columns if column.given}

    def _same(self, held: Any, sent: Any, secret: bool, where: tuple[object, ...]) -> None:
        match sent:
            case dict():
                assert held.keys() == sent.keys(), where
                for key, value in sent.items():
                    self._same(held[key], value, secret, (*where, key))
            case list():
                assert len(held) == len(sent), where
                for at, value in enumerate(sent):
                    self._same(held[at], value, secret, (*where, str(at)))
            case bool():
                assert held in (sent, int(sent)), where
            case None:
                assert held is None, where
            case _ if secret:
                assert str(held).startswith("masked:"), where
                assert self.masks.setdefault(str(sent), held) == held, (*where, "two masks of one value")
            case _:
                assert _plain(held) == _plain(sent), where


def _parsed(value: Any) -> Any:
    """Of a JSON column, which some drivers have parsed already."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _plain(value: Any) -> str:
    """Text that is the same for the same value, however a database holds it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == "-" and value[10:11] in ("T", " "):
        return _plain(datetime.fromisoformat(value))
    if isinstance(value, int | float) or type(value).__name__ == "Decimal":
        return repr(float(value))
    return repr(value)
