"""Figures over time as SVG, one bar for each run: colours come from classes, what a bar says from its title. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 320, 96
_LEFT, _TOP, _BOTTOM = 44, 8, 6
#: So much of a bar's place is the bar.
_SHARE = 0.8
#: What is not 0 is seen.
_LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """One run: its parts from the bottom up, by the class that colours them, and what it says."""

    says: str
    parts: Mapping[str, float]
    #: Set apart, as one that failed.
    marked: bool = False

    @property
    def sum(self) -> float:
        return sum(self.parts.values())


def bars(title: str, found: Sequence[Bar], *, unit: str = "") -> str:
    """The chart, oldest bar first; a sentence where there is nothing to draw."""
    summary = described(title, found, unit)
    top = ceiling(max((each.sum for each in found), default=0))
    head = f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(summary)}">'
    return "".join([head, *_axis(top, unit), *_bars(found, top), "</svg>"])


def described(title: str, found: Sequence[Bar], unit: str = "") -> str:
    """What somebody who cannot see it is told."""
    if not found:
        return f"{title}: no run yet."
    sums = [each.sum for each in found]
    said = f"from {number(min(sums))} to {number(max(sums))}{unit}, the last one {number(sums[-1])}{unit}"
    failed = sum(each.marked for each in found)
    return f"{title} of the last {len(found)} runs: {said}{f'; {failed} failed' if failed else ''}."


def ceiling(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten; at least 1."""
    if value <= 1:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if value <= step * power))


def number(value: float) -> str:
    """1,234 or 12k or 0.4: short enough for an axis."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:.3g}M"
    if value >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:,.0f}" if value >= 10 or value == ceil(value) else f"{value:.1f}"


def _axis(top: float, unit: str) -> Iterator[str]:
    floor_ = HEIGHT - _BOTTOM
    for value, y in ((top, _TOP), (0.0, floor_)):
        yield f'<line class="axis" x1="{_LEFT}" y1="{y}" x2="{WIDTH}" y2="{y}"/>'
        yield f'<text class="axis" x="{_LEFT - 6}" y="{y + 3}" text-anchor="end">{number(value)}{escape(unit)}</text>'


def _bars(found: Sequence[Bar], top: float) -> Iterator[str]:
    place = (WIDTH - _LEFT) / max(len(found), 12)
    for at, each in enumerate(found):
        x, floor_ = _LEFT + at * place, HEIGHT - _BOTTOM
        rects = "".join(_parts(each, x, place * _SHARE, floor_, top))
        mark = f'<circle class="failed" cx="{x + place * _SHARE / 2:.1f}" cy="{floor_ - 3}" r="2.5"/>'
        yield f"<g><title>{escape(each.says)}</title>{rects}{mark if each.marked else ''}</g>"


def _parts(bar: Bar, x: float, width: float, floor_: float, top: float) -> Iterator[str]:
    whole = HEIGHT - _TOP - _BOTTOM
    heights = {name: max(value * whole / top, _LEAST) for name, value in bar.parts.items() if value > 0}
    # What was made higher to be seen must not grow beyond the frame.
    fit, y = min(1.0, whole / max(sum(heights.values()), _LEAST)), floor_
    for name, height in heights.items():
        y -= height * fit
        yield (
            f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height * fit:.1f}"/>'
        )
