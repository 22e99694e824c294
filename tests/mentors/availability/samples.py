"""Availabilities, calendars and blocks, as domain values. TODAY is a Tuesday; times of day are those of Shanghai."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from libs.calendar.hours import WEEKDAYS, DayHours, Hours
from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.calendar.rules import BookingRules
from libs.calendar.work_days import HolidaysSection, WorkCalendar
from libs.common.domain.entity import UpdateMask
from services.mentors.domain.availability import (
    Availability,
    AvailabilitySpec,
    CityHours,
    UpdateAvailability,
    pages_to_load,
)
from tests.mentors.samples import MENTORS_PROFILE, PROFILE, ZONE

M1 = "mentors/m1"
NEW_YORK = ZoneInfo("America/New_York")
WORK_CALENDAR = WorkCalendar.of(PROFILE.section("holidays", HolidaysSection))
#: What the city's profile says.
CITY_HOURS = CityHours.of(MENTORS_PROFILE.availability, WORK_CALENDAR, ZONE)
QUARTERS = BookingRules(block_minutes=15, min_minutes=15)


def at(text: str, zone: ZoneInfo = ZONE) -> datetime:
    """Read a local time such as `2026-12-01 10:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def between(start: str, end: str) -> Interval:
    """Build an interval from two local times."""
    return Interval(start=at(start), end=at(end))


def weekly(opens: str, closes: str) -> tuple[DayHours, ...]:
    """Return the same hours on every day of the week."""
    return tuple(DayHours(weekday=weekday, opens=opens, closes=closes) for weekday in WEEKDAYS)


def availability(
    opens: str = "09:00", closes: str = "18:00", rules: BookingRules = QUARTERS, **hours: Any
) -> Availability:
    """Return an availability with the same hours on every day; `hours` replace or add."""
    values = {"time_zone": ZONE.key, "weekly": weekly(opens, closes), **hours}
    return Availability(name=f"{M1}/availability", version=1, mentor=M1, hours=Hours(**values), rules=rules)


def booked(*times: tuple[str, str], person: str = "startups/a1") -> tuple[Entry, ...]:
    """Return the entries of consultations c0, c1, … between local times."""
    intervals = [between(start, end) for start, end in times]
    return tuple(
        Entry(holder=f"consultations/c{number}", person=person, start=each.start, end=each.end)
        for number, each in enumerate(intervals)
    )


def pages(names: Sequence[str], entries: Iterable[Entry] = ()) -> tuple[CalendarPage | None, ...]:
    """Return the pages of these names with the entries on them; None for one without."""
    found = {name: CalendarPage.empty(name).with_(version=1) for name in names}
    for entry in entries:
        for name in page_names(M1, entry.interval, ZONE):
            if name in found:
                found[name] = found[name].with_(entries=(*found[name].entries, entry))
    return tuple(found[name] if found[name].entries else None for name in names)


def pages_for(time: Interval, entries: Iterable[Entry] = ()) -> Pages:
    """Return the pages that a booking at this time loads."""
    names = pages_to_load(M1, time, CITY_HOURS)
    return Pages.of(names, pages(names, entries), ZONE)


def entry(time: Interval, holder: str = "consultations/new", person: str = "startups/a2") -> Entry:
    """Return the entry of a new consultation."""
    return Entry(holder=holder, person=person, start=time.start, end=time.end)


def update_of(*paths: str, etag: str = "", **fields: Any) -> UpdateAvailability:
    """Change the fields that the paths name; `fields` are all that the spec holds."""
    return UpdateAvailability(
        name=f"{M1}/availability",
        availability=AvailabilitySpec.model_validate(fields),
        update_mask=UpdateMask(paths=paths),
        etag=etag,
    )


def days(count: int) -> timedelta:
    """Return a number of days."""
    return timedelta(days=count)
