"""The availability of a mentor: weekly hours with exceptions and closures, and the rules for bookings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from libs.calendar.hours import Closure, DateHours, DayHours, Hours, TimeZone, Weekday
from libs.calendar.interval import Interval, merge
from libs.calendar.local_time import instant_text, midnight
from libs.calendar.page import Entry, Pages, page_names
from libs.calendar.rules import BookingRules, ensure_allowed
from libs.calendar.slots import next_free
from libs.calendar.work_days import WorkCalendar
from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Spec, UpdateMask, Value
from libs.common.domain.errors import Invalid, Precondition, Taken, Violation
from libs.common.domain.names import Etag
from libs.common.domain.profile import Section, Words
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.names import AvailabilityName

#: How far a refusal looks for free slots, and how many it names.
SEARCHED, NAMED_SLOTS = timedelta(days=14), 3
#: The longest gap that rules may have.
MAX_GAP = timedelta(days=1)
#: How far ahead exceptions and closures may be.
MAX_DAYS_AHEAD = timedelta(days=3 * 366)


class AvailabilitySection(Section):
    """The table `availability` of the profile: the hours and rules of mentors who have set none."""

    source: Words
    observes_holidays: bool = True
    weekly: tuple[DayHours, ...] = Field(strict=False)
    rules: BookingRules


@dataclass(frozen=True, slots=True)
class CityHours:
    """What the city sets for all mentors: its zone and working days, and the hours and rules of those who set none."""

    zone: ZoneInfo
    work_calendar: WorkCalendar
    hours: Hours
    rules: BookingRules

    @classmethod
    def of(cls, section: AvailabilitySection, work_calendar: WorkCalendar, zone: ZoneInfo) -> Self:
        """Build from the city's profile."""
        hours = Hours(weekly=section.weekly, observes_holidays=section.observes_holidays, time_zone=zone.key)
        return cls(zone, work_calendar, hours, section.rules)


class ClosureSpec(Value):
    """Closed from the first day up to, but not including, the end."""

    start_date: Day
    end_date: Day


class AvailabilitySpec(Spec):
    """The client-settable part of an availability. Without a time zone, hours are those of the city's zone."""

    time_zone: TimeZone | None = None
    weekly: Annotated[tuple[DayHours, ...], Field(max_length=70)] = ()
    exceptions: Annotated[tuple[DateHours, ...], Field(max_length=400)] = ()
    closures: Annotated[tuple[ClosureSpec, ...], Field(max_length=100)] = ()
    observes_holidays: bool = False
    make_up_weekday: Weekday | None = None
    rules: BookingRules | None = None

    def ensure_valid(self, today: date) -> None:
        """Refuse days that are too far ahead, and a closure without days (DATE_OUT_OF_RANGE)."""
        if violations := tuple(self._violations(today + MAX_DAYS_AHEAD)):
            raise Invalid(*violations)

    def _violations(self, last: date) -> Iterator[Violation]:
        too_far = f"after {last}"
        for index, exception in enumerate(self.exceptions):
            if exception.date > last:
                yield Violation(f"availability.exceptions[{index}].date", "DATE_OUT_OF_RANGE", too_far)
        for index, closure in enumerate(self.closures):
            path = f"availability.closures[{index}]"
            if closure.start_date > last:
                yield Violation(f"{path}.start_date", "DATE_OUT_OF_RANGE", too_far)
            elif closure.end_date > last:
                yield Violation(f"{path}.end_date", "DATE_OUT_OF_RANGE", too_far)
            elif closure.end_date <= closure.start_date:
                yield Violation(f"{path}.end_date", "DATE_OUT_OF_RANGE", "not after the first day")


class GetAvailability(Value):
    """Read the availability of a mentor."""

    name: AvailabilityName


class UpdateAvailability(Value):
    """Change the availability of a mentor."""

    name: AvailabilityName
    availability: AvailabilitySpec
    update_mask: UpdateMask
    etag: Etag = ""

    @property
    def mentor(self) -> str:
        """The name of the mentor."""
        return mentor_of(self.name)


def mentor_of(name: str) -> str:
    """Return the name of the mentor to whom an availability or a block belongs."""
    return "/".join(name.split("/")[:2])


class Availability(Entity):
    """When a mentor may be booked, named `mentors/{mentor}/availability`.

    The hours are those of their own time zone; blocks, days and weeks of the rules are those of the city. `scopes` are
    those that covered the mentor when the availability was last set.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "scopes")

    mentor: str
    scopes: tuple[str, ...] = ()
    hours: Hours
    rules: BookingRules

    @classmethod
    def default(cls, mentor: str, city: CityHours) -> Self:
        """Build the availability of a mentor who has set none."""
        return cls(name=f"{mentor}/availability", mentor=mentor, hours=city.hours, rules=city.rules)

    @property
    def time_zone(self) -> str:
        """The zone of the hours."""
        return self.hours.time_zone

    @property
    def weekly(self) -> tuple[DayHours, ...]:
        """The hours of every week."""
        return self.hours.weekly

    @property
    def exceptions(self) -> tuple[DateHours, ...]:
        """The hours of single dates."""
        return self.hours.exceptions

    @property
    def closures(self) -> tuple[Closure, ...]:
        """When the mentor is away for whole days."""
        return self.hours.closures

    @property
    def observes_holidays(self) -> bool:
        """Whether public holidays are closed and make-up workdays are open."""
        return self.hours.observes_holidays

    @property
    def make_up_weekday(self) -> Weekday | None:
        """The weekday whose hours apply on a make-up workday."""
        return self.hours.make_up_weekday

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it, so that it follows the city's profile."""
        return not self.version

    def open_intervals(self, within: Interval, city: CityHours) -> tuple[Interval, ...]:
        """Return when the mentor may be booked, booked already or not."""
        return self.hours.open_intervals(within, city.work_calendar)


def update(
    mentor: Mentor, stored: Availability | None, *, command: UpdateAvailability, city: CityHours, today: date
) -> Change[Availability]:
    """Change hours and rules. What is booked stays, even outside the new hours. Days that are over are dropped.

    Refuses hours that overlap or end before they begin (HOURS_OVERLAP, HOURS_OUT_OF_ORDER).
    """
    ensure_not_forgotten(mentor)
    availability = stored or Availability.default(mentor.name, city)
    availability.ensure_etag(command.etag)
    command.availability.ensure_valid(today)
    paths = set(command.availability.masked(command.update_mask))
    rules = (command.availability.rules or city.rules) if "rules" in paths else availability.rules
    given = command.availability.model_dump(include=paths - {"rules"})
    if "time_zone" in given:
        given["time_zone"] = given["time_zone"] or city.zone.key
    hours = _hours({**availability.hours.model_dump(), **given}, today)
    scopes = (*mentor.spaces, *mentor.districts, mentor.district, mentor.nominator)
    changed = availability.with_(hours=hours, rules=rules, scopes=tuple(sorted({scope for scope in scopes if scope})))
    return Change(changed, saves=(changed,))


def ensure_not_forgotten(mentor: Mentor) -> None:
    """Refuse to record anything about a mentor who asked to be forgotten (PERSON_FORGOTTEN)."""
    if mentor.forget_time is not None:
        raise Precondition("PERSON_FORGOTTEN", "the person behind the mentor was forgotten", name=mentor.name)


def _hours(fields: dict[str, Any], today: date) -> Hours:
    """Validate hours as a whole. A day that is over in every zone is dropped."""
    first = today - timedelta(days=1)
    try:
        hours = Hours.model_validate(fields)
    except ValidationError as error:
        found = Invalid.of(error).violations
        raise Invalid(*(replace(each, field=f"availability.{each.field}") for each in found)) from None
    return hours.model_copy(
        update={
            "exceptions": tuple(each for each in hours.exceptions if each.date >= first),
            "closures": tuple(each for each in hours.closures if each.end_date > first),
        }
    )


# --- the time of a booking --------------------------------------------------------------------


def pages_to_load(mentor: str, interval: Interval, city: CityHours) -> tuple[str, ...]:
    """Return the names of the pages that `occupy` needs to book an interval.

    They reach far enough to name free slots when the time is not available.
    """
    searched = Interval(start=interval.start, end=interval.end + SEARCHED)
    return page_names(mentor, searched, city.zone, gap=MAX_GAP)


def occupy(
    pages: Pages, entry: Entry, availability: Availability, city: CityHours, *, now: datetime, path: str = ""
) -> Pages:
    """Book the mentor's time for an entry; an earlier time of the same holder is released.

    Refuses what the rules do not allow (see `ensure_allowed`; `path` is that of the message with `start_time` and
    `end_time`), a startup without hours left (HOURS_USED_UP), a time outside the mentor's hours (OUTSIDE_HOURS), and
    one that is taken (TIME_TAKEN). The last two name the next free slots in `next_free`: up to three starts, in UTC.
    """
    ensure_allowed(entry.interval, availability.rules, now=now, zone=city.zone, path=path)
    if not any(each.contains(entry.interval) for each in availability.open_intervals(entry.interval, city)):
        free = _next_free(pages, entry, availability, city, now)
        raise Precondition("OUTSIDE_HOURS", "the time is not within the mentor's hours", next_free=free)
    try:
        return pages.occupy(entry, availability.rules)
    except Taken as taken:
        metadata: dict[str, Any] = {**taken.metadata, "next_free": _next_free(pages, entry, availability, city, now)}
        raise Taken("TIME_TAKEN", taken.message, **metadata) from None


def _next_free(pages: Pages, entry: Entry, availability: Availability, city: CityHours, now: datetime) -> str:
    """Return the starts of the next free slots as long as the entry, separated by commas; empty if there is none."""
    within = Interval(start=entry.start, end=entry.end + SEARCHED)
    slots = next_free(
        availability.open_intervals(within, city),
        pages.release(entry.holder),
        availability.rules,
        now=now,
        zone=city.zone,
        minutes=entry.interval.minutes,
        after=entry.start,
        count=NAMED_SLOTS,
    )
    return ",".join(instant_text(slot.start) for slot in slots)


def appointed_intervals(mentor: Mentor, city: CityHours) -> tuple[Interval, ...]:
    """Return when the mentor has a valid appointment: whole days of the city."""
    return merge(
        Interval(start=midnight(term.start_date, city.zone), end=midnight(term.end_date, city.zone))
        for term in mentor.appointments
    )
