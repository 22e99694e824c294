"""Series of appointments: a rule of RFC 5545, computed on local time, with exceptions for single dates."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from dateutil import rrule
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from libs.calendar.hours import TimeZone, WallTime, minutes_of
from libs.calendar.interval import FIRST_INSTANT, LAST_INSTANT, Instant, Interval
from libs.calendar.rules import MINUTES_A_WEEK
from libs.common.domain.dates import Day
from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid, Precondition, validation_error

#: A series has at most so many occurrences.
MAX_OCCURRENCES = 500
_FREQUENCIES: Mapping[str, Literal[1, 2, 3]] = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}
_WEEKDAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), rrule.weekdays, strict=True))
_WEEKDAY = f"(?:{'|'.join(_WEEKDAYS)})"
_NTH_WEEKDAY = f"(?:-?[1-5])?{_WEEKDAY}"
_DAY_OF_MONTH = "-?(?:[12][0-9]|3[01]|[1-9])"
_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY"),
    "INTERVAL": re.compile("[1-9][0-9]?"),
    "COUNT": re.compile("[1-9][0-9]{0,3}"),
    "UNTIL": re.compile("[0-9]{8}(?:T[0-9]{6}Z)?"),
    "WKST": re.compile(_WEEKDAY),
    "BYDAY": re.compile(f"{_NTH_WEEKDAY}(?:,{_NTH_WEEKDAY})*"),
    "BYMONTHDAY": re.compile(f"{_DAY_OF_MONTH}(?:,{_DAY_OF_MONTH})*"),
}


def _parts(rule: str) -> dict[str, str]:
    """Split a rule into its parts. Refuses what is not supported (MALFORMED)."""
    parts: dict[str, str] = {}
    for text in rule.split(";"):
        name, _, value = text.partition("=")
        if name not in _PARTS or not _PARTS[name].fullmatch(value):
            raise validation_error("MALFORMED", f"{text!r} is not supported; possible are {', '.join(_PARTS)}")
        if name in parts:
            raise validation_error("MALFORMED", f"{name} occurs twice")
        parts[name] = value
    return parts


def _bounded_rule(text: str) -> str:
    """Check a rule and return it in upper case."""
    rule = text.upper()
    parts = _parts(rule)
    if "FREQ" not in parts:
        raise validation_error("MALFORMED", "FREQ is missing")
    if parts["FREQ"] != "MONTHLY" and ("BYMONTHDAY" in parts or re.search("[0-9]", parts.get("BYDAY", ""))):
        raise validation_error("MALFORMED", "days of the month need FREQ=MONTHLY")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise validation_error("RECURRENCE_UNBOUNDED", "give either COUNT or UNTIL")
    if int(parts.get("COUNT", 0)) > MAX_OCCURRENCES:
        raise validation_error("RECURRENCE_TOO_LONG", f"more than {MAX_OCCURRENCES} occurrences")
    if "UNTIL" in parts:
        _ensure_within_years(parts["UNTIL"])
    return rule


def _ensure_within_years(until: str) -> None:
    try:
        is_possible = FIRST_INSTANT <= _last_start(until, UTC) < LAST_INSTANT
    except (ValueError, OverflowError):
        is_possible = False
    if not is_possible:
        raise validation_error("MALFORMED", f"UNTIL={until} is not a day or a time of the years 1970 to 2199")


def _last_start(until: str, zone: tzinfo) -> datetime:
    """Return the last instant at which an occurrence may start. A day means until its end in the zone."""
    if "T" in until:
        return datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    day = datetime.strptime(until, "%Y%m%d").replace(tzinfo=zone)
    return (day + timedelta(days=1)).astimezone(UTC) - timedelta.resolution


def _nth_weekday(text: str) -> rrule.weekday:
    """Read `FR`, `1MO` or `-1SU`."""
    day, number = _WEEKDAYS[text[-2:]], text[:-2]
    return day(int(number)) if number else day


#: An RRULE without its name, such as `FREQ=WEEKLY;BYDAY=MO,WE;COUNT=12`. The parts FREQ (DAILY, WEEKLY, MONTHLY),
#: INTERVAL, BYDAY, BYMONTHDAY and WKST are supported, and either COUNT or UNTIL is needed. Unlike in RFC 5545, UNTIL
#: may be a local day, which is included.
Rule = Annotated[str, StringConstraints(max_length=200), AfterValidator(_bounded_rule)]


class MovedOccurrence(Value):
    """The occurrence of a date takes place at another time."""

    date: Day
    start: Instant
    end: Instant

    @field_validator("end")
    @classmethod
    def _ensure_order(cls, end: datetime, info: ValidationInfo) -> datetime:
        if "start" in info.data and end <= info.data["start"]:
            raise validation_error("DATE_OUT_OF_RANGE", "not after the start")
        return end


class Recurrence(Value):
    """A series, at most one occurrence a day, at the same local time all year round.

    Occurrences are known by their date in the rule; a date that is skipped has none, and one that is moved keeps its
    date. As RFC 5545 has it, a start that a change of the clocks skips is read with the offset before the change, and
    one that occurs twice means the first.
    """

    rule: Rule
    start_date: Day
    start_time: WallTime
    minutes: Annotated[int, Field(ge=1, le=MINUTES_A_WEEK)]
    time_zone: TimeZone
    skipped: Annotated[tuple[Day, ...], Field(max_length=MAX_OCCURRENCES)] = ()
    moved: Annotated[tuple[MovedOccurrence, ...], Field(max_length=MAX_OCCURRENCES)] = ()

    def ensure_valid(self, path: str) -> None:
        """Refuse a first date that the rule does not give, and more than 500 occurrences.

        MALFORMED, DATE_OUT_OF_RANGE and RECURRENCE_TOO_LONG at the fields below `path`.
        """
        if not FIRST_INSTANT.date() < self.start_date < LAST_INSTANT.date():
            raise Invalid.field(f"{path}.start_date", "DATE_OUT_OF_RANGE", "not within the years 1970 to 2199")
        if self.start_time == "24:00":
            raise Invalid.field(f"{path}.start_time", "MALFORMED", "give 00:00 of the next day")
        dates = tuple(islice(self._dates(), MAX_OCCURRENCES + 1))
        if dates[:1] != (self.start_date,):
            raise Invalid.field(f"{path}.start_date", "MALFORMED", "not a date that the rule gives")
        if len(dates) > MAX_OCCURRENCES:
            raise Invalid.field(f"{path}.rule", "RECURRENCE_TOO_LONG", f"more than {MAX_OCCURRENCES} occurrences")

    def occurrences(self, within: Interval) -> tuple[Interval, ...]:
        """Return the occurrences that overlap the interval, with their full length, sorted by start."""
        found = (interval for interval in self.by_date().values() if interval.overlaps(within))
        return tuple(sorted(found, key=lambda each: each.start))

    def by_date(self) -> Mapping[date, Interval]:
        """Return all occurrences by their date in the rule."""
        moved = {each.date: Interval(start=each.start, end=each.end) for each in self.moved}
        dates = islice(self._dates(), MAX_OCCURRENCES)
        return {day: moved.get(day) or self._planned(day) for day in dates if day not in self.skipped}

    def skip(self, day: date) -> Self:
        """Cancel the occurrence of a date (NOT_AN_OCCURRENCE)."""
        self._ensure_occurrence(day)
        return self._with_exceptions(skipped={*self.skipped, day}, moved=self._moved_except(day))

    def restore(self, day: date) -> Self:
        """Give a date that was skipped or moved its occurrence by the rule again (NOT_AN_OCCURRENCE)."""
        self._ensure_occurrence(day)
        return self._with_exceptions(skipped={*self.skipped} - {day}, moved=self._moved_except(day))

    def move(self, day: date, to: Interval) -> Self:
        """Hold the occurrence of a date at another time, also if it was skipped or moved (NOT_AN_OCCURRENCE)."""
        self._ensure_occurrence(day)
        moved = (*self._moved_except(day), MovedOccurrence(date=day, start=to.start, end=to.end))
        return self._with_exceptions(skipped={*self.skipped} - {day}, moved=moved)

    def _with_exceptions(self, *, skipped: set[date], moved: tuple[MovedOccurrence, ...]) -> Self:
        """Copy the series with other exceptions."""
        by_date = tuple(sorted(moved, key=lambda each: each.date))
        return self.model_copy(update={"skipped": tuple(sorted(skipped)), "moved": by_date})

    def _moved_except(self, day: date) -> tuple[MovedOccurrence, ...]:
        return tuple(each for each in self.moved if each.date != day)

    def _ensure_occurrence(self, day: date) -> None:
        if day not in islice(self._dates(), MAX_OCCURRENCES):
            raise Precondition("NOT_AN_OCCURRENCE", f"the series has no occurrence on {day}", day=day)

    def _planned(self, day: date) -> Interval:
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes_of(self.start_time))
        return Interval.lasting(wall.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC), self.minutes)

    def _dates(self) -> Iterator[date]:
        """Yield the dates that the rule gives."""
        parts = _parts(self.rule)
        last = _last_start(parts["UNTIL"], ZoneInfo(self.time_zone)) if "UNTIL" in parts else LAST_INSTANT
        days = rrule.rrule(
            _FREQUENCIES[parts["FREQ"]],
            dtstart=datetime.combine(self.start_date, time()),
            interval=int(parts.get("INTERVAL", 1)),
            wkst=_WEEKDAYS[parts.get("WKST", "MO")],
            byweekday=[_nth_weekday(text) for text in parts["BYDAY"].split(",")] if "BYDAY" in parts else None,
            bymonthday=[int(text) for text in parts["BYMONTHDAY"].split(",")] if "BYMONTHDAY" in parts else None,
            until=last.replace(tzinfo=None) + timedelta(days=1),
        )
        for moment in islice(days, int(parts["COUNT"]) if "COUNT" in parts else None):
            if self._planned(moment.date()).start <= last:
                yield moment.date()
