"""Working days of mainland China: public holidays, and the weekends that are worked to make up for them.

The State Council's office publishes one notice for each year. `chinesecalendar` carries the notices up to its release;
a city's profile adds later ones and may replace earlier ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Self

import chinese_calendar
from pydantic import AfterValidator, Field, model_validator

from libs.common.domain.errors import Precondition
from libs.common.domain.profile import Section, Text, Words

ONE_DAY = timedelta(days=1)
#: The holidays that the law fixes to a date (全国年节及纪念日放假办法), as month and day.
FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))
#: The law has granted at least so many holidays in each year since 2008.
MIN_HOLIDAYS = 11
MAX_WORK_DAYS = 1000


def _has_notice_of_next_year(day: date) -> bool:
    """Whether the notice of the next year may change the day, as that of 2019 did with 29 to 31 December 2018."""
    return day.month == 12 and day.day >= 25


class Holiday(Section):
    """Days off in a row, the first and the last included, as notices word it. Weekends within belong to it."""

    name: Text
    first_day: date
    last_day: date

    @property
    def days(self) -> tuple[date, ...]:
        """All days of the holiday."""
        return tuple(self.first_day + ONE_DAY * number for number in range((self.last_day - self.first_day).days + 1))


class HolidayNotice(Section):
    """The notice of one year: its number or address, the holidays, and the weekend days that are worked."""

    source: Words
    holidays: tuple[Holiday, ...] = Field(strict=False)
    make_up_days: tuple[date, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _ensure_plausible(self) -> Self:
        days = [day for holiday in self.holidays for day in holiday.days]
        if any(holiday.last_day < holiday.first_day for holiday in self.holidays):
            raise ValueError("the last day of a holiday is before its first day")
        if twice := sorted({day for day in days if days.count(day) > 1} | set(days).intersection(self.make_up_days)):
            raise ValueError(f"{twice[0]} occurs twice")
        if weekdays := [day for day in self.make_up_days if day.weekday() < 5]:
            raise ValueError(f"{weekdays[0]} is not a Saturday or Sunday and is worked anyway")
        return self

    def ensure_complete(self, year: int) -> None:
        """Refuse days of other years, and a notice with fewer holidays than the law grants (ValueError)."""
        off = {day for holiday in self.holidays for day in holiday.days}
        foreign = sorted(day for day in off.union(self.make_up_days) if _year_of_notice(day, year) != year)
        if foreign:
            raise ValueError(f"{foreign[0]} does not belong to the notice of {year}")
        missing = [day for day in (date(year, month, number) for month, number in FIXED_HOLIDAYS) if day not in off]
        if missing or len(off) < MIN_HOLIDAYS:
            raise ValueError(f"the notice of {year} is incomplete: {missing[0] if missing else 'holidays'} missing")


def _year_of_notice(day: date, year: int) -> int:
    """Return the year whose notice names the day: the last days of December may be in that of the next year."""
    return year if _has_notice_of_next_year(day) and day.year == year - 1 else day.year


def _ensure_complete(years: dict[str, HolidayNotice]) -> dict[str, HolidayNotice]:
    for year, notice in years.items():
        notice.ensure_complete(int(year))
    return years


class HolidaysSection(Section):
    """The profile's `holidays.toml`: the notices that chinesecalendar does not have, or has wrong, by year.

    A year that is not listed is not published; there is no way to state that it has no holidays.
    """

    years: Annotated[
        dict[Annotated[str, Field(pattern=r"^20[0-9]{2}$")], HolidayNotice], AfterValidator(_ensure_complete)
    ] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked, as far as it is published."""

    _holidays: Mapping[date, Text]
    _make_up_days: frozenset[date]
    _years: frozenset[int]

    @classmethod
    def of(cls, section: HolidaysSection) -> Self:
        """Build from chinesecalendar and the profile. A notice of the profile replaces the one of the same year."""
        notices = {int(year): notice for year, notice in section.years.items()}
        replaced = frozenset(notices)
        holidays = {
            day: _name(name) for day, name in chinese_calendar.holidays.items() if not _is_replaced(day, replaced)
        }
        worked = {day for day in chinese_calendar.workdays if not _is_replaced(day, replaced)}
        published = {day.year for day in chinese_calendar.holidays}
        for _, notice in sorted(notices.items()):
            off = {day: holiday.name for holiday in notice.holidays for day in holiday.days}
            worked = worked.difference(off).union(notice.make_up_days)
            holidays = {day: name for day, name in (holidays | off).items() if day not in notice.make_up_days}
        return cls(holidays, frozenset(worked), frozenset(published | replaced))

    def holiday(self, day: date) -> Text | None:
        """Return the name of the public holiday to which the day belongs. An ordinary weekend belongs to none."""
        return self._holidays.get(day)

    def is_make_up_day(self, day: date) -> bool:
        """Whether the day is a Saturday or Sunday that is worked to make up for a holiday."""
        return day in self._make_up_days

    def is_work_day(self, day: date) -> bool:
        """Whether the day is worked. Where nothing is published: Monday to Friday; see `is_published`."""
        if day in self._holidays:
            return False
        return day in self._make_up_days or day.weekday() < 5

    def is_published(self, day: date) -> bool:
        """Whether it is known if the day is worked. The last week of December needs the notice of the next year."""
        return self._missing_year(day) is None

    def add_work_days(self, day: date, count: int) -> date:
        """Return the working day that is `count` working days after the day, which itself is not counted.

        A negative count goes back; 0 returns the day. Refuses when the answer depends on a year whose holidays are not
        published (CALENDAR_NOT_PUBLISHED).
        """
        if abs(count) > MAX_WORK_DAYS:
            raise ValueError(f"more than {MAX_WORK_DAYS} working days")
        step = ONE_DAY if count > 0 else -ONE_DAY
        for _ in range(abs(count)):
            day += step
            while not self._is_known_work_day(day):
                day += step
        return day

    def _is_known_work_day(self, day: date) -> bool:
        if (year := self._missing_year(day)) is not None:
            raise Precondition(
                "CALENDAR_NOT_PUBLISHED", f"the public holidays of {year} are not published yet", year=year, day=day
            )
        return self.is_work_day(day)

    def _missing_year(self, day: date) -> int | None:
        """Return the first year whose notice is needed for the day and is not there."""
        needed = (day.year, day.year + 1) if _has_notice_of_next_year(day) else (day.year,)
        return next((year for year in needed if year not in self._years), None)


def _is_replaced(day: date, years: frozenset[int]) -> bool:
    """Whether the profile replaces what chinesecalendar knows of the day.

    The end of December is kept: a notice lists it where it changes it, and the one of the next year may be the source.
    """
    return day.year in years and not _has_notice_of_next_year(day)


def _name(english: str) -> Text:
    return Text(zh=chinese_calendar.Holiday(english).chinese, en=english)
