"""Series of appointments: their rules, and exceptions for single dates."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.calendar.interval import Interval
from libs.calendar.recurrence import MovedOccurrence, Recurrence
from libs.common.domain.errors import Invalid, Precondition
from tests.calendar.samples import DAY, HOUR, SHANGHAI, between, days, zones

EVER = Interval(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
MONDAYS = "FREQ=WEEKLY;BYDAY=MO;COUNT=4"


def series(rule: str = MONDAYS, start: str = "2026-11-30", at: str = "10:00", **fields: object) -> Recurrence:
    """Build a series of one hour, in Shanghai unless another zone is given."""
    values = {"start_date": start, "start_time": at, "minutes": 60, "time_zone": "Asia/Shanghai", **fields}
    return Recurrence.model_validate({"rule": rule, **values})


def starts(given_series: Recurrence, within: Interval = EVER) -> list[str]:
    """Return the local times of Shanghai at which occurrences start."""
    return [f"{each.start.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" for each in given_series.occurrences(within)]


# --- rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "start", "dates"),
    [
        ("FREQ=DAILY;COUNT=3", "2026-12-30", ["2026-12-30", "2026-12-31", "2027-01-01"]),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20261204", "2026-11-30", ["2026-11-30", "2026-12-02", "2026-12-04"]),
        ("FREQ=WEEKLY;COUNT=2", "2026-12-01", ["2026-12-01", "2026-12-08"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", "2026-11-30", ["2026-11-30", "2026-12-03", "2026-12-07"]),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO;COUNT=3",
            "2026-11-30",
            ["2026-11-30", "2026-12-06", "2026-12-14"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=3",
            "2026-11-30",
            ["2026-11-30", "2026-12-13", "2026-12-14"],
        ),
        ("FREQ=MONTHLY;BYDAY=1MO;COUNT=2", "2026-12-07", ["2026-12-07", "2027-01-04"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", "2026-12-25", ["2026-12-25", "2027-01-29"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2", "2027-01-31", ["2027-01-31", "2027-02-28"]),
        ("FREQ=MONTHLY;COUNT=2", "2027-01-31", ["2027-01-31", "2027-03-31"]),
        ("freq=weekly;count=1", "2026-12-01", ["2026-12-01"]),
    ],
)
def test_the_dates_of_a_rule(rule: str, start: str, dates: list[str]) -> None:
    """A rule means what RFC 5545 says; a month without the day has no occurrence."""
    given_series = series(rule, start)
    given_series.ensure_valid("series")
    assert [day.isoformat() for day in given_series.by_date()] == dates


@pytest.mark.parametrize(
    ("until", "count"),
    [("20261214", 3), ("20261213", 2), ("20261214T020000Z", 3), ("20261214T015959Z", 2)],
)
def test_the_end_of_a_rule_is_included(until: str, count: int) -> None:
    """A day means until its end in the zone of the series, an instant the last start."""
    assert len(series(f"FREQ=WEEKLY;UNTIL={until}").by_date()) == count


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("FREQ=WEEKLY", "RECURRENCE_UNBOUNDED"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20261214", "RECURRENCE_UNBOUNDED"),
        ("FREQ=DAILY;COUNT=501", "RECURRENCE_TOO_LONG"),
        ("COUNT=3", "MALFORMED"),
        ("FREQ=HOURLY;COUNT=3", "MALFORMED"),
        ("FREQ=YEARLY;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;COUNT=0", "MALFORMED"),
        ("FREQ=WEEKLY;COUNT=-1", "MALFORMED"),
        ("FREQ=WEEKLY;INTERVAL=0;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;BYDAY=1MO;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;BYMONTHDAY=3;COUNT=3", "MALFORMED"),
        ("FREQ=MONTHLY;BYDAY=6MO;COUNT=3", "MALFORMED"),
        ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3", "MALFORMED"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;BYHOUR=3;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;COUNT=3;COUNT=4", "MALFORMED"),
        ("FREQ=WEEKLY;COUNT=3;", "MALFORMED"),
        ("RRULE:FREQ=WEEKLY;COUNT=3", "MALFORMED"),
        ("FREQ=WEEKLY;UNTIL=20261332", "MALFORMED"),
        ("FREQ=WEEKLY;UNTIL=99991231", "MALFORMED"),
        ("FREQ=WEEKLY;UNTIL=20261214T250000Z", "MALFORMED"),
        ("FREQ=WEEKLY;UNTIL=20261214T100000", "MALFORMED"),
        ("", "MALFORMED"),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=" + ",".join(["MO"] * 80), "TOO_LONG"),
    ],
)
def test_a_rule_is_bounded_and_of_supported_parts(rule: str, reason: str) -> None:
    """What is unknown is refused, never ignored."""
    with pytest.raises(ValidationError) as error:
        series(rule)
    (violation,) = Invalid.of(error.value).violations
    assert (violation.field, violation.reason) == ("rule", reason)


@pytest.mark.parametrize(
    ("given_series", "field", "reason"),
    [
        (series("FREQ=DAILY;UNTIL=20290101"), "rule", "RECURRENCE_TOO_LONG"),
        (series("FREQ=WEEKLY;BYDAY=TU;COUNT=3"), "start_date", "MALFORMED"),
        (series("FREQ=WEEKLY;UNTIL=20261101"), "start_date", "MALFORMED"),
        (series("FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=3", "2027-02-28"), "start_date", "MALFORMED"),
        (series(start="2200-01-06"), "start_date", "DATE_OUT_OF_RANGE"),
        (series(at="24:00"), "start_time", "MALFORMED"),
    ],
)
def test_a_series_starts_with_an_occurrence_and_has_at_most_500(
    given_series: Recurrence, field: str, reason: str
) -> None:
    """The first date is one that the rule gives, so a count means what people expect."""
    with pytest.raises(Invalid) as refusal:
        given_series.ensure_valid("consultation.recurrence")
    (violation,) = refusal.value.violations
    assert (violation.field, violation.reason) == (f"consultation.recurrence.{field}", reason)


def test_the_longest_series_is_allowed() -> None:
    """500 occurrences, and not one more even if nobody validated it."""
    longest = series("FREQ=DAILY;COUNT=500")
    longest.ensure_valid("series")
    assert len(longest.by_date()) == 500
    assert len(series("FREQ=DAILY;UNTIL=20290101").by_date()) == 500


# --- local time -------------------------------------------------------------------------------


def test_a_series_keeps_its_local_time_over_a_change_of_the_clocks() -> None:
    """Weekly at 15:00 in New York is 04:00 in Shanghai before 14 March 2027 and 03:00 after it (case B14)."""
    weekly = series("FREQ=WEEKLY;COUNT=3", "2027-03-07", "15:00", time_zone="America/New_York")
    assert starts(weekly) == ["2027-03-08 04:00", "2027-03-15 03:00", "2027-03-22 03:00"]


def test_a_start_that_the_clocks_skip_or_repeat() -> None:
    """02:30 becomes 03:30 on 14 March 2027 in New York; 01:30 on 7 November means the first."""
    skipped = series("FREQ=DAILY;COUNT=2", "2027-03-14", "02:30", time_zone="America/New_York")
    assert [f"{each.start:%d %H:%M}" for each in skipped.occurrences(EVER)] == ["14 07:30", "15 06:30"]
    repeated = series("FREQ=DAILY;COUNT=2", "2027-11-07", "01:30", time_zone="America/New_York")
    assert [f"{each.start:%d %H:%M}" for each in repeated.occurrences(EVER)] == ["07 05:30", "08 06:30"]
    assert all(each.minutes == 60 for each in repeated.occurrences(EVER))


@given(
    days,
    st.integers(0, 95),
    st.integers(1, 4),
    st.integers(1, 30),
    st.sets(st.integers(0, 6), min_size=1),
    zones,
    st.integers(15, 600),
)
def test_a_weekly_series_agrees_with_a_search_day_by_day(
    day: date, quarter: int, interval: int, count: int, weekdays: set[int], zone: ZoneInfo, minutes: int
) -> None:
    """Occurrences are on the chosen weekdays of every so many weeks, at the local time, with their real length."""
    names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    chosen = weekdays | {day.weekday()}
    rule = f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(names[each] for each in sorted(chosen))};COUNT={count}"
    wall = time(quarter // 4, quarter % 4 * 15)
    given_series = series(rule, day.isoformat(), f"{wall:%H:%M}", time_zone=zone.key, minutes=minutes)
    given_series.ensure_valid("series")
    monday = day - timedelta(days=day.weekday())
    candidates = (day + DAY * number for number in range(7 * interval * (count + 1)))
    dates = [each for each in candidates if each.weekday() in chosen and (each - monday).days // 7 % interval == 0]
    expected = [datetime.combine(each, wall, zone).astimezone(UTC) for each in dates[:count]]
    found = given_series.occurrences(EVER)
    assert [each.start for each in found] == sorted(expected)
    assert all(each.end - each.start == timedelta(minutes=minutes) for each in found)


@given(days, zones, st.integers(0, 40), st.integers(1, 20))
def test_occurrences_are_those_that_overlap(day: date, zone: ZoneInfo, after: int, length: int) -> None:
    """Whoever looks at a part of the series sees each occurrence that touches it, in full."""
    given_series = series("FREQ=DAILY;COUNT=30", day.isoformat(), "20:00", time_zone=zone.key, minutes=480)
    begin = datetime.combine(day, time(), UTC) + after * DAY
    within = Interval(start=begin, end=begin + length * HOUR)
    assert list(given_series.occurrences(within)) == [
        each for each in given_series.occurrences(EVER) if each.overlaps(within)
    ]


# --- exceptions -------------------------------------------------------------------------------


def test_skipping_and_restoring_changes_only_that_date() -> None:
    """A skipped date that is added again leaves the rule and the other exceptions alone (case B16)."""
    holidays = series().skip(date(2026, 12, 7)).skip(date(2026, 12, 14))
    assert starts(holidays) == ["2026-11-30 10:00", "2026-12-21 10:00"]
    restored = holidays.restore(date(2026, 12, 7))
    assert starts(restored) == ["2026-11-30 10:00", "2026-12-07 10:00", "2026-12-21 10:00"]
    assert (restored.rule, restored.skipped) == (MONDAYS, (date(2026, 12, 14),))


def test_moving_changes_only_that_date() -> None:
    """A moved occurrence keeps its date in the rule, so it can be moved again, skipped or restored (case B16)."""
    monday, later = date(2026, 12, 7), between("2026-12-23 15:00", "2026-12-23 17:00")
    moved = series().skip(date(2026, 12, 14)).move(monday, later)
    assert starts(moved) == ["2026-11-30 10:00", "2026-12-21 10:00", "2026-12-23 15:00"]
    assert moved.by_date()[monday] == later
    assert starts(moved, later) == ["2026-12-23 15:00"]
    assert moved.occurrences(between("2026-12-07 00:00", "2026-12-08 00:00")) == ()
    again = moved.move(monday, between("2026-12-08 10:00", "2026-12-08 11:00"))
    assert starts(again) == ["2026-11-30 10:00", "2026-12-08 10:00", "2026-12-21 10:00"]
    assert starts(again.skip(monday)) == ["2026-11-30 10:00", "2026-12-21 10:00"]
    assert again.restore(monday) == series().skip(date(2026, 12, 14))
    assert again.skip(monday).move(monday, later) == moved


@given(st.lists(st.tuples(st.sampled_from(["skip", "restore", "move"]), st.integers(0, 9), st.integers(0, 9))))
def test_any_order_of_exceptions_leaves_other_dates_alone(commands: list[tuple[str, int, int]]) -> None:
    """The last command of a date decides about it, and about nothing else."""
    plain = series("FREQ=DAILY;COUNT=10")
    dates = list(plain.by_date())
    changed, expected = plain, dict(plain.by_date())
    for command, number, hours in commands:
        day = dates[number]
        later = plain.by_date()[day].expand(-hours * HOUR, hours * HOUR)
        if command == "skip":
            changed = changed.skip(day)
            expected.pop(day, None)
        elif command == "move":
            changed = changed.move(day, later)
            expected[day] = later
        else:
            changed = changed.restore(day)
            expected[day] = plain.by_date()[day]
        assert changed.by_date() == expected
    assert Recurrence.model_validate(changed.model_dump()) == changed


@pytest.mark.parametrize("day", [date(2026, 12, 8), date(2026, 11, 23), date(2026, 12, 28)])
def test_a_date_that_the_rule_does_not_give_has_no_exception(day: date) -> None:
    """A wrong date is refused instead of being kept without effect."""
    to = between("2026-12-23 15:00", "2026-12-23 17:00")
    changes: list[Callable[[], Recurrence]] = [
        lambda: series().skip(day),
        lambda: series().restore(day),
        lambda: series().move(day, to),
    ]
    for change in changes:
        with pytest.raises(Precondition) as refusal:
            change()
        assert (refusal.value.reason, refusal.value.metadata) == ("NOT_AN_OCCURRENCE", {"day": day.isoformat()})


def test_a_moved_occurrence_has_a_length() -> None:
    """Its end is after its start."""
    empty: dict[str, Any] = {"date": "2026-12-07", "start": EVER.start, "end": EVER.start}
    with pytest.raises(ValidationError) as error:
        MovedOccurrence.model_validate(empty)
    (violation,) = Invalid.of(error.value).violations
    assert (violation.field, violation.reason) == ("end", "DATE_OUT_OF_RANGE")
