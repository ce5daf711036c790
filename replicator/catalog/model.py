"""The types that the catalog is written in.

An object is data: where it is listed, under which parents, by which key, with which columns. Five functions read it
(extract, rows, schema, run, cli); no object has code of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Type(StrEnum):
    """What a column holds; each target maps it to a type of its own (target/types.py)."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an object's table.

    `field` is the property of the API's record that it holds. A `given` column holds what the record itself does not
    carry: a value of the parent, of the request, or the position in the list; its `field` is the parameter's name
    (or what Listing.given_as, Listing.lifted or Listing.position make of it).
    """

    name: str
    field: str
    type: Type
    secret: bool = False
    personal: bool = False
    #: Only the get by id carries it, so filling it costs a request per record.
    detail: bool = False
    #: The contract lets the API send an explicit null: SQL NULL then stands for null, else for "not sent".
    nullable: bool = False
    given: bool = False
    #: A token without rights gets an empty array in place of the value (reliability.md: H20).
    withheld: bool = False


class Shape(StrEnum):
    """What lies under `Listing.items` in the answer's `data`."""

    LIST = "list"  #: an array of objects
    STRINGS = "strings"  #: an array of bare strings; the record is {Listing.scalar: string}
    ONE = "one"  #: a single object (null: there is none)
    DATA = "data"  #: `data` itself is the record
    MAP = "map"  #: an object whose keys become Listing.scalar, or an array, or a single object (shape unstated);
    #: either way the record is {Listing.scalar: the key or the element's own field, "value": the whole element}
    LISTS = "lists"  #: several arrays; the record gets {"kind": name of its array}


class Paging(StrEnum):
    """How the next page is asked for; wire facts: segment-api/resources.md, Pagination."""

    NONE = "none"
    CURSOR = "cursor"  #: pagination.count, pagination.cursor
    BARE = "bare"  #: count, cursor
    EACH = "each"  #: one cursor per array of Shape.LISTS: {name}Pagination.count, {name}Pagination.cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One GET operation that yields records. `path` names its parameters in braces, as the contract does."""

    operation: str
    path: str
    items: tuple[str, ...] = ()
    shape: Shape = Shape.LIST
    paging: Paging = Paging.CURSOR
    page_size: int = 1000
    query: Mapping[str, str] = field(default_factory=dict)
    #: For Shape.STRINGS and Shape.MAP: the field that the bare string or the key becomes.
    scalar: str = ""
    #: The field that gets the record's position in the whole listing, from 0.
    position: str = ""
    #: Parameter -> field that carries its value, where the parameter's own name is taken by a property of the record.
    given_as: Mapping[str, str] = field(default_factory=dict)
    #: Field -> path inside the record: a `given` column filled from a nested property, because a key needs it.
    lifted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Requests per minute that the contract states for this operation (x-rate-limit-per-minute).
    rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The get by id, which carries more than the listing. `params` maps its path parameters to columns.

    `item` names the record in the answer's `data`; what lies beside it (a source's trackingPlanId) joins the record.
    """

    operation: str
    path: str
    item: str
    params: Mapping[str, str]
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """Where the partitions of a listing come from: one partition for each live row of the parent.

    `params` maps each path or query parameter of the listing to the parent's column that fills it.
    `where` keeps only the parent rows whose columns hold one of the given values. A parent row that has no value for
    one of the columns makes no partition, and rows with equal values make one partition together.
    """

    object: str
    params: Mapping[str, str]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explode:
    """Each element of the array `field` becomes a row of its own, with the other fields repeated.

    A bare element becomes the field `into`; the fields of an object element join the row.
    """

    field: str
    into: str = ""


class Window(StrEnum):
    """What a listing has to be told about time before it answers."""

    PERIOD = "period"  #: `period`: the first day of a usage month
    EVENTS = "events"  #: optional startTime and endTime, 90 days deep
    VOLUME = "volume"  #: startTime, endTime, granularity, all required


Tracking = Literal["updated", "created", "window", "snapshot"]
Stability = Literal["stable", "beta", "alpha"]
Group = Literal["core", "usage", "profiles", "delivery", "catalog", "alpha"]
GROUPS: tuple[str, ...] = ("core", "usage", "profiles", "delivery", "catalog", "alpha", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A kind of Segment thing: everything that the product knows about it.

    `key` names columns; ("id",) makes `id` the primary key, anything else a `_key` digest of the parts.
    `natural` names the columns by which a person would recognise the record (adoption, adverts in plans).
    `writes` are the contract's write operations as "METHOD /path".
    """

    name: str
    groups: frozenset[Group]
    listing: Listing
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)
    tracking: Tracking = "snapshot"
    #: The column whose time tells `updated`, `created` or `window` tracking how far it came.
    tracked_by: str = ""
    parents: tuple[Parent, ...] = ()
    #: Parameters whose values are a fixed set: one partition for each (combined with the parents').
    each: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window: Window | None = None
    detail: Detail | None = None
    #: False where the listing forgets old records: one that is missing is not a deleted one.
    absence_deletes: bool = True
    #: Its listing moves although no parent does, and costs little or tells what happened: every run reads it.
    restless: bool = False
    #: The API says that the listing may show a record twice and counts them only about: neither tells that it moved.
    repeats: bool = False
    explode: Explode | None = None
    stability: Stability = "stable"
    features: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    natural: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    #: Columns of which an edit can be sent to Segment; an object with some of them has a base (target/base.py).
    editable: tuple[str, ...] = ()
    #: Columns of the natural key that an edit may change: the API renames the record.
    renamable: tuple[str, ...] = ()
    #: Columns that a new record needs besides.
    creatable: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    #: Properties of the row schema that stay in `_extra`, each with the reason.
    left_to_extra: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def table(self) -> str:
        """TrackingPlans -> tracking_plans."""
        return snake_case(self.name)

    @property
    def partitioned(self) -> bool:
        return bool(self.parents or self.each or self.window is Window.PERIOD)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def snake_case(name: str) -> str:
    """DailyPerSourceAPICallsUsage -> daily_per_source_api_calls_usage; createdAt -> created_at."""
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()


def text(field: str, name: str = "", **marks: bool) -> Column:
    """A TEXT column for that API field, named after it in snake_case unless told otherwise."""
    return Column(name or snake_case(field), field, Type.TEXT, **marks)


def boolean(field: str, name: str = "", **marks: bool) -> Column:
    """A BOOLEAN column for that API field."""
    return Column(name or snake_case(field), field, Type.BOOLEAN, **marks)


def integer(field: str, name: str = "", **marks: bool) -> Column:
    """An INTEGER column for that API field."""
    return Column(name or snake_case(field), field, Type.INTEGER, **marks)


def number(field: str, name: str = "", **marks: bool) -> Column:
    """A NUMBER column for that API field."""
    return Column(name or snake_case(field), field, Type.NUMBER, **marks)


def timestamp(field: str, name: str = "", **marks: bool) -> Column:
    """A TIMESTAMP column for that API field."""
    return Column(name or snake_case(field), field, Type.TIMESTAMP, **marks)


def json(field: str, name: str = "", **marks: bool) -> Column:
    """A JSON column for that API field."""
    return Column(name or snake_case(field), field, Type.JSON, **marks)
