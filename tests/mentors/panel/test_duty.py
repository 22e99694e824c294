"""The load of a mentor: at most so many panels within so many consecutive days."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentors.domain.panel_duty import Duties, Duty
from tests.mentors.samples import TODAY, day

OFFSETS = st.lists(st.integers(-40, 40), max_size=12)


def duties(*offsets: int) -> Duties:
    """Return the duties of a mentor on days counted from TODAY."""
    made = tuple(Duty(panel=f"panels/p{number}", date=day(offset)) for number, offset in enumerate(offsets))
    return Duties.of("mentors/m1").with_(duties=made)


@given(OFFSETS, st.integers(-40, 40), st.integers(1, 30))
def test_every_span_that_contains_the_day_is_counted(offsets: list[int], offset: int, days: int) -> None:
    """The busiest span is that with most panels among all spans of so many days that contain the day."""
    spans = [day(offset) - timedelta(days=back) for back in range(days)]
    expected = max(sum(start <= day(each) < start + timedelta(days=days) for each in offsets) for start in spans)
    assert duties(*offsets).busiest(day(offset), days) == expected


@pytest.mark.parametrize(("other", "count"), [(-9, 1), (-10, 0), (0, 1), (9, 1), (10, 0)])
def test_the_limit_counts_consecutive_days(other: int, count: int) -> None:
    """Within ten days counts a panel nine days before or after, and none ten days before or after."""
    assert duties(other).busiest(TODAY, 10) == count


def test_a_panel_counts_once() -> None:
    """A panel that is added again takes the place of the first; one that is left no longer counts."""
    busy = Duties.of("mentors/m1").with_duty("panels/p1", day(1), TODAY).with_duty("panels/p1", day(5), TODAY)
    assert [(duty.panel, duty.date) for duty in busy.duties] == [("panels/p1", day(5))]
    assert busy.without("panels/p1").duties == ()


def test_what_no_limit_can_count_is_dropped() -> None:
    """A document stays small: panels of more than a year ago are forgotten when the next is added."""
    busy = duties(-400, -366, -365, 3).with_duty("panels/new", day(0), TODAY)
    assert [duty.date for duty in busy.duties] == [day(-365), day(0), day(3)]
