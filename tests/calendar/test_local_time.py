"""Instants and local times, in zones whose clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.local_time import instant_at, instant_text, local_day, midnight
from tests.calendar.samples import DAY, MINUTE, NEW_YORK, days, zones


def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """Search minute by minute for the first instant at which clocks show this time or a later one."""
    instant = wall.replace(tzinfo=UTC) - timedelta(hours=38)
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += MINUTE
    return instant


@given(days, st.integers(0, 1440), zones)
def test_a_local_time_is_its_first_instant_or_the_end_of_the_gap(day: date, minutes: int, zone: ZoneInfo) -> None:
    """A time that is skipped moves forward to the change; one that occurs twice means the first."""
    wall = datetime.combine(day, time()) + minutes * MINUTE
    assert instant_at(day, minutes, zone) == first_shown(wall, zone)


@given(days, st.lists(st.integers(0, 1440), min_size=2, max_size=6), zones)
def test_local_times_in_order_are_instants_in_order(day: date, minutes: list[int], zone: ZoneInfo) -> None:
    """Opening hours stay ordered over every change of the clocks."""
    instants = [instant_at(day, each, zone) for each in sorted(minutes)]
    assert instants == sorted(instants)
    assert all(instant.tzinfo is UTC for instant in instants)


@given(days, st.integers(0, 1439), zones)
def test_each_instant_belongs_to_the_day_between_two_midnights(day: date, minute: int, zone: ZoneInfo) -> None:
    """Days follow one another without overlap, also where clocks are set back over midnight."""
    instant = datetime.combine(day, time(), UTC) + minute * MINUTE
    own = local_day(instant, zone)
    assert midnight(own, zone) <= instant < midnight(own + DAY, zone)


def test_a_day_begins_once() -> None:
    """On 7 November 2010 the clocks of St. John's went from 00:01 back to 23:01; the night has one midnight."""
    zone = ZoneInfo("America/St_Johns")
    first_midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    assert midnight(date(2010, 11, 7), zone) == first_midnight
    for minutes, day in ((-1, 6), (0, 7), (1, 7), (30, 7), (60, 7), (61, 7)):
        assert local_day(first_midnight + minutes * MINUTE, zone) == date(2010, 11, day)


@pytest.mark.parametrize(
    ("day", "minutes", "instant"),
    [
        (date(2026, 3, 8), 150, "2026-03-08T07:00:00Z"),  # 02:30 does not exist; 03:00 is the first time after it
        (date(2026, 3, 8), 180, "2026-03-08T07:00:00Z"),
        (date(2026, 11, 1), 90, "2026-11-01T05:30:00Z"),  # 01:30 occurs twice; this is the first
        (date(2026, 11, 1), 120, "2026-11-01T07:00:00Z"),
        (date(2026, 11, 1), 1440, "2026-11-02T05:00:00Z"),
    ],
)
def test_new_york_changes_its_clocks(day: date, minutes: int, instant: str) -> None:
    """In New York 02:00 to 03:00 is skipped on 8 March 2026, and 01:00 to 02:00 is repeated on 1 November."""
    assert instant_text(instant_at(day, minutes, NEW_YORK)) == instant


def test_instants_are_written_in_utc() -> None:
    """Metadata gives instants as ISO 8601 with Z, whatever zone they were given in."""
    assert instant_text(datetime(2026, 12, 1, 10, tzinfo=ZoneInfo("Asia/Shanghai"))) == "2026-12-01T02:00:00Z"
    assert instant_text(datetime(2026, 12, 1, 2, 0, 0, 5000, tzinfo=UTC)) == "2026-12-01T02:00:00.005Z"
