"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from replicator.catalog.model import Column, Object, Window
from replicator.errors import UsageError
from replicator.rows import Layout

if TYPE_CHECKING:
    from replicator.target.evolve import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to replicate, and how."""

    #: What the user selected; parents are added.
    objects: tuple[Object, ...]
    #: Forget checkpoints and bookmarks: read everything anew.
    full: bool = False
    #: Names of objects of which everything is read anew, the others as usual.
    anew: frozenset[str] = frozenset()
    #: First days of the usage months, as 2026-10-01.
    periods: tuple[str, ...] = ()
    #: The same by object, where nobody said which (periods.py).
    months: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extended: Literal["auto", "on", "off"] = "auto"
    #: Objects whose rows may vanish beyond the guard.
    allow_deletes: frozenset[str] = frozenset()
    #: Tombstones leave no row behind.
    hard_deletes: bool = False
    #: Objects of which every version is kept.
    history: frozenset[str] = frozenset()
    #: Children and details of what did not move are read again when they were read this long ago.
    reread: timedelta = timedelta(hours=24)
    #: Ids of records to read again now, with their children and details.
    ids: frozenset[str] = frozenset()
    #: The job of the configuration that this is a run of.
    job: str | None = None
    #: The job's newest run that had ended when its turn was seen, "" if none had: after another one the turn is over.
    after: str | None = None
    policy: Policy = "evolve"
    migrate: bool = True
    #: Requests at once, over all objects.
    concurrency: int = 8
    #: "Object.column" names whose secrets are stored as they are.
    plain: frozenset[str] = frozenset()
    #: "Object.column" names whose values are masked although they are no secrets.
    masked: frozenset[str] = frozenset()
    #: "Object.column" names that are not stored at all.
    leave_out: frozenset[str] = frozenset()
    mask_key: bytes | None = None

    @property
    def mode(self) -> str:
        """What the ledger calls such a run."""
        if self.anew or self.ids:
            return "refresh"
        return "full" if self.full else "incremental"

    def periods_of(self, thing: Object) -> tuple[str, ...]:
        """The usage months to read of that object."""
        return self.periods or self.months.get(thing.name, ())


def refuse_without_period(options: Options) -> None:
    """Raises UsageError, in the product's words, for usage objects that were not told which months."""
    wanting = [thing.name for thing in options.objects if thing.window is Window.PERIOD]
    wanting = [name for name in wanting if not (options.periods or options.months.get(name))]
    if wanting:
        raise UsageError(
            f'{", ".join(wanting)}: "period" is required. Give a month or a range of them, as in --period 2026-10 or'
            " --period 2026-01..2026-10, or leave these objects out with -usage."
        )


def layouts(objects: Sequence[Object], options: Options) -> dict[str, Layout]:
    """The stored columns of each object; without details their columns are left alone."""
    return {thing.name: layout_of(thing, options) for thing in objects}


def layout_of(thing: Object, options: Options) -> Layout:
    """What of the object is stored, and how; its other fields are known, and go nowhere."""

    def named(column: Column, names: frozenset[str]) -> bool:
        return f"{thing.name}.{column.name}" in names

    columns = tuple(
        replace(column, secret=named(column, options.masked) or (column.secret and not named(column, options.plain)))
        for column in thing.columns
    )
    stored = (column for column in columns if options.extended != "off" or not column.detail)
    kept = tuple(column for column in stored if not named(column, options.leave_out))
    return Layout(replace(thing, columns=columns), kept)


def reads_details(thing: Object, options: Options) -> bool:
    """Whether records of the object are asked for one by one: where a stored column needs it, or all are wanted."""
    wanted = options.extended == "on" or any(column.detail for column in layout_of(thing, options).columns)
    return thing.detail is not None and options.extended != "off" and wanted
