"""The figures of soaks as a table, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .soak import Verdict


def text(verdicts: Sequence[Verdict]) -> str:
    columns = [_column(verdict.figures) for verdict in verdicts]
    width = max(len(name) for name in columns[0])
    lines = ["  ".join([" " * width, *(f"{verdict.kind:>24}" for verdict in verdicts)])]
    lines += ["  ".join([f"{name:{width}}", *(f"{column[name]!s:>24}" for column in columns)]) for name in columns[0]]
    for verdict in verdicts:
        for check, problems in verdict.problems.items():
            lines.append(f"{verdict.kind}: {check}: {'well' if not problems else ''}")
            lines += [f"  {problem}" for problem in problems]
    return "\n".join(lines)


def _column(figures: dict[str, Any]) -> dict[str, Any]:
    deeds = figures["deeds"]
    grown = figures["growth"]

    def sides(side: str) -> int:
        return sum(times for name, times in deeds.items() if name.endswith(f" {side}"))

    def growth(name: str) -> str:
        found = grown.get(name)
        return f"{found['first']} > {found['last']}, most {found['most']}" if found else ""

    return {
        "minutes": figures["minutes"],
        "requests": figures["requests"],
        "of them gone wrong": f"{figures['struck']} ({figures['struck'] / max(figures['requests'], 1):.1%})",
        "kill -9": figures["kills"],
        "SIGSTOP": figures["stops"],
        "restarts of the database": f"{figures['restarts']}, {figures['crashes']} crashing",
        "deeds here": sides("here"),
        "deeds there": sides("there"),
        "runs": _words(figures["ledger"]["runs"]),
        "writes sent, by what came of them": _words(figures["ledger"]["journal"]),
        "conflicts decided": figures["conflicts_decided"],
        "records compared": figures["records"],
        "values compared": figures["values"],
        "MB": growth("megabytes"),
        "MB an hour": grown.get("megabytes", {}).get("an_hour", ""),
        "open files": growth("files"),
        "threads": growth("threads"),
        "connections": growth("connections"),
        "seconds to end": max(each["seconds"] for each in figures["ends"].values()),
    }


def _words(counted: dict[str, int]) -> str:
    return ", ".join(f"{times} {word}" for word, times in sorted(counted.items()))
