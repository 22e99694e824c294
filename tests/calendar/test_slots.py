"""Free slots, against every minute of a week."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.interval import Interval, merge
from libs.calendar.page import Entry, Pages, page_names
from libs.calendar.rules import BookingRules, ensure_allowed
from libs.calendar.slots import free_slots, next_free
from libs.common.domain.errors import Refusal, Taken
from tests.calendar.samples import DAY, MINUTE, MONDAY, RESOURCE, SHANGHAI, at, between, days, entry, shanghai, zones

NOW = shanghai("2026-12-01 09:00")
OPEN = (between("2026-12-01 09:00", "2026-12-01 12:00"), between("2026-12-01 14:00", "2026-12-01 17:00"))
HALF_HOURS = BookingRules(block_minutes=30)


def pages_with(*entries: Entry, rules: BookingRules = HALF_HOURS, within: Interval = OPEN[0]) -> Pages:
    """Build the pages of an interval with entries."""
    names = page_names(RESOURCE, within, SHANGHAI)
    pages = Pages.of(names, [None] * len(names), SHANGHAI)
    for each in entries:
        pages = pages.occupy(each, rules)
    return pages


def starts(slots: tuple[Interval, ...]) -> list[str]:
    """Return the local times at which slots start."""
    return [f"{slot.start.astimezone(SHANGHAI):%H:%M}" for slot in slots]


def slots_of(pages: Pages, rules: BookingRules, minutes: int = 60, limit: int = 99) -> list[str]:
    """Return the starts of the free slots within OPEN."""
    return starts(free_slots(OPEN, pages, rules, now=NOW, zone=SHANGHAI, minutes=minutes, limit=limit))


def test_slots_start_on_blocks_within_each_open_interval() -> None:
    """No slot reaches over lunch or past closing time."""
    assert slots_of(pages_with(), HALF_HOURS) == [
        *("09:00", "09:30", "10:00", "10:30", "11:00"),
        *("14:00", "14:30", "15:00", "15:30", "16:00"),
    ]
    assert slots_of(pages_with(), HALF_HOURS, limit=2) == ["09:00", "09:30"]
    assert slots_of(pages_with(), HALF_HOURS, minutes=180) == ["09:00", "14:00"]
    assert slots_of(pages_with(), HALF_HOURS, minutes=210) == []


def test_slots_are_cut_from_free_time() -> None:
    """After a booking from 10:00 to 11:45 the next start is 11:45 or the block after it (case B12)."""
    booking = entry("b", between("2026-12-01 10:00", "2026-12-01 11:45"))
    quarters = BookingRules(block_minutes=15)
    assert slots_of(pages_with(booking), quarters, minutes=15)[:5] == ["09:00", "09:15", "09:30", "09:45", "11:45"]
    assert slots_of(pages_with(booking), HALF_HOURS, minutes=30)[:3] == ["09:00", "09:30", "14:00"]


def test_a_gap_keeps_slots_away_from_bookings_on_both_sides() -> None:
    """With a gap of 30 minutes a booking from 10:30 to 11:00 leaves 09:00 and nothing else before lunch."""
    rules = BookingRules(block_minutes=30, gap_minutes=30)
    booking = entry("b", between("2026-12-01 10:30", "2026-12-01 11:00"))
    assert slots_of(pages_with(booking, rules=rules), rules)[:2] == ["09:00", "14:00"]
    assert slots_of(pages_with(booking, rules=rules), rules, minutes=30)[:3] == ["09:00", "09:30", "11:30"]


def test_slots_keep_notice_and_horizon() -> None:
    """Nothing is offered that would be refused as too early or too late."""
    rules = BookingRules(block_minutes=30, notice_minutes=100)
    assert slots_of(pages_with(), rules)[0] == "11:00"
    night = (between("2026-12-01 23:00", "2026-12-02 03:00"),)
    late = BookingRules(block_minutes=30, horizon_days=1)
    slots = free_slots(night, pages_with(), late, now=NOW - DAY, zone=SHANGHAI, minutes=60, limit=9)
    assert starts(slots) == ["23:00", "23:30"]


def test_a_length_that_the_rules_refuse_has_no_slots() -> None:
    """A slot could not be booked if it were too short, too long, or not of whole blocks."""
    rules = BookingRules(block_minutes=30, min_minutes=60, max_minutes=120)
    assert [minutes for minutes in range(-30, 200, 15) if slots_of(pages_with(), rules, minutes)] == [60, 90, 120]


def test_the_next_free_slots_start_after_the_wish() -> None:
    """A refusal names the next slots from the time that was wished for, in order."""
    booking = entry("b", between("2026-12-01 10:00", "2026-12-01 11:45"))
    found = next_free(
        OPEN,
        pages_with(booking),
        HALF_HOURS,
        now=NOW,
        zone=SHANGHAI,
        minutes=60,
        after=shanghai("2026-12-01 11:00"),
        count=3,
    )
    assert starts(found) == ["14:00", "14:30", "15:00"]


def test_only_time_that_the_pages_cover_is_searched() -> None:
    """Without its page, nothing is known to be free; a gap over Sunday midnight needs both pages."""
    rules = BookingRules(block_minutes=60, gap_minutes=30)
    night = (between("2026-12-06 22:00", "2026-12-07 02:00"),)
    one_page = free_slots(night, pages_with(rules=rules), rules, now=NOW, zone=SHANGHAI, minutes=60, limit=9)
    assert starts(one_page) == ["22:00"]
    both = pages_with(rules=rules, within=night[0])
    assert len(free_slots(night, both, rules, now=NOW, zone=SHANGHAI, minutes=60, limit=9)) == 4


def test_where_several_may_overlap_the_last_place_counts() -> None:
    """A resource for two is free while one is there, and taken while two are."""
    two = BookingRules(block_minutes=60, max_overlap=2)
    pages = pages_with(
        entry("a", between("2026-12-01 09:00", "2026-12-01 12:00")),
        entry("b", between("2026-12-01 10:00", "2026-12-01 11:00")),
        rules=two,
    )
    assert slots_of(pages, two)[:3] == ["09:00", "11:00", "14:00"]


quarter = st.integers(0, 4 * 24)
openings = st.tuples(quarter, st.integers(8, 64)).map(lambda pair: at(pair[0] * 15, (pair[0] + pair[1]) * 15))
busy = st.tuples(quarter, st.integers(1, 16)).map(lambda pair: at(pair[0] * 15, (pair[0] + pair[1]) * 15))
any_rules = st.builds(
    BookingRules,
    block_minutes=st.sampled_from([15, 20, 30, 60]),
    notice_minutes=st.sampled_from([0, 45, 600]),
    horizon_days=st.integers(0, 3),
    gap_minutes=st.sampled_from([0, 10, 60]),
    max_overlap=st.integers(1, 2),
)


@given(
    st.lists(openings, min_size=1, max_size=4),
    st.lists(busy, min_size=1, max_size=6),
    any_rules,
    st.integers(-900, 900),
    st.sampled_from([30, 60, 90, 120]),
)
def test_a_slot_is_found_exactly_if_it_can_be_booked(
    open_intervals: list[Interval], bookings: list[Interval], rules: BookingRules, now_minute: int, minutes: int
) -> None:
    """Every slot is open, allowed and free, and every such start is found."""
    now = MONDAY + now_minute * MINUTE
    within = at(0, 7 * 1440).expand(DAY, DAY)
    pages = pages_with(within=within)
    for number, booking in enumerate(bookings):
        try:
            pages = pages.occupy(entry(f"b{number}", booking), rules)
        except Taken:
            continue
    found = free_slots(open_intervals, pages, rules, now=now, zone=SHANGHAI, minutes=minutes, limit=10_000)
    expected = []
    for start in range(0, 4 * 1440, 5):
        wish = Interval.lasting(MONDAY + start * MINUTE, minutes)
        if not any(each.contains(wish) for each in merge(open_intervals)):
            continue
        try:
            ensure_allowed(wish, rules, now=now, zone=SHANGHAI)
            pages.occupy(entry("wish", wish), rules)
        except Refusal:
            continue
        expected.append(wish)
    assert list(found) == expected


@pytest.mark.parametrize("block", [15, 30, 60])
@given(days, zones)
def test_slots_over_changes_of_the_clocks_are_allowed(block: int, day: date, zone: ZoneInfo) -> None:
    """On every day of every zone the slots start on local blocks, and each has its real length."""
    rules = BookingRules(block_minutes=block)
    middle = datetime.combine(day, time(12), zone).astimezone(SHANGHAI)
    within = Interval(start=middle - DAY, end=middle + DAY)
    names = page_names(RESOURCE, within, zone)
    pages = Pages.of(names, [None] * len(names), zone)
    now = middle - 2 * DAY
    found = free_slots((within,), pages, rules, now=now, zone=zone, minutes=60, limit=1000)
    assert found
    for slot in found:
        assert slot.end - slot.start == timedelta(hours=1)
        ensure_allowed(slot, rules, now=now, zone=zone)
