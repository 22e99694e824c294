"""Opening hours of a resource or a person: by weekday, with exceptions, closures and public holidays."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from libs.calendar.interval import Interval, between, merge
from libs.calendar.local_time import instant_at, local_day
from libs.calendar.work_days import ONE_DAY, WorkCalendar
from libs.common.domain.dates import Day
from libs.common.domain.entity import Value
from libs.common.domain.errors import validation_error
from libs.common.domain.text import Line

#: How many days one query may span.
MAX_DAYS = 400
#: A local time of day, `00:00` to `24:00`, which is the next midnight.
WallTime = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", max_length=5)]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads folders


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise validation_error("MALFORMED", f"there is no time zone {name}")
    return name


#: A time zone of the IANA database.
TimeZone = Annotated[str, StringConstraints(max_length=60), AfterValidator(_time_zone)]


def minutes_of(wall: str) -> int:
    """Return the minutes since midnight of a local time."""
    return int(wall[:2]) * 60 + int(wall[3:])


class Weekday(StrEnum):
    """The days of the week, in the order of `date.weekday()`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


WEEKDAYS = tuple(Weekday)


class OpenHours(Value):
    """From one local time to another on the same day. Hours over midnight are given as two, split at 24:00."""

    opens: WallTime
    closes: WallTime

    @field_validator("closes")
    @classmethod
    def _ensure_order(cls, closes: str, info: ValidationInfo) -> str:
        if closes <= info.data.get("opens", ""):
            raise validation_error("HOURS_OUT_OF_ORDER", f"{closes} is not after {info.data['opens']}")
        return closes


class DayHours(OpenHours):
    """Hours of every week."""

    weekday: Weekday


def _ensure_disjoint(hours: Iterable[OpenHours], on: str) -> None:
    for earlier, later in pairwise(sorted(hours, key=lambda each: each.opens)):
        if later.opens < earlier.closes:
            raise validation_error(
                "HOURS_OVERLAP",
                f"{earlier.opens}-{earlier.closes} and {later.opens}-{later.closes} overlap on {on}",
            )


class DateHours(Value):
    """The hours of one date, in place of all others. Without hours it is closed on that date."""

    date: Day
    hours: Annotated[tuple[OpenHours, ...], Field(max_length=20)] = ()

    @field_validator("hours")
    @classmethod
    def _ensure_disjoint(cls, hours: tuple[OpenHours, ...]) -> tuple[OpenHours, ...]:
        _ensure_disjoint(hours, "this date")
        return hours


class Closure(Value):
    """Closed from the first day up to, but not including, the end."""

    start_date: Day
    end_date: Day
    reason: Line = ""

    @field_validator("end_date")
    @classmethod
    def _ensure_order(cls, end_date: date, info: ValidationInfo) -> date:
        if "start_date" in info.data and end_date <= info.data["start_date"]:
            raise validation_error("DATE_OUT_OF_RANGE", "not after the first day")
        return end_date


class Hours(Value):
    """When it is open, in the local time of its own zone.

    A closure is stronger than everything. An exception replaces all other hours of its date, also on a public holiday.
    If public holidays are observed, it is closed on them, and on a make-up workday the hours of `make_up_weekday` apply
    as well as those of the day itself: the notices do not say which weekday is made up for. The weekly hours apply on
    all other days.
    """

    time_zone: TimeZone
    weekly: Annotated[tuple[DayHours, ...], Field(max_length=70)] = ()
    exceptions: Annotated[tuple[DateHours, ...], Field(max_length=400)] = ()
    closures: Annotated[tuple[Closure, ...], Field(max_length=100)] = ()
    observes_holidays: bool = False
    #: Unset: a make-up workday is an ordinary Saturday or Sunday.
    make_up_weekday: Weekday | None = Weekday.MONDAY

    @field_validator("weekly")
    @classmethod
    def _ensure_weekly_disjoint(cls, weekly: tuple[DayHours, ...]) -> tuple[DayHours, ...]:
        for weekday in WEEKDAYS:
            _ensure_disjoint((hours for hours in weekly if hours.weekday is weekday), weekday)
        return weekly

    @field_validator("exceptions")
    @classmethod
    def _ensure_one_for_each_date(cls, exceptions: tuple[DateHours, ...]) -> tuple[DateHours, ...]:
        for earlier, later in pairwise(sorted(exceptions, key=lambda each: each.date)):
            if earlier.date == later.date:
                raise validation_error("HOURS_OVERLAP", f"{later.date} occurs twice; give its hours in one exception")
        return exceptions

    def open_intervals(self, within: Interval, work_calendar: WorkCalendar) -> tuple[Interval, ...]:
        """Return when it is open, clipped to the interval, sorted and joined where hours touch over midnight.

        A local time that a change of the clocks skips means the moment of the change, one that occurs twice the first.
        Where holidays are not published yet, only the weekly hours and the exceptions are known. ValueError for an
        interval of more than 400 days.
        """
        zone = ZoneInfo(self.time_zone)
        if within.end - within.start > timedelta(days=MAX_DAYS):
            raise ValueError(f"more than {MAX_DAYS} days")
        if within.is_empty:
            return ()
        day, last = local_day(within.start, zone), local_day(within.end - timedelta.resolution, zone)
        opened: list[Interval | None] = []
        while day <= last:
            for hours in self.on(day, work_calendar):
                start = instant_at(day, minutes_of(hours.opens), zone)
                end = instant_at(day, minutes_of(hours.closes), zone)
                opened.append(between(start, end).clip(within))
            day += ONE_DAY
        return merge(interval for interval in opened if interval)

    def on(self, day: date, work_calendar: WorkCalendar) -> tuple[OpenHours, ...]:
        """Return the hours of one day. On a make-up workday they may overlap."""
        if any(closure.start_date <= day < closure.end_date for closure in self.closures):
            return ()
        for exception in self.exceptions:
            if exception.date == day:
                return exception.hours
        if self.observes_holidays and work_calendar.holiday(day):
            return ()
        return tuple(self._weekly_on(day, work_calendar))

    def _weekly_on(self, day: date, work_calendar: WorkCalendar) -> Iterator[DayHours]:
        weekdays = {WEEKDAYS[day.weekday()]}
        if self.observes_holidays and self.make_up_weekday and work_calendar.is_make_up_day(day):
            weekdays.add(self.make_up_weekday)
        return (hours for hours in self.weekly if hours.weekday in weekdays)
