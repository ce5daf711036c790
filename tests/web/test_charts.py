"""Charts for any figures: well-formed, inside their frame, and true to what they show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import example, given, settings
from hypothesis import strategies as st

from replicator.web.charts import HEIGHT, WIDTH, Bar, bars, ceiling, described, number

#: This machine may be busy.
quickly = settings(max_examples=60, deadline=None)
FIGURES = st.floats(0, 1e12) | st.integers(0, 10**12)
NAMES = ("inserted", "updated", "deleted")
BARS = st.lists(
    st.builds(
        Bar,
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20),
        st.dictionaries(st.sampled_from(NAMES), FIGURES, max_size=3),
        st.booleans(),
    ),
    max_size=40,
)


def drawn(found: list[Bar]) -> ET.Element:
    return ET.fromstring(bars("Rows <changed>", found, unit=" s"))  # noqa: S314 - our own text


def boxes(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    found = []
    for each in root.iter("rect"):
        x, y, width, height = (float(each.get(name, "nan")) for name in ("x", "y", "width", "height"))
        found.append((each.get("class", ""), x, y, width, height))
    return found


@quickly
@given(BARS)
@example([Bar("", {"inserted": 10**12, "updated": 1, "deleted": 1})])
def test_a_chart_is_well_formed_has_no_style_and_stays_in_its_frame(found: list[Bar]) -> None:
    root = drawn(found)
    for element in root.iter():
        assert not any(name == "style" or name.startswith("on") for name in element.attrib)
    for _, x, y, width, height in boxes(root):
        assert 0 <= x <= x + width <= WIDTH + 0.1
        assert 0 <= y <= y + height <= HEIGHT + 0.1
        assert height > 0


@quickly
@given(BARS)
def test_there_is_a_group_for_each_run_and_a_box_for_each_part_that_is_not_nothing(found: list[Bar]) -> None:
    root = drawn(found)
    groups = root.findall("g")
    assert [group.findtext("title") for group in groups] == [each.says for each in found]
    for group, bar in zip(groups, found, strict=True):
        assert [box[0] for box in boxes(group)] == [name for name, value in bar.parts.items() if value > 0]
        assert (group.find("circle") is not None) == bar.marked


@quickly
@given(st.lists(st.integers(50, 1000), min_size=2, max_size=40))
def test_heights_are_as_the_figures(values: list[int]) -> None:
    found = boxes(drawn([Bar("", {"requests": value}) for value in values]))
    tallest = max(found, key=lambda box: box[4])[4] / max(values)
    assert all(abs(height - value * tallest) < 0.2 for (*_, height), value in zip(found, values, strict=True))
    feet = [y + height for _, _, y, _, height in found]
    assert max(feet) - min(feet) < 0.2, "all stand on one line"


@quickly
@given(st.floats(1, 1e15))
def test_an_axis_ends_at_the_next_1_2_or_5(value: float) -> None:
    top = ceiling(value)
    assert value <= top <= 2.5 * value * (1 + 1e-9) or top == 1
    assert f"{top:e}"[0] in "125"


def test_figures_are_short_and_what_cannot_be_seen_is_said() -> None:
    assert [number(each) for each in (0, 0.5, 7, 1234, 12_345, 2_500_000)] == [
        "0", "0.5", "7", "1,234", "12.3k", "2.5M"
    ]  # fmt: skip
    found = [Bar("a", {"inserted": 3}), Bar("b", {"inserted": 12, "deleted": 1}, marked=True)]
    assert described("Rows", found) == "Rows of the last 2 runs: from 3 to 13, the last one 13; 1 failed."
    label = drawn(found).get("aria-label") or ""
    assert re.match(r"Rows <changed> of the last 2 runs: from 3 to 13 s", label)
    assert described("Rows", []) == "Rows: no run yet."
