"""Half-open intervals and their set operations, against sets of minutes."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.calendar.interval import FIRST_INSTANT, LAST_INSTANT, Interval, ensure_interval, intersect, merge, subtract
from libs.common.domain.errors import Invalid
from tests.calendar.samples import HOUR, MINUTE, MONDAY, at, between, intervals, minutes_in

minute = st.integers(0, 6)


def ensure_sorted_and_disjoint(found: tuple[Interval, ...]) -> None:
    """Check that no interval is empty and that each ends before the next starts, with time between them."""
    assert all(not interval.is_empty for interval in found)
    assert all(left.end < right.start for left, right in pairwise(found))


@given(intervals())
def test_merge_is_the_union_of_minutes(given_intervals: list[Interval]) -> None:
    """A merge contains exactly the minutes of its intervals, sorted, disjoint and joined where they touch."""
    merged = merge(given_intervals)
    ensure_sorted_and_disjoint(merged)
    assert minutes_in(merged) == minutes_in(given_intervals)


@given(intervals(), intervals())
def test_intersect_is_the_intersection_of_minutes(left: list[Interval], right: list[Interval]) -> None:
    """What both sides share is sorted and disjoint, and the order of the sides does not matter."""
    shared = intersect(left, right)
    ensure_sorted_and_disjoint(shared)
    assert minutes_in(shared) == minutes_in(left) & minutes_in(right)
    assert shared == intersect(right, left)


@given(intervals(), intervals())
def test_subtract_is_the_difference_of_minutes(free: list[Interval], taken: list[Interval]) -> None:
    """What remains is free and not taken, and together with what is shared it is all that was free."""
    rest = subtract(free, taken)
    ensure_sorted_and_disjoint(rest)
    assert minutes_in(rest) == minutes_in(free) - minutes_in(taken)
    assert merge((*rest, *intersect(free, taken))) == merge(free)


@given(minute, minute, minute, minute)
def test_overlap_containment_and_clip_agree_with_minutes(a: int, b: int, c: int, d: int) -> None:
    """Intervals overlap when they share a minute; the clip is what they share; an empty interval shares nothing."""
    left, right = at(a, b), at(c, d)
    ours, theirs = minutes_in([left]), minutes_in([right])
    assert left.overlaps(right) == bool(ours & theirs)
    assert left.contains(right) == (theirs <= ours)
    clipped = left.clip(right)
    assert minutes_in([clipped] if clipped else []) == ours & theirs
    assert (clipped is not None) == left.overlaps(right)
    assert left.minutes == len(ours)


def test_intervals_that_touch_do_not_overlap() -> None:
    """An interval does not contain its end: back to back is possible."""
    assert not at(0, 30).overlaps(at(30, 60))
    assert merge((at(30, 60), at(0, 30))) == (at(0, 60),)


def test_minutes_are_whole_and_rounded_down() -> None:
    """59.999 seconds are no minute."""
    assert Interval(start=MONDAY, end=MONDAY + timedelta(seconds=119, milliseconds=999)).minutes == 1
    assert Interval(start=MONDAY, end=MONDAY + timedelta(seconds=59, milliseconds=999)).minutes == 0


def test_a_run_over_new_year_is_split_by_year() -> None:
    """From 23:30 on 31 December to 02:00, half an hour belongs to the old year and two hours to the new one."""
    run = between("2026-12-31 23:30", "2027-01-01 02:00")
    years = (between("2026-01-01 00:00", "2027-01-01 00:00"), between("2027-01-01 00:00", "2028-01-01 00:00"))
    assert [part.minutes for year in years if (part := run.clip(year))] == [30, 120]


def test_expand_moves_both_ends_outwards() -> None:
    """A setup before and a gap after are added; negative amounts shrink."""
    assert at(30, 60).expand(10 * MINUTE, 5 * MINUTE) == at(20, 65)
    assert at(30, 60).expand(-10 * MINUTE, -HOUR).is_empty


def test_instants_are_kept_in_utc_and_whole_milliseconds() -> None:
    """A stored interval reads back equal, because documents keep UTC and milliseconds."""
    start = datetime(2026, 12, 1, 10, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=8)))
    interval = Interval(start=start, end=start + HOUR)
    assert interval.start == datetime(2026, 12, 1, 2, 0, 0, 123_000, tzinfo=UTC)
    assert interval.start.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    """An instant without a zone could be eight hours off."""
    with pytest.raises(ValidationError, match="timezone"):
        Interval.model_validate({"start": datetime(2026, 12, 1), "end": MONDAY})  # noqa: DTZ001


def test_an_instant_beyond_the_calendar_is_refused() -> None:
    """The first day of the year 1, east of Greenwich, has no UTC time."""
    with pytest.raises(ValidationError, match="too early"):
        Interval.model_validate({"start": datetime(1, 1, 1, tzinfo=timezone(HOUR)), "end": MONDAY})


@pytest.mark.parametrize(
    ("interval", "description"),
    [
        (at(10, 10), "not after the start"),
        (at(10, 9), "not after the start"),
        (at(0, 24 * 60 + 1), "more than 24 hours"),
        (Interval(start=datetime(1969, 12, 31, 23, tzinfo=UTC), end=datetime(1970, 1, 1, tzinfo=UTC)), "1970"),
        (Interval(start=datetime(2199, 12, 31, 23, tzinfo=UTC), end=datetime(2200, 1, 1, 1, tzinfo=UTC)), "2199"),
    ],
)
def test_a_user_gives_an_interval_that_exists_and_is_short_enough(interval: Interval, description: str) -> None:
    """The end is after the start, at most the given hours later, within the years that calendars cover."""
    with pytest.raises(Invalid) as refusal:
        ensure_interval(interval, "booking.end_time", max_hours=24)
    (violation,) = refusal.value.violations
    assert (violation.field, violation.reason) == ("booking.end_time", "DATE_OUT_OF_RANGE")
    assert description in violation.description


def test_the_longest_interval_is_allowed() -> None:
    """The limit itself is allowed, over a night as well."""
    ensure_interval(between("2026-12-01 22:00", "2026-12-02 22:00"), "end_time", max_hours=24)
    ensure_interval(at(0, 1), "end_time", max_hours=24)
    ensure_interval(Interval.lasting(FIRST_INSTANT, 1440), "end_time", max_hours=24)
    ensure_interval(Interval.lasting(LAST_INSTANT - 24 * HOUR, 1440), "end_time", max_hours=24)
