"""Free slots: times of one length that can be booked."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from libs.calendar.interval import Instant, Interval, ensure_interval, intersect
from libs.calendar.page import CalendarPage, Pages, page_names
from libs.calendar.rules import BookingRules
from libs.calendar.slots import free_slots
from libs.common.domain.entity import PageQuery, Value, construct
from libs.common.domain.errors import Invalid
from libs.common.domain.names import Code
from services.mentors.domain.availability import MAX_GAP, Availability, CityHours, appointed_intervals
from services.mentors.domain.mentor import Format, Language, Mentor, State
from services.mentors.domain.names import MentorName, SpaceName

DEFAULT_PERIOD, MAX_DAYS = timedelta(days=14), 31
MAX_SLOTS = 200
DEFAULT_SLOTS_PER_MENTOR, MAX_SLOTS_PER_MENTOR = 3, 10
#: Where a search for few slots looks first.
FIRST_DAYS = timedelta(days=3)

Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]


class Period(Value):
    """The part of a query that says in which period slots are searched."""

    start_time: Instant | None = None
    end_time: Instant | None = None

    def within(self, now: datetime) -> Interval:
        """Return the period: two weeks from now, unless it is given (DATE_OUT_OF_RANGE)."""
        start = self.start_time or now
        interval = Interval(start=start, end=self.end_time or start + DEFAULT_PERIOD)
        ensure_interval(interval, "end_time", max_hours=MAX_DAYS * 24)
        return interval


class ListFreeSlots(Period):
    """Read the free slots of one mentor."""

    mentor: MentorName
    minutes: Minutes = 0


class SearchFreeSlots(PageQuery, Period):
    """Read a page of mentors with their first free slots."""

    kind: Code = ""
    technology_field: Code = ""
    skill: Code = ""
    language: Language | None = None
    format: Format | None = None
    space: SpaceName | None = None
    minutes: Minutes = 0
    slots_per_mentor: Annotated[int, Field(ge=0, le=MAX_SLOTS_PER_MENTOR)] = 0


class Slot(Value):
    """A time that can be booked."""

    start_time: Instant
    end_time: Instant


class FreeSlots(Value):
    """Slots of one length that can be booked with a mentor."""

    mentor: str
    display_name: str
    minutes: int
    slots: tuple[Slot, ...]


class MentorSlots(Value):
    """A mentor in a search, with the first free slots."""

    name: str
    display_name: str
    minutes: int
    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, found: FreeSlots) -> "MentorSlots":
        """Build from the free slots of a mentor."""
        return cls(name=found.mentor, display_name=found.display_name, minutes=found.minutes, slots=found.slots)


def pages_to_search(mentor: str, within: Interval, city: CityHours) -> tuple[str, ...]:
    """Return the names of the pages on which free slots are searched."""
    return page_names(mentor, within, city.zone, gap=MAX_GAP)


def ensure_length(minutes: int, rules: BookingRules) -> None:
    """Refuse a length that the rules do not allow (NOT_ON_A_BLOCK, DURATION_TOO_SHORT, DURATION_TOO_LONG)."""
    if minutes < rules.min_minutes:
        raise Invalid.field("minutes", "DURATION_TOO_SHORT", f"less than {rules.min_minutes} minutes")
    if rules.max_minutes and minutes > rules.max_minutes:
        raise Invalid.field("minutes", "DURATION_TOO_LONG", f"more than {rules.max_minutes} minutes")
    if minutes % rules.block_minutes:
        raise Invalid.field("minutes", "NOT_ON_A_BLOCK", f"not a multiple of {rules.block_minutes} minutes")


def shortest(rules: BookingRules) -> int:
    """Return the shortest length that the rules allow."""
    blocks = -(-rules.min_minutes // rules.block_minutes)
    return max(blocks, 1) * rules.block_minutes


def find(
    mentor: Mentor,
    availability: Availability,
    pages: Mapping[str, CalendarPage | None],
    within: Interval,
    city: CityHours,
    *,
    minutes: int,
    limit: int,
    now: datetime,
) -> FreeSlots:
    """Return the first free slots of a mentor in a period; of the shortest length for 0 minutes.

    `pages` are those that `pages_to_search` names. There are none unless the mentor is appointed, and none on days
    without a valid appointment, because a request would be refused.
    """
    minutes = minutes or shortest(availability.rules)

    def search(part: Interval) -> tuple[Interval, ...]:
        names = pages_to_search(mentor.name, part, city)
        opened = intersect(availability.open_intervals(part, city), appointed_intervals(mentor, city))
        calendar = Pages.of(names, [pages[name] for name in names], city.zone)
        return free_slots(opened, calendar, availability.rules, now=now, zone=city.zone, minutes=minutes, limit=limit)

    slots: tuple[Interval, ...] = ()
    for part in _parts(within, limit) if mentor.state is State.APPOINTED else ():
        slots = search(part)
        if len(slots) == limit:
            break
    found = tuple(construct(Slot, {"start_time": slot.start, "end_time": slot.end}) for slot in slots)
    return FreeSlots(mentor=mentor.name, display_name=mentor.display_name, minutes=minutes, slots=found)


def _parts(within: Interval, limit: int) -> Iterator[Interval]:
    """Yield what to search: for few slots the first days, which usually have them, and then the whole period."""
    if limit <= MAX_SLOTS_PER_MENTOR and within.start + FIRST_DAYS < within.end:
        yield Interval(start=within.start, end=within.start + FIRST_DAYS)
    yield within
