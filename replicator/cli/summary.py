"""What a run, or the bill of one, says at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .text import duration, plural, table

if TYPE_CHECKING:
    from replicator.bill import Bill
    from replicator.run import ObjectResult, RunResult

_COUNTS = ("inserted", "updated", "unchanged", "deleted", "quarantined")
_NUMBERS = (*_COUNTS, "requests", "seconds")
#: So many objects without any change become one line, with their sums.
_FOLD = 4


def text(result: RunResult, where: str) -> str:
    """The closing table, a sentence for each thing to know, and the totals."""
    parts = []
    if result.objects:
        parts.append(table(("object", *_NUMBERS, "status"), _rows(result.objects), numbers=_NUMBERS))
    sentences = [*_sentences(result.objects), *_not_asked(result.objects)]
    if sentences:
        parts.append("\n".join(sentences))
    parts.append(_totals(result, where))
    return "\n\n".join(parts)


def _rows(objects: Sequence[ObjectResult]) -> Iterator[tuple[object, ...]]:
    still = [each for each in objects if _is_still(each)]
    folded = still if len(still) >= _FOLD else []
    for each in objects:
        if each not in folded:
            yield (each.object, *(getattr(each, name) for name in _NUMBERS), each.status.replace("_", " "))
    if folded:
        sums = (sum(getattr(each, name) for each in folded) for name in _NUMBERS)
        yield (f"({len(folded)} objects without a change)", *sums, "done")


def _is_still(each: ObjectResult) -> bool:
    moved = each.inserted or each.updated or each.deleted or each.quarantined
    return each.status == "done" and not (moved or each.error or each.unseen)


def _sentences(objects: Sequence[ObjectResult]) -> Iterator[str]:
    """What several objects have in common is said once."""
    said: dict[str, list[str]] = defaultdict(list)
    for each in objects:
        for sentence in _about(each):
            said[sentence].append(each.object)
    for sentence, names in said.items():
        yield f"{', '.join(names)}: {sentence}"


def _not_asked(objects: Sequence[ObjectResult]) -> Iterator[str]:
    skipped = [each for each in objects if each.skipped]
    if skipped:
        every, left = sum(each.partitions for each in skipped), sum(each.skipped for each in skipped)
        yield (
            f"{left:,} of {plural(every, 'listing')} of {plural(len(skipped), 'object')} were not read again, as"
            " nothing says that they moved since; `replicate --full` reads all of them."
        )


def _about(each: ObjectResult) -> Iterator[str]:
    if each.error:
        # What happened to the parent is said once, beside the parent.
        said = each.error.removeprefix(each.object).lstrip(": ")
        yield f"{said.partition(': ')[0]}." if each.status == "skipped" and ": " in said else said
    if each.unseen and not (each.error and each.unseen.endswith(each.error)):
        yield f"not seen, and left as it was: {each.unseen}"
    if each.drift:
        fields = ", ".join(f"{name} ({why})" for name, why in sorted(each.drift.items()))
        yield f"kept in _extra, as no column fits: {fields}"
    if each.vanished:
        yield f"no record has the fields of these columns any more, which keep their values: {', '.join(each.vanished)}"
    if each.withheld:
        yield f"sent empty, as to a token without rights, and kept as it was: {', '.join(each.withheld)}"
    if each.filtered:
        yield f"{plural(each.filtered, 'record')} did not pass `where`"
    if each.quarantined:
        yield f"{plural(each.quarantined, 'record')} could not be stored and went to quarantine"


def _totals(result: RunResult, where: str) -> str:
    counts = ", ".join(f"{sum(getattr(each, name) for each in result.objects):,} {name}" for name in _COUNTS)
    status = result.status.replace("_", " ")
    return (
        f"{status}: {plural(len(result.objects), 'object')}, {counts}; {plural(result.requests, 'request')},"
        f" {result.seconds:.1f} s. The data is in {where} (run {result.run_id})."
    )


def bill(made: Bill) -> str:
    """What a run would read, ask, take and change."""
    head = ("object", "records", "listings", "requests", "known from")
    rows = (
        (each.object, each.records, each.partitions, _at_least(each.requests, exact=each.exact), each.source)
        for each in made.objects
    )
    parts = [table(head, rows, numbers=("records", "listings", "requests"))]
    parts += ["\n".join(_problems((each.object, each.error) for each in made.objects))]
    if skipped := sum(each.skipped for each in made.objects):
        parts.append(
            f"{plural(skipped, 'listing')} would not be read again, as nothing known by now says that they moved;"
            " what moved comes on top."
        )
    if made.changes:
        parts.append("Schema changes:\n" + "\n".join(f"  {change}" for change in made.changes))
    parts.append(
        f"A run would take {_at_least(made.requests, exact=made.exact)} requests,"
        f" and {duration(made.seconds)} of waiting at the rate limits."
        f" {plural(made.asked, 'request')} went into this answer; nothing was written."
    )
    return "\n\n".join(filter(None, parts))


def _problems(errors: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    return (f"{name}: {error}" for name, error in errors if error)


def _at_least(requests: int, *, exact: bool) -> str:
    return f"{requests:,}" if exact else f"{requests:,}+"
