"""What of each object people want stored, and how; and what is wrong with what they asked for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING

from replicator.catalog import OBJECTS, find
from replicator.catalog.model import Type
from replicator.errors import UsageError
from replicator.masks import Cover, Mode
from replicator.settings import ObjectSettings, refusal
from replicator.where import Condition, parsed

if TYPE_CHECKING:
    from replicator.catalog.model import Column, Object
    from replicator.settings import Extended, Settings

#: A mask is a text, and so is what these hold.
MASKABLE = frozenset({Type.TEXT, Type.JSON})
#: Where in a path of `mask` the name of a column stands, this stands for fields that are no columns.
EXTRA = "_extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is wanted of one object. None: what is wanted of all."""

    #: Columns that are not stored at all.
    leave_out: frozenset[str] = frozenset()
    #: Columns whose secrets are stored as they are.
    plain: frozenset[str] = frozenset()
    covers: tuple[Cover, ...] = ()
    #: What must be true of a record that is stored.
    where: tuple[Condition, ...] = ()
    #: What columns are called in the database, by their names in the catalog.
    names: Mapping[str, str] = field(default_factory=dict)
    extended: Extended | None = None
    history: bool | None = None
    #: Tombstones leave no row behind.
    hard: bool | None = None
    reread: timedelta | None = None


def needed(thing: Object) -> frozenset[str]:
    """The columns that rows are found by, asked for by, or dated by: they stay as they are."""
    own = {*thing.key, thing.tracked_by, *(column.name for column in thing.columns if column.given)}
    gets = thing.detail.params.values() if thing.detail else ()
    children = [parent for each in OBJECTS for parent in each.parents if parent.object == thing.name]
    asked = chain.from_iterable((*parent.params.values(), *parent.where) for parent in children)
    # What happened, and to what: events bring a reread forward, and say who changed a record.
    events = ("type", "resource_id", "resource_type") if thing.name == "AuditEvents" else ()
    return frozenset((*own, *gets, *asked, *events)) - {""}


def of_settings(settings: Settings) -> dict[str, Selection]:
    """As `selections` of what the settings say."""
    return selections(settings.leave_out, settings.masked, settings.plain_secrets, settings.object)


def selections(
    leave_out: Collection[str] = (),
    masked: Collection[str] = (),
    plain: Collection[str] = (),
    objects: Mapping[str, ObjectSettings] | None = None,
) -> dict[str, Selection]:
    """By object, from "Object.column" names and the objects' own settings.

    Raises ConfigError, which names every problem.
    """
    asked: dict[str, _Asked] = {}
    found: list[str] = []

    def of(name: str, setting: str) -> _Asked | None:
        try:
            thing = find(name.partition(".")[0])
        except UsageError as error:
            found.append(f"{setting}: {error}".removesuffix("."))
            return None
        return asked.setdefault(thing.name, _Asked(thing))

    for setting, names in (("leave_out", leave_out), ("masked", masked), ("plain_secrets", plain)):
        for name in sorted(names):
            if each := of(name, setting):
                each.name(setting, name.partition(".")[2])
    for word, own in (objects or {}).items():
        if each := of(word, f"object.{word}"):
            each.take(f"object.{word}.", own)
    found += [problem for each in asked.values() for problem in each.problems()]
    if found:
        raise refusal(found)
    return {name: each.selection() for name, each in asked.items()}


@dataclass
class _Asked:
    """What was asked of one object: names to the setting that named them."""

    thing: Object
    leave_out: dict[str, str] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    #: Path to setting and mode.
    masks: dict[str, tuple[str, Mode]] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    prefix: str = ""
    own: ObjectSettings = field(default_factory=ObjectSettings)

    def name(self, setting: str, column: str) -> None:
        """One of its columns is named by a setting of all objects."""
        match setting:
            case "masked":
                self.masks[column] = (setting, "hash")
            case "leave_out":
                self.leave_out[column] = setting
            case _:
                self.plain[column] = setting

    def take(self, prefix: str, own: ObjectSettings) -> None:
        self.prefix, self.own, self.columns = prefix, own, own.columns
        self.leave_out |= dict.fromkeys(own.leave_out or (), f"{prefix}leave_out")
        self.plain |= dict.fromkeys(own.plain_secrets or (), f"{prefix}plain_secrets")
        for path, mode in (own.mask or {}).items():
            if mode == "drop" and "." not in path and path != EXTRA:
                self.leave_out[path] = f"{prefix}mask"
            else:
                self.masks[path] = (f"{prefix}mask", mode)

    @property
    def known(self) -> dict[str, Column]:
        return {each.name: each for each in self.thing.columns}

    def selection(self) -> Selection:
        unnamed = self.known.keys() - set(self.columns) if self.columns is not None else set[str]()
        hours = self.own.reread_hours
        return Selection(
            leave_out=frozenset(self.leave_out) | (unnamed - needed(self.thing)),
            plain=frozenset(self.plain),
            covers=tuple(self._cover(path, mode) for path, (_, mode) in sorted(self.masks.items())),
            where=tuple(sorted((each for each in self._conditions() if isinstance(each, Condition)), key=str)),
            names=dict(self.own.rename or {}),
            extended=self.own.extended,
            history=self.own.history,
            hard=None if self.own.deletes is None else self.own.deletes == "hard",
            reread=None if hours is None else timedelta(hours=hours),
        )

    def _conditions(self) -> Iterator[Condition | str]:
        return parsed(self.thing, self.own.where or {})

    def _cover(self, path: str, mode: Mode) -> Cover:
        first, *rest = path.split(".")
        at = tuple(rest) if first == EXTRA else (self.known[first].field, *rest)
        return Cover(at, mode)

    def problems(self) -> Iterator[str]:
        """What is wrong, one sentence each."""
        yield from self._of_columns()
        for name, setting in self.leave_out.items():
            yield from _said(setting, self._unknown(name) or self._needed(name))
        for name, setting in self.plain.items():
            yield from _said(setting, self._no_secret(name))
        for path, (setting, mode) in self.masks.items():
            yield from _said(setting, self._wrong_mask(path, mode))
        yield from self._twice()
        for name, called in (self.own.rename or {}).items():
            yield from _said(f"{self.prefix}rename", self._wrong_name(name, called))
        yield from (f"{self.prefix}where: {each}" for each in self._conditions() if isinstance(each, str))

    def _of_columns(self) -> Iterator[str]:
        setting = f"{self.prefix}columns"
        if self.columns is None:
            return
        if self.own.leave_out is not None:
            yield f"{setting} and {self.prefix}leave_out exclude one another: give one of them"
        for name in self.columns:
            yield from _said(setting, self._unknown(name))

    def _twice(self) -> Iterator[str]:
        whole = {path: setting for path, (setting, _) in self.masks.items() if "." not in path}
        for names, more in ((self.leave_out, {**whole, **self.plain}), (whole, self.plain)):
            for name in sorted(names.keys() & more.keys()):
                both = sorted({names[name], more[name]})
                yield f"{both[-1]}: {self.thing.name}.{name} is in {both[0]} too; give it in one of them"
        for path, (setting, _) in self.masks.items():
            if "." in path and (other := self.leave_out.get(path.partition(".")[0])):
                yield f"{setting}: {self.thing.name}.{path} is in {other} too; give it in one of them"

    def _unknown(self, name: str) -> str:
        if name in self.known:
            return ""
        near = get_close_matches(name, self.known, n=1, cutoff=0.0)
        return f"{self.thing.name} has no column {name}; the nearest is {near[0]}"

    def _needed(self, name: str) -> str:
        if name not in needed(self.thing):
            return ""
        return f"{self.thing.name}.{name} must stay as it is, because rows are found or asked for by it"

    def _no_secret(self, name: str) -> str:
        secret = [each.name for each in self.thing.columns if each.secret]
        return "" if name in secret else f"{self.thing.name} has no secret column {name}; {_those('secret', secret)}"

    def _wrong_mask(self, path: str, mode: str) -> str:
        name, *rest = path.split(".")
        if name == EXTRA:
            return self._wrong_extra(rest)
        if why := self._unknown(name) or self._needed(name):
            return why
        column = self.known[name]
        if rest and column.type is not Type.JSON:
            return f"{self.thing.name}.{name} holds a {column.type.value}, and nothing lies below it"
        lifted = [way for way in self.thing.listing.lifted.values() if way[0] == column.field]
        if any(_meet(rest, way[1:]) for way in lifted):
            return f"{self.thing.name}.{path} must stay as it is, because rows are found or asked for by it"
        if not rest and mode == "hash" and column.type not in MASKABLE:
            free = [each for each in self.thing.columns if each.type in MASKABLE and not self._needed(each.name)]
            return (
                f"{self.thing.name}.{name} holds a {column.type.value}, and a mask is a text: leave it out;"
                f" {_those('maskable', sorted(each.name for each in free))}"
            )
        return ""

    def _wrong_name(self, name: str, called: str) -> str:
        if why := self._unknown(name):
            return why
        if name in needed(self.thing):
            return f"{self.thing.name}.{name} must keep its name, because rows are found or asked for by it"
        if name in self.leave_out:
            return f"{self.thing.name}.{name} is in {self.leave_out[name]} too; give it in one of them"
        others = [*self.known, *(each for other, each in (self.own.rename or {}).items() if other != name)]
        if called.lower() in {each.lower() for each in others}:
            return f"{self.thing.name}.{name} cannot be called {called}, because another column is"
        return ""

    def _wrong_extra(self, rest: list[str]) -> str:
        if not rest:
            return f"{EXTRA} holds fields that are no columns: name one, as in {EXTRA}.someField"
        for column in self.thing.columns:
            if rest[0] in {column.field, "*"}:
                return f"{rest[0]} is no field of {EXTRA}: name the column {column.name} instead"
        return ""


def _meet(path: Iterable[str], other: Iterable[str]) -> bool:
    """Whether one of them leads into the other."""
    return all(one in {two, "*"} for one, two in zip(path, other, strict=False))


def _said(setting: str, why: str) -> Iterator[str]:
    if why:
        yield f"{setting}: {why}"


def _those(kind: str, names: list[str]) -> str:
    return f"its {kind} columns: {', '.join(names) or 'none'}"
