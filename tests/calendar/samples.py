"""Instants, intervals and zones for the tests of calendars."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from libs.calendar.interval import Interval
from libs.calendar.page import Entry

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: Monday of ISO week 49 of 2026, at midnight in Shanghai.
MONDAY = datetime(2026, 11, 29, 16, tzinfo=UTC)
RESOURCE = "mentors/m1"

#: Zones with whole, half and double hours of change, changes at midnight, and (Apia) a day that never was.
ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "Asia/Shanghai",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Antarctica/Troll",
        "America/Havana",
        "Asia/Beirut",
        "America/St_Johns",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "UTC",
    )
)
#: Days on which, or near which, clocks change in some of the zones.
DAYS_OF_CHANGE = (
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2011, 12, 30),
    date(2010, 3, 14),
    date(2010, 11, 7),
    date(1988, 4, 10),
    date(1988, 9, 11),
)


def shanghai(text: str) -> datetime:
    """Read a local time of Shanghai such as `2026-12-01 10:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def between(start: str, end: str) -> Interval:
    """Build an interval from two local times of Shanghai."""
    return Interval(start=shanghai(start), end=shanghai(end))


def at(start: int, end: int, origin: datetime = MONDAY) -> Interval:
    """Build an interval from minutes after the origin."""
    return Interval(start=origin + start * MINUTE, end=origin + end * MINUTE)


def entry(holder: str, interval: Interval, person: str = "") -> Entry:
    """Build the entry of a holder."""
    return Entry(holder=holder, person=person, start=interval.start, end=interval.end)


def minutes_in(intervals: tuple[Interval, ...] | list[Interval], origin: datetime = MONDAY) -> set[int]:
    """Return the minutes after the origin that belong to any of the intervals: the slow and obvious model."""
    return {
        minute
        for interval in intervals
        for minute in range((interval.start - origin) // MINUTE, (interval.end - origin) // MINUTE)
    }


def intervals(most: int = 60, *, max_size: int = 8) -> st.SearchStrategy[list[Interval]]:
    """Generate lists of intervals of whole minutes, some of them empty."""
    minute = st.integers(0, most)
    return st.lists(st.tuples(minute, minute).map(lambda pair: at(min(pair), max(pair))), max_size=max_size)


zones = st.sampled_from(ZONES)
days = st.sampled_from(DAYS_OF_CHANGE).flatmap(lambda day: st.integers(-2, 2).map(lambda more: day + more * DAY))
