"""Free slots: exactly the times that a request would be granted."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.interval import Interval
from libs.calendar.page import Entry
from libs.calendar.rules import BookingRules
from libs.common.domain.errors import Invalid, Refusal
from services.mentors.domain import mentor as mentors
from services.mentors.domain.availability import Availability, occupy
from services.mentors.domain.free_slots import (
    ListFreeSlots,
    SearchFreeSlots,
    ensure_length,
    find,
    pages_to_search,
    shortest,
)
from services.mentors.domain.mentor import Mentor
from tests.mentors.availability.samples import (
    CITY_HOURS,
    M1,
    NEW_YORK,
    at,
    availability,
    between,
    booked,
    entry,
    pages,
    pages_for,
)
from tests.mentors.samples import mentor, term

NOW = at("2026-11-30 08:00")


def starts(
    within: Interval,
    entries: tuple[Entry, ...] = (),
    *,
    whose: Mentor | None = None,
    hours: Availability | None = None,
    minutes: int = 60,
    limit: int = 200,
) -> list[datetime]:
    """Return the starts of the free slots in a period."""
    names = pages_to_search(M1, within, CITY_HOURS)
    found = find(
        whose or mentor(),
        hours or availability(),
        dict(zip(names, pages(names, entries), strict=True)),
        within,
        CITY_HOURS,
        minutes=minutes,
        limit=limit,
        now=NOW,
    )
    assert all(slot.end_time - slot.start_time == timedelta(minutes=found.minutes) for slot in found.slots)
    return [slot.start_time for slot in found.slots]


def test_slots_are_cut_from_free_time() -> None:
    """Beside a booking from 10:00 to 11:45, hours are free from 9:00 and again from 11:45 on, not from a fixed grid."""
    within, taken = between("2026-12-01 09:00", "2026-12-01 13:15"), booked(("2026-12-01 10:00", "2026-12-01 11:45"))
    assert starts(within, taken) == [
        at("2026-12-01 09:00"),
        at("2026-12-01 11:45"),
        at("2026-12-01 12:00"),
        at("2026-12-01 12:15"),
    ]


def test_slots_lie_within_the_period() -> None:
    """A slot neither starts before the period nor ends after it."""
    assert starts(between("2026-12-01 09:20", "2026-12-01 10:30")) == [at("2026-12-01 09:30")]


@pytest.mark.parametrize("state", [state for state in mentors.State if state is not mentors.State.APPOINTED])
def test_only_appointed_mentors_have_slots(state: mentors.State) -> None:
    """Nobody else can be booked."""
    assert starts(between("2026-12-01 09:00", "2026-12-02 09:00"), whose=mentor(state=state)) == []


def test_slots_are_on_days_with_a_valid_appointment() -> None:
    """A term that ends on 3 December has slots until the evening of the 2nd."""
    until = mentor([term(end=9)])
    assert max(starts(between("2026-12-01 00:00", "2026-12-09 00:00"), whose=until)) == at("2026-12-02 17:00")


def test_the_shortest_length_is_the_default() -> None:
    """Without a length, slots have the shortest that the rules allow: whole blocks, at least the minimum."""
    hours = availability(rules=BookingRules(block_minutes=20, min_minutes=30))
    found = starts(between("2026-12-01 09:00", "2026-12-01 10:00"), hours=hours, minutes=0)
    assert shortest(hours.rules) == 40
    assert found == [at("2026-12-01 09:00"), at("2026-12-01 09:20")]


@pytest.mark.parametrize(
    ("minutes", "reason"), [(15, "DURATION_TOO_SHORT"), (40, "NOT_ON_A_BLOCK"), (150, "DURATION_TOO_LONG")]
)
def test_a_length_that_the_rules_do_not_allow_is_refused(minutes: int, reason: str) -> None:
    """The refusal says which rule it breaks."""
    with pytest.raises(Invalid) as refused:
        ensure_length(minutes, BookingRules(block_minutes=30, min_minutes=30, max_minutes=120))
    assert [(each.field, each.reason) for each in refused.value.violations] == [("minutes", reason)]


def test_a_mentor_abroad_is_free_at_night() -> None:
    """Weekly at 15:00 in New York, seen from Jilin over the change of 14 March 2027: at 04:00, then at 03:00."""
    hours = availability("15:00", "16:00", time_zone=NEW_YORK.key)
    assert starts(between("2027-03-13 00:00", "2027-03-16 12:00"), hours=hours) == [
        at("2027-03-13 04:00"),
        at("2027-03-14 04:00"),
        at("2027-03-15 03:00"),
        at("2027-03-16 03:00"),
    ]


def test_no_slot_on_a_public_holiday() -> None:
    """The first days of 2026: a mentor with office hours is away until 3 January, and there on Sunday the 4th."""
    hours = Availability.default(M1, CITY_HOURS).open_intervals(
        between("2026-01-01 00:00", "2026-01-05 00:00"), CITY_HOURS
    )
    assert {each.start.astimezone(CITY_HOURS.zone).day for each in hours} == {4}


def test_few_slots_are_the_first_of_many() -> None:
    """A search for some slots finds the first of those that a list has, whether they are soon or late."""
    within = between("2026-12-01 00:00", "2026-12-15 00:00")
    late = booked(*((f"2026-12-{day:02} 00:00", f"2026-12-{day + 1:02} 00:00") for day in range(1, 10)))
    for entries in ((), late[:2], late):
        every = starts(within, entries)
        for limit in (1, 3, 10):
            assert starts(within, entries, limit=limit) == every[:limit]


def test_the_period_of_a_query() -> None:
    """Two weeks from now, unless it is given; at most 31 days, and never empty."""
    assert ListFreeSlots(mentor=M1).within(NOW) == Interval(start=NOW, end=NOW + timedelta(days=14))
    later = at("2026-12-05 00:00")
    assert SearchFreeSlots(start_time=later).within(NOW) == Interval(start=later, end=later + timedelta(days=14))
    for end in (later, later + timedelta(days=31, minutes=1)):
        with pytest.raises(Invalid) as refused:
            ListFreeSlots(mentor=M1, start_time=later, end_time=end).within(NOW)
        assert [(each.field, each.reason) for each in refused.value.violations] == [("end_time", "DATE_OUT_OF_RANGE")]


def test_two_weeks_are_on_few_pages() -> None:
    """Three pages hold two weeks, four at most with the gaps at their ends."""
    assert len(pages_to_search(M1, between("2026-12-02 09:00", "2026-12-16 09:00"), CITY_HOURS)) == 3
    assert len(pages_to_search(M1, between("2026-12-06 09:00", "2026-12-20 09:00"), CITY_HOURS)) == 4


quarters = st.integers(0, 4 * 24 * 3)
RULES = st.builds(
    BookingRules,
    block_minutes=st.sampled_from([15, 30, 45, 60]),
    gap_minutes=st.sampled_from([0, 10, 30]),
    notice_minutes=st.sampled_from([0, 24 * 60 + 7]),
    horizon_days=st.sampled_from([0, 2]),
)


@given(st.lists(st.tuples(quarters, st.integers(1, 8)), max_size=6), RULES, st.sampled_from([1, 2]))
def test_slots_are_exactly_what_can_be_booked(times: list[tuple[int, int]], rules: BookingRules, blocks: int) -> None:
    """A quarter of an hour at which a request would be granted is the start of a slot, and no other."""
    origin, hours, minutes = at("2026-12-01 00:00"), availability(rules=rules), blocks * rules.block_minutes
    taken: tuple[Entry, ...] = ()
    for number, (start, length) in enumerate(times):
        time = Interval.lasting(origin + timedelta(minutes=15 * start), 15 * length)
        if not any(each.interval.overlaps(time) for each in taken):
            taken = (*taken, entry(time, f"consultations/c{number}"))
    within = Interval(start=origin, end=origin + timedelta(days=2))
    candidates = [origin + timedelta(minutes=15 * number) for number in range(4 * 48)]
    wished = [Interval.lasting(start, minutes) for start in candidates]
    assert starts(within, taken, hours=hours, minutes=minutes) == [
        each.start for each in wished if within.contains(each) and is_granted(each, taken, hours)
    ]


def is_granted(time: Interval, taken: tuple[Entry, ...], hours: Availability) -> bool:
    """Whether a request for the time would be granted."""
    try:
        occupy(pages_for(time, taken), entry(time), hours, CITY_HOURS, now=NOW)
    except Refusal:
        return False
    return True
