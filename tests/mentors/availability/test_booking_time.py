"""The time of a booking: within hours, by the rules, never twice; refusals name what is in the way and what is free."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.interval import Interval
from libs.calendar.page import Entry, Pages
from libs.calendar.rules import BookingRules
from libs.common.domain.errors import Invalid, Precondition, Refusal, Taken
from services.mentors.domain.availability import Availability, occupy
from tests.mentors.availability.samples import CITY_HOURS, at, availability, between, booked, entry, pages_for

NOW = at("2026-11-30 08:00")
MORNING = booked(("2026-12-01 10:00", "2026-12-01 11:45"))


def book(
    time: Interval, entries: tuple[Entry, ...] = (), hours: Availability | None = None, now: datetime = NOW
) -> Pages:
    """Book a time beside other entries."""
    return occupy(pages_for(time, entries), entry(time), hours or availability(), CITY_HOURS, now=now)


def refusal(
    time: Interval, entries: tuple[Entry, ...] = (), hours: Availability | None = None, now: datetime = NOW
) -> Refusal:
    """Return the refusal of a booking."""
    with pytest.raises(Refusal) as refused:
        book(time, entries, hours, now)
    return refused.value


def test_a_free_time_is_occupied() -> None:
    """A booking stands on the mentor's calendar with its holder, its startup and its time."""
    time = between("2026-12-01 10:00", "2026-12-01 11:00")
    assert book(time).entries == (entry(time),)


def test_a_taken_time_names_what_is_in_the_way_and_what_is_free() -> None:
    """A wish at 11:00 beside a booking from 10:00 to 11:45 is refused; the next free start is 11:45, not 12:00."""
    refused = refusal(between("2026-12-01 11:00", "2026-12-01 11:30"), MORNING)
    assert isinstance(refused, Taken)
    assert (refused.reason, refused.metadata) == (
        "TIME_TAKEN",
        {
            "taken_start": "2026-12-01T02:00:00Z",
            "taken_end": "2026-12-01T03:45:00Z",
            "next_free": "2026-12-01T03:45:00Z,2026-12-01T04:00:00Z,2026-12-01T04:15:00Z",
        },
    )


def test_the_next_free_time_may_be_on_another_day() -> None:
    """When the rest of the day is taken, the slots of the next open day are named."""
    taken = booked(("2026-12-01 09:00", "2026-12-01 18:00"))
    refused = refusal(between("2026-12-01 17:00", "2026-12-01 18:00"), taken)
    assert refused.metadata["next_free"].split(",")[0] == "2026-12-02T01:00:00Z"


def test_nothing_is_named_when_nothing_is_free_soon() -> None:
    """Two weeks without an hour of that length leave `next_free` empty."""
    hours = availability("09:00", "09:30")
    refused = refusal(between("2026-12-01 09:00", "2026-12-01 10:00"), hours=hours)
    assert (refused.reason, refused.metadata) == ("OUTSIDE_HOURS", {"next_free": ""})


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-01 08:45", "2026-12-01 09:15"),
        ("2026-12-01 17:45", "2026-12-01 18:15"),
        ("2026-12-01 20:00", "2026-12-01 21:00"),
    ],
)
def test_a_time_outside_the_hours_names_the_next_free_ones(start: str, end: str) -> None:
    """Also a time of which only a part is outside is refused, with free slots that start later."""
    refused = refusal(between(start, end), MORNING)
    assert isinstance(refused, Precondition)
    assert refused.reason == "OUTSIDE_HOURS"
    starts = [datetime.fromisoformat(each) for each in refused.metadata["next_free"].split(",")]
    assert len(starts) == 3
    assert min(starts) >= at(start)


def test_a_public_holiday_is_outside_the_hours() -> None:
    """On the National Day a mentor with office hours cannot be booked; on the make-up workday after it they can."""
    hours, now = Availability.default("mentors/m1", CITY_HOURS), at("2026-09-28 08:00")
    refused = refusal(between("2026-10-01 10:00", "2026-10-01 11:00"), hours=hours, now=now)
    assert refused.reason == "OUTSIDE_HOURS"
    assert refused.metadata["next_free"].startswith("2026-10-08T01:00:00Z")
    assert book(between("2026-10-10 10:00", "2026-10-10 11:00"), hours=hours, now=now).entries


def test_a_moved_booking_may_overlap_its_old_time() -> None:
    """The time that a booking gives up is free for it, also among the slots that a refusal names."""
    time = between("2026-12-01 11:00", "2026-12-01 12:30")
    moved = occupy(pages_for(time, MORNING), entry(time, "consultations/c0"), availability(), CITY_HOURS, now=NOW)
    assert moved.entries == (entry(time, "consultations/c0"),)


def test_the_rules_come_first() -> None:
    """A time that the rules do not allow is refused for that, at its fields."""
    with pytest.raises(Invalid) as refused:
        book(between("2026-12-01 10:05", "2026-12-01 10:20"))
    assert [(each.field, each.reason) for each in refused.value.violations] == [("start_time", "NOT_ON_A_BLOCK")]
    assert refusal(between("2026-11-29 10:00", "2026-11-29 11:00")).reason == "TOO_SHORT_NOTICE"


def test_a_gap_belongs_to_a_booking() -> None:
    """A mentor who needs half an hour between two bookings is not booked right after one."""
    hours = availability(rules=BookingRules(block_minutes=15, gap_minutes=30))
    refused = refusal(between("2026-12-01 12:00", "2026-12-01 13:00"), MORNING, hours)
    assert refused.reason == "TIME_TAKEN"
    assert refused.metadata["next_free"].startswith("2026-12-01T04:15:00Z")


def test_a_startup_has_so_many_minutes_a_day() -> None:
    """The minutes of one startup on one day are limited by the rules; those of another startup do not count."""
    hours = availability(rules=BookingRules(block_minutes=15, max_minutes_per_person_day=120))
    own = booked(("2026-12-01 10:00", "2026-12-01 11:30"), person="startups/a2")
    refused = refusal(between("2026-12-01 14:00", "2026-12-01 15:00"), own, hours)
    assert (refused.reason, refused.metadata["used_minutes"]) == ("HOURS_USED_UP", "90")
    assert book(between("2026-12-01 14:00", "2026-12-01 15:00"), MORNING, hours).entries


quarters = st.integers(0, 4 * 24 * 10)


@given(st.lists(st.tuples(quarters, st.integers(1, 12)), max_size=12))
def test_what_a_refusal_names_can_be_booked(wishes: list[tuple[int, int]]) -> None:
    """Whatever was booked before: a time is booked or refused, and every slot that a refusal names is then accepted.

    No two bookings overlap.
    """
    entries: tuple[Entry, ...] = ()
    for number, (start, length) in enumerate(wishes):
        time = Interval.lasting(at("2026-12-01 00:00") + timedelta(minutes=15 * start), 15 * length)
        wish = entry(time, f"consultations/c{number}")
        named = named_when_refused(time, wish, entries)
        if named is None:
            assert not any(each.interval.overlaps(time) for each in entries)
            entries = (*entries, wish)
        for slot in named or ():
            assert slot >= time.start
            assert book(Interval.lasting(slot, 15 * length), entries).entries


def named_when_refused(time: Interval, wish: Entry, entries: tuple[Entry, ...]) -> list[datetime] | None:
    """Return the free starts that the refusal of a wish names; None if it is booked."""
    try:
        assert wish in occupy(pages_for(time, entries), wish, availability(), CITY_HOURS, now=NOW).entries
    except (Taken, Precondition) as refused:
        return [datetime.fromisoformat(text) for text in refused.metadata["next_free"].split(",") if text]
    return None
