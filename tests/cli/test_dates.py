"""Days and instants as people write them."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.cli.dates import Today, calendar_error, parse_day, parse_instant
from libs.cli.errors import CliError

TODAY = Today(date(2026, 11, 25), ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-02-29", "February 2027 has 28 days"),
        ("2028-02-30", "February 2028 has 29 days"),
        ("1900-02-29", "February 1900 has 28 days"),
        ("2026-04-31", "April 2026 has 30 days"),
        ("2026-12-32", "December 2026 has 31 days"),
        ("2026-01-00", "there is no day 0"),
        ("2026-13-01", "there is no month 13"),
        ("2026-00-10", "there is no month 0"),
        ("0000-01-01", "there is no year 0"),
    ],
)
def test_a_day_that_does_not_exist_is_named(text: str, reason: str) -> None:
    """The message has the field, the day as it was written, and what is wrong with it."""
    with pytest.raises(CliError) as refused:
        parse_day(text, "space.end_date")
    assert str(refused.value) == f"space.end_date: {text} is not a day of the calendar: {reason}."


@given(st.dates())
def test_every_day_of_the_calendar_is_accepted(day: date) -> None:
    """Whatever day exists is read as itself."""
    assert parse_day(day.isoformat(), "day") == day
    assert calendar_error(day.isoformat()) == ""


@pytest.mark.parametrize("text", ["tomorrow", "", "2026-3-1", "20260301", "2026-W05-2", "2026-03-01T08:00", "today+1"])
def test_other_ways_to_write_a_day_are_refused(text: str) -> None:
    """One form is accepted, and the message shows it. Days relative to today need a day to count from."""
    with pytest.raises(CliError, match=r"^day must be a day such as 2026-03-31, not .*\.$"):
        parse_day(text, "day")


@pytest.mark.parametrize(
    ("text", "day"),
    [("today", date(2026, 11, 25)), ("today+30", date(2026, 12, 25)), ("today-420", date(2025, 10, 1))],
)
def test_days_relative_to_today(text: str, day: date) -> None:
    """`today+30` counts calendar days from the given day."""
    assert parse_day(text, "day", TODAY) == day


def test_instants() -> None:
    """An instant keeps the text it has; a relative one is in the city's time zone."""
    assert parse_instant("2026-03-01T08:00:00Z", "time") == "2026-03-01T08:00:00Z"
    assert parse_instant("today+3T09:30", "time", TODAY) == "2026-11-28T09:30:00+08:00"
    assert parse_instant("2026-11-28T09:30", "time", TODAY) == "2026-11-28T09:30:00+08:00"
    assert parse_instant("2026-11-28T09:30:15", "time", TODAY) == "2026-11-28T09:30:15+08:00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-02-29T08:00:00Z", "2027-02-29 is not a day of the calendar: February 2027 has 28 days"),
        ("today+3T24:00", "there is no time of day 24:00"),
        ("2026-11-28T25:00", "there is no time of day 25:00"),
    ],
)
def test_an_instant_that_does_not_exist_is_named(text: str, reason: str) -> None:
    """The day and the time of day of an instant are checked like a day."""
    with pytest.raises(CliError, match=f"^time: {reason}"):
        parse_instant(text, "time", TODAY)
