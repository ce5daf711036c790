"""The query string, whichever of the SDKs wrote it.

Objects come dotted (`pagination.count=3`), bracketed (`pagination[count]=3`) or as JSON (`pagination={"count":3}`);
arrays indexed (`groupBy.0=a`), with empty brackets (`groupBy[]=a`) or repeated (resources.md, "Pagination" and
"Other query parameters"). All become dotted names here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .messages import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: `search` is an object of the audiences and a plain text of the space schema.
_OBJECTS = frozenset({"pagination", "warehousesPagination", "sourcesPagination", "filter", "search", "sort"})
_PAGING = re.compile(r"(^|[pP]agination\.)(count|cursor)$")


class Query:
    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True) if text else ():
            for dotted, plain in _flatten(_dotted(name), value):
                self._values.setdefault(dotted, []).append(plain)

    def text(self, name: str) -> str | None:
        return self._values[name][-1] if name in self._values else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid(name, "is required")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise invalid(name, f"must be one of [{', '.join(choices)}]")
        return value

    def required_choice(self, name: str, choices: Sequence[str]) -> str:
        self.required(name)
        return self.choice(name, choices) or ""

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false")) == "true"

    def number(self, name: str, default: int, smallest: int, largest: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdecimal() and smallest <= int(value[:9]) <= largest):
            raise invalid(name, f"must be a number between {smallest} and {largest}")
        return int(value)

    def many(self, name: str) -> list[str]:
        indexed = [v for k, vs in self._values.items() if _is_item(k, name) for v in vs]
        return self._values.get(name, []) + indexed

    def choices(self, name: str, choices: Sequence[str]) -> list[str]:
        values = self.many(name)
        if not set(values) <= set(choices):
            raise invalid(name, f"must be one of [{', '.join(choices)}]")
        return values

    def filters(self) -> list[tuple[str, list[str]]]:
        """All that chooses the records of a list, so that a cursor can be tied to it: what does not page it."""
        return sorted((name, values) for name, values in self._values.items() if not _PAGING.search(name))


def _dotted(name: str) -> str:
    return name.replace("[", ".").replace("]", "").rstrip(".") if "[" in name else name


def _is_item(key: str, name: str) -> bool:
    return key.startswith(name + ".") and key[len(name) + 1 :].isdecimal()


def _flatten(name: str, value: str) -> Iterator[tuple[str, str]]:
    if name not in _OBJECTS or (name == "search" and not value.startswith("{")):
        yield name, value
        return
    try:
        parsed = json.loads(value)
    except ValueError:
        raise invalid(name, "must be an object") from None
    if not isinstance(parsed, dict):
        raise invalid(name, "must be an object")
    for key, item in parsed.items():
        for part in item if isinstance(item, list) else [item]:
            if part is not None:
                yield f"{name}.{key}", _plain(part)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
