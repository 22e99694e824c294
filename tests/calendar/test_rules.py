"""The rules of bookings: blocks, lengths, notice and horizon."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.calendar.interval import Interval
from libs.calendar.rules import BookingRules, ensure_allowed, is_on_block, next_block
from libs.common.domain.errors import Invalid, Precondition
from tests.calendar.samples import DAY, MINUTE, NEW_YORK, SHANGHAI, between, days, shanghai, zones

NOW = shanghai("2026-12-01 09:10")
HALF_HOURS = BookingRules(
    block_minutes=30, min_minutes=30, max_minutes=120, notice_minutes=60, horizon_days=14, gap_minutes=15
)


def allow(start: str, end: str, rules: BookingRules = HALF_HOURS, path: str = "") -> None:
    """Check a booking of local times at NOW."""
    ensure_allowed(between(start, end), rules, now=NOW, zone=SHANGHAI, path=path)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-01 10:30", "2026-12-01 11:00"),  # the first block after the notice, and the shortest
        ("2026-12-01 23:30", "2026-12-02 01:30"),  # over midnight, and the longest
        ("2026-12-15 23:30", "2026-12-16 00:00"),  # the last start within the horizon
    ],
)
def test_limits_themselves_are_allowed(start: str, end: str) -> None:
    """A booking exactly at a limit keeps the rules."""
    allow(start, end)


@pytest.mark.parametrize(
    ("start", "end", "field", "reason", "limit"),
    [
        ("2026-12-02 10:10", "2026-12-02 10:40", "start_time", "NOT_ON_A_BLOCK", "30 minutes after midnight"),
        ("2026-12-02 10:00", "2026-12-02 10:40", "end_time", "NOT_ON_A_BLOCK", "30 minutes after the start"),
        ("2026-12-02 10:00", "2026-12-02 10:15", "end_time", "DURATION_TOO_SHORT", "30 minutes"),
        ("2026-12-02 10:00", "2026-12-02 10:00", "end_time", "DURATION_TOO_SHORT", "30 minutes"),
        ("2026-12-02 10:00", "2026-12-02 12:30", "end_time", "DURATION_TOO_LONG", "120 minutes"),
    ],
)
def test_the_form_of_a_booking_is_refused_at_its_field(
    start: str, end: str, field: str, reason: str, limit: str
) -> None:
    """The request is invalid whatever the time is; the description states the limit."""
    with pytest.raises(Invalid) as refusal:
        allow(start, end, path="booking")
    (violation,) = refusal.value.violations
    assert (violation.field, violation.reason) == (f"booking.{field}", reason)
    assert limit in violation.description
    with pytest.raises(Invalid) as refusal:
        allow(start, end)
    assert refusal.value.violations[0].field == field


@pytest.mark.parametrize(
    ("start", "end", "reason", "metadata"),
    [
        (
            "2026-12-01 10:00",
            "2026-12-01 10:30",
            "TOO_SHORT_NOTICE",
            {"notice_minutes": "60", "first_start": "2026-12-01T02:10:00Z"},
        ),
        ("2026-12-16 00:00", "2026-12-16 00:30", "BEYOND_HORIZON", {"horizon_days": "14", "last_day": "2026-12-15"}),
    ],
)
def test_a_booking_too_early_or_too_late_is_refused_with_the_limit(
    start: str, end: str, reason: str, metadata: dict[str, str]
) -> None:
    """The notice counts from now in minutes, the horizon in local days from today."""
    with pytest.raises(Precondition) as refusal:
        allow(start, end)
    assert (refusal.value.reason, refusal.value.metadata) == (reason, metadata)


def test_without_limits_anything_in_the_future_is_allowed() -> None:
    """0 means no limit, but nothing is booked in the past (TOO_SHORT_NOTICE)."""
    allow("2026-12-01 09:10", "2026-12-08 09:10", BookingRules())
    allow("2199-01-01 00:00", "2199-01-01 00:01", BookingRules())
    with pytest.raises(Precondition) as refusal:
        allow("2026-12-01 09:09", "2026-12-01 09:30", BookingRules())
    assert refusal.value.reason == "TOO_SHORT_NOTICE"


def test_blocks_are_counted_on_the_local_clock() -> None:
    """A block of two hours starts at even hours in New York, on both sides of the change in March."""
    rules = BookingRules(block_minutes=120)
    for day in (date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)):
        start = datetime.combine(day, time(16), NEW_YORK).astimezone(UTC)
        ensure_allowed(Interval.lasting(start, 120), rules, now=NOW - 365 * DAY, zone=NEW_YORK)


@given(days, st.integers(0, 3000), st.sampled_from([1, 5, 15, 20, 25, 30, 60, 90, 120, 480, 1440]), zones)
def test_the_next_block_is_the_first_boundary(day: date, minute: int, block: int, zone: ZoneInfo) -> None:
    """No boundary lies between an instant and the next block, in any zone and over changes of the clocks."""
    instant = datetime.combine(day, time(), UTC) + minute * MINUTE
    expected = instant
    while not is_on_block(expected, block, zone):
        expected += MINUTE
    assert next_block(instant, block, zone) == expected


def test_a_block_starts_on_the_whole_minute() -> None:
    """Seconds and milliseconds after a boundary are after it."""
    late = shanghai("2026-12-01 10:00") + timedelta(milliseconds=1)
    assert not is_on_block(late, 30, SHANGHAI)
    assert next_block(late, 30, SHANGHAI) == shanghai("2026-12-01 10:30")


@pytest.mark.parametrize(
    "values",
    [
        {"block_minutes": 0},
        {"max_overlap": 0},
        {"gap_minutes": -1},
        {"min_minutes": 60, "max_minutes": 30},
        {"block_minutes": 60, "max_minutes": 30},
        {"gap": 15},
        {"block_minutes": "30"},
    ],
)
def test_rules_that_cannot_be_kept_or_are_misspelt_are_refused(values: dict[str, object]) -> None:
    """A profile with impossible or unknown rules does not load."""
    with pytest.raises(ValidationError):
        BookingRules.model_validate(values)


def test_the_shortest_booking_may_be_the_longest() -> None:
    """Every booking may have the same length."""
    rules = BookingRules(block_minutes=30, min_minutes=30, max_minutes=30)
    assert [minutes for minutes in (0, 15, 30, 60) if rules.allows_length(minutes)] == [30]
