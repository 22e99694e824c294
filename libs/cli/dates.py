"""Days and instants as people write them, absolute or relative to a given day."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from libs.cli.errors import CliError

DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", re.ASCII)
RELATIVE = re.compile(r"today(?:([+-]\d{1,5}))?(?:T(\d{2}):(\d{2}))?", re.ASCII)


@dataclass(frozen=True)
class Today:
    """The day from which `today+30` counts, and the time zone of `today+30T09:00`."""

    day: date
    zone: ZoneInfo


def calendar_error(text: str) -> str:
    """Return why a text like 2027-02-29 is not a day of the calendar; empty when it is one."""
    match = DAY.match(text)
    if match is None:
        return ""
    year, month, day = (int(part) for part in match.groups())
    if year == 0:
        reason = "there is no year 0"
    elif not 1 <= month <= 12:
        reason = f"there is no month {month}"
    elif day == 0:
        reason = "there is no day 0"
    elif day > (length := calendar.monthrange(year, month)[1]):
        reason = f"{calendar.month_name[month]} {year} has {length} days"
    else:
        return ""
    return f"{match[0]} is not a day of the calendar: {reason}"


def parse_day(text: str, path: str, today: Today | None = None) -> date:
    """Return the day of a field's text. `today+30` needs a day to count from."""
    relative = RELATIVE.fullmatch(text)
    if today is not None and relative is not None and relative[2] is None:
        return today.day + timedelta(days=int(relative[1] or 0))
    if DAY.fullmatch(text) is None:
        raise CliError(f"{path} must be a day such as 2026-03-31, not {text!r}.")
    if wrong := calendar_error(text):
        raise CliError(f"{path}: {wrong}.")
    return date.fromisoformat(text)


def parse_instant(text: str, path: str, today: Today | None = None) -> str:
    """Return an instant in protobuf's JSON form. `today+3T09:00` and a time without a zone need a day and a zone."""
    relative = RELATIVE.fullmatch(text)
    if today is not None and relative is not None and relative[2] is not None:
        day = today.day + timedelta(days=int(relative[1] or 0))
        try:
            clock = time(int(relative[2]), int(relative[3]), tzinfo=today.zone)
        except ValueError:
            raise CliError(f"{path}: there is no time of day {relative[2]}:{relative[3]}.") from None
        return datetime.combine(day, clock).isoformat()
    if wrong := calendar_error(text):
        raise CliError(f"{path}: {wrong}.")
    if today is not None and LOCAL.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=today.zone).isoformat()
        except ValueError:
            raise CliError(f"{path}: there is no time of day {text[11:]}.") from None
    return text
