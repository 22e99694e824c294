"""Calendar pages: what occupies a resource, week by week, without overlaps."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage, Entry, Pages, page_names, week_of, weeks_between
from libs.calendar.rules import BookingRules
from libs.common.domain.errors import Precondition, Taken
from tests.calendar.samples import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    NEW_YORK,
    RESOURCE,
    SHANGHAI,
    at,
    between,
    entry,
    minutes_in,
    zones,
)

WEEK_49, WEEK_50 = f"{RESOURCE}/calendars/2026-w49", f"{RESOURCE}/calendars/2026-w50"
NAMES = (f"{RESOURCE}/calendars/2026-w48", WEEK_49, WEEK_50, f"{RESOURCE}/calendars/2026-w51")
SUNDAY_NIGHT = between("2026-12-06 23:00", "2026-12-07 01:00")
PERSON = "startups/s1"


def empty_pages() -> Pages:
    """Build four weeks, of which none was stored."""
    return Pages.of(NAMES, [None] * 4, SHANGHAI)


def reloaded(pages: Pages) -> Pages:
    """Return the pages as another command finds them after they were saved and read."""
    stored = {page.name: CalendarPage.model_validate(page.model_dump()) for page in pages}
    return Pages.of(NAMES, [stored[name] for name in NAMES], SHANGHAI)


def occupied(*entries: Entry, rules: BookingRules | None = None) -> Pages:
    """Build pages with entries."""
    pages = empty_pages()
    for each in entries:
        pages = pages.occupy(each, rules or BookingRules())
    return pages


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "weeks"),
    [
        (between("2026-12-01 10:00", "2026-12-01 11:00"), ["2026-w49"]),
        (between("2026-11-30 00:00", "2026-12-07 00:00"), ["2026-w49"]),
        (SUNDAY_NIGHT, ["2026-w49", "2026-w50"]),
        (between("2026-12-31 10:00", "2026-12-31 11:00"), ["2026-w53"]),
        (between("2027-01-01 10:00", "2027-01-01 11:00"), ["2026-w53"]),
        (between("2027-01-03 23:00", "2027-01-04 01:00"), ["2026-w53", "2027-w01"]),
        (between("2024-12-30 10:00", "2024-12-30 11:00"), ["2025-w01"]),
    ],
)
def test_a_page_is_named_after_its_iso_week(interval: Interval, weeks: list[str]) -> None:
    """A week belongs to the year of its Thursday; weeks begin on Monday at midnight of the city's zone."""
    assert page_names(RESOURCE, interval, SHANGHAI) == tuple(f"{RESOURCE}/calendars/{week}" for week in weeks)


def test_the_week_depends_on_the_zone() -> None:
    """Monday 00:30 in Shanghai is still Sunday in New York."""
    early = between("2026-12-07 00:30", "2026-12-07 01:00")
    assert page_names(RESOURCE, early, SHANGHAI) == (WEEK_50,)
    assert page_names(RESOURCE, early, NEW_YORK) == (WEEK_49,)


def test_a_gap_over_the_boundary_names_the_neighbour() -> None:
    """What must be free includes the gap, so its page is loaded, too."""
    last_hour = between("2026-12-06 22:50", "2026-12-06 23:50")
    assert page_names(RESOURCE, last_hour, SHANGHAI) == (WEEK_49,)
    assert page_names(RESOURCE, last_hour, SHANGHAI, gap=15 * MINUTE) == (WEEK_49, WEEK_50)


@given(st.integers(0, 400_000), st.integers(1, 10_080), zones)
def test_the_pages_of_an_interval_cover_it(start: int, length: int, zone: ZoneInfo) -> None:
    """The weeks of the pages follow one another, and the interval lies within them and touches each."""
    interval = at(start, start + length, MONDAY - 4000 * DAY)
    weeks = [week_of(name, zone) for name in page_names(RESOURCE, interval, zone)]
    assert all(left.end == right.start for left, right in pairwise(weeks))
    assert Interval(start=weeks[0].start, end=weeks[-1].end).contains(interval)
    assert all(week.overlaps(interval) for week in weeks)
    assert len(weeks) <= 2


def test_a_query_names_a_bounded_number_of_pages() -> None:
    """An interval of centuries is a mistake of the caller, not a load of thousands of pages."""
    assert len(weeks_between(at(0, 60 * 10_080), SHANGHAI)) == 60
    with pytest.raises(ValueError, match="more than 60 weeks"):
        weeks_between(at(0, 60 * 10_080 + 1), SHANGHAI)


def test_weeks_are_given_by_their_mondays() -> None:
    """A week is known by its first day; an empty interval touches the week in which it lies."""
    assert weeks_between(SUNDAY_NIGHT, SHANGHAI) == (date(2026, 11, 30), date(2026, 12, 7))
    assert weeks_between(at(0, 0), SHANGHAI) == (date(2026, 11, 30),)


def test_a_page_is_scoped_by_its_resource() -> None:
    """Whoever reaches the mentor reaches the mentor's calendar."""
    page = CalendarPage.empty(WEEK_49)
    assert (page.resource, page.entries) == (RESOURCE, ())
    assert CalendarPage.scoped_by == ("resource",)


# --- occupying --------------------------------------------------------------------------------

#: In steps of 4 hours from Saturday to Tuesday, so that collisions are common and half of all cross Sunday midnight.
SATURDAY = MONDAY + 5 * DAY
intervals = st.tuples(st.integers(0, 16), st.integers(1, 4)).map(
    lambda pair: at(pair[0] * 240, (pair[0] + pair[1]) * 240, SATURDAY)
)
steps = st.builds(entry, st.sampled_from("abcdef"), intervals)
command_lists = st.lists(st.tuples(steps, st.sampled_from([False, False, False, True])), min_size=4, max_size=16)
any_rules = st.builds(BookingRules, max_overlap=st.integers(1, 2), gap_minutes=st.sampled_from([0, 30, 240]))


def fits(entries: dict[str, Entry], new: Entry, given_rules: BookingRules) -> bool:
    """Decide by counting minutes whether an entry may be added: each keeps its time and the gap after it."""
    others = [other for holder, other in entries.items() if holder != new.holder]
    reserved = [minutes_in([other.interval.expand(timedelta(), given_rules.gap)]) for other in others]
    wanted = minutes_in([new.interval.expand(timedelta(), given_rules.gap)])
    return all(sum(minute in each for each in reserved) < given_rules.max_overlap for minute in wanted)


@given(command_lists, any_rules)
def test_any_order_of_commands_agrees_with_counting_minutes(
    commands: list[tuple[Entry, bool]], given_rules: BookingRules
) -> None:
    """At no time are more entries present than may overlap, gaps included.

    Pages stay sorted, each has exactly the entries that touch its week, a refusal changes nothing, and the pages
    together hold what was occupied and not released.
    """
    expected: dict[str, Entry] = {}
    pages = empty_pages()
    for new, is_release in commands:
        if is_release:
            pages = pages.release(new.holder)
            expected.pop(new.holder, None)
        elif fits(expected, new, given_rules):
            pages = reloaded(pages.occupy(new, given_rules))
            expected[new.holder] = new
        else:
            with pytest.raises(Taken):
                pages.occupy(new, given_rules)
        assert set(pages.entries) == set(expected.values())
        assert set(pages.holders()) == set(expected)
        for page in pages:
            starts = [(each.start, each.holder) for each in page.entries]
            assert starts == sorted(starts)
            touching = {each for each in expected.values() if each.interval.overlaps(page.week(SHANGHAI))}
            assert set(page.entries) == touching


@given(steps, st.lists(steps, max_size=6))
def test_release_after_occupy_restores(new: Entry, before: list[Entry]) -> None:
    """Whoever occupies and releases leaves the calendar as it was."""
    pages = empty_pages()
    for each in before:
        try:
            pages = pages.occupy(each)
        except Taken:
            continue
    pages = reloaded(pages.release(new.holder))
    try:
        changed = pages.occupy(new).release(new.holder)
    except Taken:
        return
    assert tuple(changed) == tuple(pages)


@given(st.lists(steps, min_size=2, max_size=8), intervals, any_rules)
def test_taken_is_where_nothing_can_be_added(
    before: list[Entry], interval: Interval, given_rules: BookingRules
) -> None:
    """An entry is accepted exactly when it does not overlap the taken time."""
    pages = empty_pages()
    for each in before:
        try:
            pages = pages.occupy(each, given_rules)
        except Taken:
            continue
    new = entry("new", interval)
    is_taken = any(new.interval.overlaps(taken) for taken in pages.taken(given_rules))
    try:
        pages.occupy(new, given_rules)
    except Taken:
        assert is_taken
    else:
        assert not is_taken


def test_a_wish_within_a_booking_is_taken() -> None:
    """A booking from 10:00 to 11:45 takes 11:00; the refusal names it and not its holder (case B12)."""
    pages = occupied(entry("bookings/b1", between("2026-12-01 10:00", "2026-12-01 11:45")))
    with pytest.raises(Taken) as refusal:
        pages.occupy(entry("bookings/b2", between("2026-12-01 11:00", "2026-12-01 12:00")))
    assert refusal.value.reason == "TIME_TAKEN"
    assert refusal.value.metadata == {"taken_start": "2026-12-01T02:00:00Z", "taken_end": "2026-12-01T03:45:00Z"}
    assert pages.occupy(entry("bookings/b2", between("2026-12-01 11:45", "2026-12-01 12:45"))).saves


def test_a_pending_request_occupies() -> None:
    """An entry has no state: two requests for one slot are never both accepted (case B13)."""
    slot = between("2026-12-01 10:00", "2026-12-01 11:00")
    with pytest.raises(Taken):
        occupied(entry("consultations/pending", slot)).occupy(entry("consultations/second", slot))


def test_an_entry_over_sunday_midnight_lies_on_both_pages() -> None:
    """Each page alone shows the whole interval, and counts only its own minutes."""
    night = entry("bookings/b1", SUNDAY_NIGHT, PERSON)
    sunday, monday = occupied(night).saves
    assert (sunday.name, sunday.entries) == (WEEK_49, (night,))
    assert (monday.name, monday.entries) == (WEEK_50, (night,))
    assert (sunday.minutes(PERSON, SHANGHAI), monday.minutes(PERSON, SHANGHAI)) == (60, 60)
    for name in (WEEK_49, WEEK_50):
        stored = next(page for page in (sunday, monday) if page.name == name)
        alone = Pages.of((name,), (stored,), SHANGHAI)
        inside = Interval(start=stored.week(SHANGHAI).start, end=stored.week(SHANGHAI).end)
        start = max(SUNDAY_NIGHT.start, inside.start)
        with pytest.raises(Taken):
            alone.occupy(entry("bookings/b2", Interval.lasting(start, 30)))


def test_a_move_is_one_operation() -> None:
    """The same holder occupies another time: its old time is free, also on another page, and may overlap the new."""
    pages = reloaded(occupied(entry("a", SUNDAY_NIGHT), entry("b", between("2026-12-08 10:00", "2026-12-08 11:00"))))
    overlapping = pages.occupy(entry("a", SUNDAY_NIGHT.expand(-HOUR, HOUR)))
    assert [page.name for page in overlapping.saves] == [WEEK_49, WEEK_50]
    assert next(iter(overlapping.saves)).entries == ()
    with pytest.raises(Taken):
        pages.occupy(entry("a", between("2026-12-08 10:30", "2026-12-08 11:30")))
    assert pages.entries[0] == entry("a", SUNDAY_NIGHT)
    assert pages.saves == ()


def test_only_changed_pages_are_saved_and_an_emptied_one_stays() -> None:
    """A page is never removed, so that its version keeps guarding its week."""
    pages = reloaded(occupied(entry("a", between("2026-12-01 10:00", "2026-12-01 11:00"))))
    assert pages.saves == ()
    assert pages.release("unknown").saves == ()
    (page,) = pages.release("a").saves
    assert (page.name, page.entries) == (WEEK_49, ())


def test_a_page_whose_gap_was_decided_on_is_saved() -> None:
    """Another replica that books the first minutes of the next week must lose the race, so both pages are saved."""
    rules = BookingRules(gap_minutes=15)
    pages = occupied(entry("a", between("2026-12-06 22:50", "2026-12-06 23:50")), rules=rules)
    assert [page.name for page in pages.saves] == [WEEK_49, WEEK_50]
    assert pages.saves[1].entries == ()
    with pytest.raises(Taken):
        pages.occupy(entry("b", between("2026-12-07 00:00", "2026-12-07 01:00")), rules)
    assert pages.occupy(entry("b", between("2026-12-07 00:05", "2026-12-07 01:00")), rules).saves


def test_the_entry_that_ends_first_is_named() -> None:
    """Where two may overlap, a third is refused with the one after which there is room again."""
    two = BookingRules(max_overlap=2)
    pages = occupied(
        entry("a", between("2026-12-01 10:00", "2026-12-01 12:00")),
        entry("b", between("2026-12-01 10:30", "2026-12-01 11:00")),
        rules=two,
    )
    with pytest.raises(Taken) as refusal:
        pages.occupy(entry("c", between("2026-12-01 10:00", "2026-12-01 13:00")), two)
    assert refusal.value.metadata == {"taken_start": "2026-12-01T02:30:00Z", "taken_end": "2026-12-01T03:00:00Z"}
    assert pages.occupy(entry("c", between("2026-12-01 11:00", "2026-12-01 13:00")), two).saves


def test_an_entry_that_ends_when_it_becomes_full_is_not_in_the_way() -> None:
    """Where two may overlap and two start when a third ends, one of the two is named."""
    two = BookingRules(max_overlap=2)
    pages = occupied(
        entry("a", between("2026-12-01 10:00", "2026-12-01 11:00")),
        entry("b", between("2026-12-01 11:00", "2026-12-01 13:00")),
        entry("c", between("2026-12-01 11:00", "2026-12-01 12:00")),
        rules=two,
    )
    with pytest.raises(Taken) as refusal:
        pages.occupy(entry("d", between("2026-12-01 10:30", "2026-12-01 12:30")), two)
    assert refusal.value.metadata == {"taken_start": "2026-12-01T03:00:00Z", "taken_end": "2026-12-01T04:00:00Z"}


# --- hours of a person ------------------------------------------------------------------------


def used_up(pages: Pages, wish: Entry, rules: BookingRules) -> dict[str, str]:
    """Return the metadata of the refusal of an entry (HOURS_USED_UP)."""
    with pytest.raises(Precondition) as refusal:
        pages.occupy(wish, rules)
    assert refusal.value.reason == "HOURS_USED_UP"
    return dict(refusal.value.metadata)


def test_the_minutes_of_a_person_are_limited_by_local_day() -> None:
    """Only the part within the day counts, only this person's, and a move does not count the old time."""
    rules = BookingRules(max_minutes_per_person_day=120)
    pages = occupied(entry("a", between("2026-12-01 22:30", "2026-12-02 00:30"), PERSON), rules=rules)
    half = entry("b", between("2026-12-01 10:00", "2026-12-01 10:30"), PERSON)
    assert pages.occupy(half, rules).saves
    hour = entry("b", between("2026-12-01 10:00", "2026-12-01 11:00"), PERSON)
    assert used_up(pages, hour, rules) == {
        "start_date": "2026-12-01",
        "end_date": "2026-12-02",
        "limit_minutes": "120",
        "used_minutes": "90",
    }
    assert pages.occupy(entry("b", hour.interval, "startups/s2"), rules).saves
    assert pages.occupy(entry("b", hour.interval), rules).saves
    assert pages.occupy(entry("a", between("2026-12-01 21:30", "2026-12-01 23:30"), PERSON), rules).saves


def test_the_minutes_of_a_person_are_limited_by_week() -> None:
    """An entry over Sunday midnight counts in both weeks, each with its part."""
    rules = BookingRules(max_minutes_per_person_week=120)
    pages = occupied(entry("a", SUNDAY_NIGHT, PERSON), rules=rules)
    for day in ("2026-12-02", "2026-12-09"):
        assert pages.occupy(entry("b", between(f"{day} 10:00", f"{day} 11:00"), PERSON), rules).saves
        found = used_up(pages, entry("b", between(f"{day} 10:00", f"{day} 11:01"), PERSON), rules)
        assert (found["limit_minutes"], found["used_minutes"]) == ("120", "60")


@given(
    st.lists(steps, min_size=2, max_size=8),
    steps,
    st.sampled_from([0, 480, 720, 1440]),
    st.sampled_from([0, 960, 2400]),
)
def test_the_minutes_of_a_person_agree_with_counting(before: list[Entry], new: Entry, daily: int, weekly: int) -> None:
    """An entry is accepted exactly if no day and no week has more than its limit, minute by minute."""
    rules = BookingRules(max_overlap=1000, max_minutes_per_person_day=daily, max_minutes_per_person_week=weekly)
    pages = empty_pages()
    for each in before:
        pages = pages.occupy(each.model_copy(update={"person": PERSON}), BookingRules(max_overlap=1000))
    wish = new.model_copy(update={"person": PERSON})
    others = [minutes_in([each.interval]) for each in pages.entries if each.holder != new.holder]
    own = minutes_in([wish.interval])
    is_allowed = all(
        not limit
        or sum(len([minute for minute in each if minute // length == period]) for each in (*others, own)) <= limit
        for length, limit in ((1440, daily), (10_080, weekly))
        for period in {minute // length for minute in own}
    )
    try:
        pages.occupy(wish, rules)
    except Precondition:
        assert not is_allowed
    else:
        assert is_allowed


# --- mistakes of the caller -------------------------------------------------------------------


def test_an_entry_whose_pages_are_not_loaded_is_a_mistake() -> None:
    """A decision without the page could overlap what it has not seen, so it fails loudly."""
    pages = Pages.of((WEEK_49,), (None,), SHANGHAI)
    with pytest.raises(ValueError, match="not loaded: mentors/m1/calendars/2026-w50"):
        pages.occupy(entry("a", SUNDAY_NIGHT))
    stored = occupied(entry("a", SUNDAY_NIGHT)).saves[0]
    with pytest.raises(ValueError, match="not loaded: mentors/m1/calendars/2026-w50"):
        Pages.of((WEEK_49,), (stored,), SHANGHAI).release("a")


@pytest.mark.parametrize("length", [timedelta(), -HOUR, 7 * DAY + timedelta(milliseconds=1)])
def test_an_entry_has_a_length_of_at_most_a_week(length: timedelta) -> None:
    """Whatever is longer or empty was not validated."""
    with pytest.raises(ValueError, match="not longer than a week"):
        empty_pages().occupy(entry("a", Interval(start=MONDAY, end=MONDAY + length)))
    assert len(empty_pages().occupy(entry("a", Interval(start=MONDAY, end=MONDAY + 7 * DAY))).saves) == 1


def test_pages_belong_to_one_resource() -> None:
    """Two mentors have two calendars."""
    with pytest.raises(ValueError, match="several resources"):
        Pages.of((WEEK_49, "mentors/m2/calendars/2026-w49"), (None, None), SHANGHAI)
