"""A mentor's calendar and the bookings on it, as domain values. Commands work on it as a store would run them.

TODAY is a Tuesday. The mentor is open from 9:00 to 18:00, and from Sunday 22:00 to Monday 2:00.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from libs.calendar.hours import WEEKDAYS, Closure, DayHours, Hours, Weekday
from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage
from libs.calendar.rules import BookingRules
from libs.calendar.work_days import HolidaysSection, WorkCalendar
from libs.common.domain.entity import Change
from libs.common.domain.errors import Refusal
from services.mentors.domain import booking, ending
from services.mentors.domain.availability import Availability, CityHours, pages_to_load
from services.mentors.domain.booking import Moment, pages_to_move, pages_to_release
from services.mentors.domain.booking_commands import (
    AcceptConsultation,
    AcceptProposedTime,
    CancelConsultation,
    DeclineConsultation,
    MoveConsultation,
    ProposeTime,
    RequestConsultation,
    WithdrawConsultation,
)
from services.mentors.domain.consultation import Consultation, EndReason, Kind
from services.mentors.domain.mentor import Format, Mentor
from services.mentors.domain.residence import Residence, Stay
from tests.mentors.samples import NOW, TODAY, ZONE, day, mentor, startup

MENTOR, STARTUP, OTHER_STARTUP, SPACE = "mentors/m1", "startups/a1", "startups/a2", "spaces/x1"
RULES = BookingRules(
    block_minutes=15,
    min_minutes=30,
    max_minutes=120,
    notice_minutes=60,
    horizon_days=20,
    gap_minutes=15,
    max_minutes_per_person_day=150,
    max_minutes_per_person_week=240,
)
WEEKLY = (
    *(DayHours(weekday=each, opens="09:00", closes="18:00") for each in WEEKDAYS),
    DayHours(weekday=Weekday.SUNDAY, opens="22:00", closes="24:00"),
    DayHours(weekday=Weekday.MONDAY, opens="00:00", closes="02:00"),
)
HOURS = Hours(weekly=WEEKLY, time_zone="Asia/Shanghai")
CITY = CityHours(ZONE, WorkCalendar.of(HolidaysSection()), HOURS, RULES)
T = TypeVar("T")


def instant(offset: int, wall: str = "00:00") -> datetime:
    """Return the instant at which clocks in Jilin show a time, so many days after TODAY."""
    hour, minute = wall.split(":")
    midnight = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(hours=8)
    return midnight + timedelta(days=offset, hours=int(hour), minutes=int(minute))


def span(offset: int, wall: str, minutes: int = 60) -> Interval:
    """Return so many minutes from a time of a day on."""
    return Interval.lasting(instant(offset, wall), minutes)


def residence(name: str = STARTUP, start: date | None = None, end: date | None = None) -> Residence:
    """Return the stay of a startup in the space."""
    stay = Stay(tenancy=f"{SPACE}/tenancies/t1", sequence=1, space=SPACE, start_date=start or day(-90), end_date=end)
    return Residence(name=name, version=1, stays=(stay,))


def request_of(time: Interval, name: str = STARTUP, **fields: Any) -> RequestConsultation:
    """Request a time for a startup; `fields` replace or add."""
    values = {
        "mentor": MENTOR,
        "startup": name,
        "start_time": time.start,
        "end_time": time.end,
        "kind": Kind.CONSULTING,
        "format": Format.VIDEO,
        "topic": "股权结构",
    }
    return RequestConsultation(**{**values, **fields})


def outcome(act: Callable[..., T], *given: Any) -> T | Refusal:
    """Return what something leads to: its result, or the refusal."""
    try:
        return act(*given)
    except Refusal as refused:
        return refused


@dataclass
class Calendar:
    """One mentor's documents. A command that is refused raises, and changes nothing."""

    now: datetime = NOW
    city: CityHours = CITY
    mentor: Mentor = field(default_factory=mentor)
    availability: Availability | None = None
    residences: dict[str, Residence] = field(default_factory=dict)
    consultations: dict[str, Consultation] = field(default_factory=dict)
    pages: dict[str, CalendarPage] = field(default_factory=dict)
    changes: list[Change[Consultation]] = field(default_factory=list)

    def moment(self, *page_names: str) -> Moment:
        """Return what a decision needs to know of now."""
        return Moment(self.now, self.city, page_names)

    def load(self, names: tuple[str, ...]) -> tuple[CalendarPage | None, ...]:
        """Return pages by their names."""
        return tuple(self.pages.get(name) for name in names)

    def save(self, change: Change[Consultation]) -> Consultation:
        """Keep what a decision saves, each as its next version, as the store does."""
        for entity in change.saves:
            kept = entity.with_(version=entity.version + 1)
            if isinstance(kept, Consultation):
                self.consultations[kept.name] = kept
            elif isinstance(kept, CalendarPage):
                self.pages[kept.name] = kept
            else:
                raise TypeError(f"a booking saves a {type(kept).__name__}")
        self.changes.append(change)
        return self.consultations[change.reply.name]

    def facts(self) -> list[str]:
        """Return the names of all published facts."""
        return [type(fact).__name__ for change in self.changes for fact in change.facts]

    def close(self, first: date, end: date) -> None:
        """Close the mentor's calendar for bookings from a day up to another."""
        known = self.availability or Availability.default(MENTOR, self.city)
        closures = (*known.hours.closures, Closure(start_date=first, end_date=end))
        self.availability = known.with_(hours=known.hours.model_copy(update={"closures": closures}))

    # --- commands -----------------------------------------------------------------------------

    def request(self, time: Interval, name: str = STARTUP, **fields: Any) -> Consultation:
        """Request a time for a startup."""
        return self.save(self.decide_request(request_of(time, name, **fields)))

    def decide_request(self, command: RequestConsultation) -> Change[Consultation]:
        """Decide on a request without keeping the result."""
        names = pages_to_load(MENTOR, command.interval, self.city)
        return booking.request(
            self.mentor,
            self.load(names),
            self.availability,
            startup(command.startup),
            self.residences.get(command.startup),
            command=command,
            name=f"consultations/c{len(self.consultations):04d}",
            moment=self.moment(*names),
        )

    def accept(self, known: Consultation, **fields: Any) -> Consultation:
        """Accept a request for the mentor."""
        command = AcceptConsultation(name=known.name, **fields)
        return self.save(booking.accept(self.get(known), self.mentor, command=command, moment=self.moment()))

    def accept_proposed_time(self, known: Consultation, **fields: Any) -> Consultation:
        """Accept a proposed time for the startup."""
        command = AcceptProposedTime(name=known.name, **fields)
        decided = booking.accept_proposed_time(self.get(known), self.mentor, command=command, moment=self.moment())
        return self.save(decided)

    def propose(self, known: Consultation, time: Interval, **fields: Any) -> Consultation:
        """Propose a time for the mentor."""
        command = ProposeTime(name=known.name, start_time=time.start, end_time=time.end, **fields)
        return self._retime(booking.propose, known, time, command)

    def move(self, known: Consultation, time: Interval, **fields: Any) -> Consultation:
        """Request another time for the startup."""
        command = MoveConsultation(name=known.name, start_time=time.start, end_time=time.end, **fields)
        return self._retime(booking.move, known, time, command)

    def decline(
        self, known: Consultation, reason: EndReason = EndReason.MENTOR_UNAVAILABLE, **fields: Any
    ) -> Consultation:
        """Decline a request for the mentor."""
        return self._end(ending.decline, known, DeclineConsultation(name=known.name, end_reason=reason, **fields))

    def withdraw(self, known: Consultation, **fields: Any) -> Consultation:
        """Take back a request for the startup."""
        return self._end(ending.withdraw, known, WithdrawConsultation(name=known.name, **fields))

    def cancel(self, known: Consultation, reason: EndReason = EndReason.OTHER, **fields: Any) -> Consultation:
        """Cancel what was scheduled."""
        return self._end(ending.cancel, known, CancelConsultation(name=known.name, end_reason=reason, **fields))

    def advance(self, known: Consultation) -> Consultation:
        """Run the timer of a consultation."""
        held = self.get(known)
        names = pages_to_release(held, self.city)
        return self.save(ending.advance(held, self.load(names), moment=self.moment(*names)))

    def get(self, known: Consultation) -> Consultation:
        """Return a consultation as it is now."""
        return self.consultations[known.name]

    def _retime(
        self, decide: Callable[..., Change[Consultation]], known: Consultation, time: Interval, command: Any
    ) -> Consultation:
        held = self.get(known)
        names = pages_to_move(held, time, self.city)
        who = held.startups[0]
        loaded = self.load(names)
        parties = (self.availability, startup(who), self.residences.get(who))
        return self.save(decide(held, self.mentor, loaded, *parties, command=command, moment=self.moment(*names)))

    def _end(self, decide: Callable[..., Change[Consultation]], known: Consultation, command: Any) -> Consultation:
        held = self.get(known)
        names = pages_to_release(held, self.city)
        return self.save(decide(held, self.load(names), command=command, moment=self.moment(*names)))
