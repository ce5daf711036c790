"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from replicator.catalog.model import Object, Window
from replicator.errors import UsageError
from replicator.rows import Layout
from replicator.selection import Selection

if TYPE_CHECKING:
    from replicator.settings import Extended
    from replicator.target.evolve import Policy

_NOTHING = Selection()


@dataclass(frozen=True, slots=True)
class Unit:
    """What a worker of a fleet knows of the run that it performs."""

    #: Whether the holder of a lock was a worker that the fleet takes for dead.
    gone: Callable[[str], bool]


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
    extended: Extended = "auto"
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
    unit: Unit | None = None
    policy: Policy = "evolve"
    migrate: bool = True
    #: Requests at once, over all objects.
    concurrency: int = 8
    #: By name, what is wanted of single objects; it goes before what is wanted of all.
    selections: Mapping[str, Selection] = field(default_factory=dict)
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

    def of(self, thing: Object) -> Selection:
        """What is wanted of that object alone."""
        return self.selections.get(thing.name, _NOTHING)

    def extended_of(self, thing: Object) -> Extended:
        """Whether its details are fetched."""
        return self.of(thing).extended or self.extended

    def hard_of(self, thing: Object) -> bool:
        """Whether its tombstones leave no row behind."""
        hard = self.of(thing).hard
        return self.hard_deletes if hard is None else hard

    def reread_of(self, thing: Object) -> timedelta:
        """After how long its children and details are read again."""
        reread = self.of(thing).reread
        return self.reread if reread is None else reread

    def patient(self) -> Options:
        """The same, but nothing is read again because it was read long ago."""
        selections = {name: replace(each, reread=None) for name, each in self.selections.items()}
        return replace(self, reread=timedelta.max, selections=selections)


def refuse_without_period(options: Options) -> None:
    """Raises UsageError, in the product's words, for usage objects without a month; a job needs to be told none."""
    if options.job:
        return
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
    chosen, extended = options.of(thing), options.extended_of(thing)
    columns = tuple(replace(each, secret=each.secret and each.name not in chosen.plain) for each in thing.columns)
    stored = (each for each in columns if extended != "off" or not each.detail)
    kept = tuple(each for each in stored if each.name not in chosen.leave_out)
    return Layout(replace(thing, columns=columns), kept, chosen.covers, chosen.where, chosen.names)


def reads_details(thing: Object, options: Options) -> bool:
    """Whether records of the object are asked for one by one: where a stored column needs it, or all are wanted."""
    extended = options.extended_of(thing)
    wanted = extended == "on" or any(column.detail for column in layout_of(thing, options).columns)
    return thing.detail is not None and extended != "off" and wanted
