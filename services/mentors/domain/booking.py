"""Booking a consultation: a request occupies its time at once, and until it is declined, moved, or expires."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from libs.calendar.interval import Interval
from libs.calendar.local_time import local_day
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.common.domain.entity import Change
from libs.common.domain.errors import Precondition, Stale
from services.mentors.domain import mentor as mentors
from services.mentors.domain.availability import Availability, CityHours, occupy, pages_to_load
from services.mentors.domain.booking_commands import (
    AcceptConsultation,
    AcceptProposedTime,
    MoveConsultation,
    ProposeTime,
    RequestConsultation,
)
from services.mentors.domain.booking_facts import ConsultationRequested, ConsultationScheduled
from services.mentors.domain.consultation import Consultation, Move, State
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.record import services_for, with_services
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup

#: How often a consultation can be moved; a bound on its document, which holds every move.
MAX_MOVES = 50
#: The states in which one side waits for the other, and those in which the time can change.
PENDING = frozenset({State.REQUESTED, State.PROPOSED})
MOVABLE = PENDING | {State.SCHEDULED}

#: Calendar pages as they were loaded; None where there is none yet.
Loaded = Sequence[CalendarPage | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a decision, what the city sets, and the names of the calendar pages that were loaded for it."""

    now: datetime
    city: CityHours
    page_names: tuple[str, ...] = ()

    def pages(self, loaded: Loaded) -> Pages:
        """Return the loaded pages under their names."""
        return Pages.of(self.page_names, loaded, self.city.zone)

    def pages_with(self, consultation: Consultation, loaded: Loaded) -> Pages:
        """Return the loaded pages. Refuses if the consultation was moved away from them meanwhile (ETAG_MISMATCH)."""
        if not set(pages_to_release(consultation, self.city)).issubset(self.page_names):
            raise Stale(
                "ETAG_MISMATCH",
                "the consultation was moved at the same moment; try again",
                name=consultation.name,
                etag=consultation.etag,
            )
        return self.pages(loaded)


def occupied(consultation: Consultation) -> Interval:
    """Return the time that the consultation occupies, or did before it ended."""
    return Interval(start=consultation.start_time, end=consultation.end_time)


def pages_to_release(consultation: Consultation, city: CityHours) -> tuple[str, ...]:
    """Return the names of the calendar pages on which the consultation lies."""
    return page_names(consultation.mentor, occupied(consultation), city.zone)


def pages_to_move(consultation: Consultation, to: Interval, city: CityHours) -> tuple[str, ...]:
    """Return the names of the pages that a move needs: those of both times, and those where free slots are searched."""
    names = (*pages_to_load(consultation.mentor, to, city), *pages_to_release(consultation, city))
    return tuple(dict.fromkeys(names))


def at(consultation: Consultation, now: datetime) -> Consultation:
    """Return the consultation as it is at a moment, whether or not its timer has run.

    What nobody answered before its time began is expired; what was scheduled is held once its time is over.
    """
    if consultation.state in PENDING and now >= consultation.start_time:
        return consultation.with_(state=State.EXPIRED, due_time=None)
    if consultation.state is State.SCHEDULED and now >= consultation.end_time:
        return consultation.with_(state=State.HELD, due_time=None)
    return consultation


def current_in(states: AbstractSet[State], consultation: Consultation, etag: str, moment: Moment) -> Consultation:
    """Return the consultation as it is now. Refuses another version, and another state than these."""
    consultation.ensure_etag(etag)
    current = at(consultation, moment.now)
    if current.state not in states:
        raise Precondition(
            "WRONG_CONSULTATION_STATE", f"this is not possible while the state is {current.state}", state=current.state
        )
    return current


def request(
    mentor: Mentor,
    loaded: Loaded,
    availability: Availability | None,
    startup: Startup,
    residence: Residence | None,
    *,
    command: RequestConsultation,
    name: str,
    moment: Moment,
) -> Change[Consultation]:
    """Request a consultation. Its time is occupied from now on, although the mentor has not answered.

    Refuses MENTOR_NOT_APPOINTED, FORMAT_NOT_OFFERED, and what `availability.occupy` refuses.
    """
    _ensure_appointed(mentor, command.interval, moment.city)
    if command.format not in mentor.formats:
        offered = ",".join(mentor.formats)
        raise Precondition("FORMAT_NOT_OFFERED", f"the mentor offers {offered or 'no format'}", formats=offered)
    requested = Consultation(
        name=name,
        mentor=mentor.name,
        mentor_display_name=mentor.display_name,
        startups=(startup.name,),
        kind=command.kind,
        format=command.format,
        topic=command.topic,
        question=command.question,
        place=command.place,
        start_time=command.start_time,
        end_time=command.end_time,
        state=State.REQUESTED,
        appointed=True,
        due_time=command.start_time,
    )
    requested = _for_startup(requested, startup, residence, moment.city)
    return _book(requested, moment.pages(loaded), availability, moment)


def accept(
    consultation: Consultation, mentor: Mentor, *, command: AcceptConsultation, moment: Moment
) -> Change[Consultation]:
    """Schedule a request. Refuses WRONG_CONSULTATION_STATE and MENTOR_NOT_APPOINTED."""
    current = current_in({State.REQUESTED}, consultation, command.etag, moment)
    return _schedule(current, mentor, moment.city)


def accept_proposed_time(
    consultation: Consultation, mentor: Mentor, *, command: AcceptProposedTime, moment: Moment
) -> Change[Consultation]:
    """Schedule at the time that the mentor proposed. Refuses WRONG_CONSULTATION_STATE and MENTOR_NOT_APPOINTED."""
    current = current_in({State.PROPOSED}, consultation, command.etag, moment)
    return _schedule(current, mentor, moment.city)


def propose(
    consultation: Consultation,
    mentor: Mentor,
    loaded: Loaded,
    availability: Availability | None,
    startup: Startup,
    residence: Residence | None,
    *,
    command: ProposeTime,
    moment: Moment,
) -> Change[Consultation]:
    """Propose another time to the startup: it is occupied at once, and the old time is free.

    The startup accepts, moves or withdraws. The same time changes nothing.
    """
    current = current_in(MOVABLE, consultation, command.etag, moment)
    if occupied(current) == command.interval:
        return Change(consultation)
    pages = moment.pages_with(current, loaded)
    _ensure_appointed(mentor, command.interval, moment.city)
    moved = _moved(current, command.interval, State.PROPOSED, by=mentor.name, now=moment.now)
    return _book(_for_startup(moved, startup, residence, moment.city), pages, availability, moment)


def move(
    consultation: Consultation,
    mentor: Mentor,
    loaded: Loaded,
    availability: Availability | None,
    startup: Startup,
    residence: Residence | None,
    *,
    command: MoveConsultation,
    moment: Moment,
) -> Change[Consultation]:
    """Request another time: it is occupied at once, and the old time is free. The mentor has to accept again.

    The same time changes nothing.
    """
    current = current_in(MOVABLE, consultation, command.etag, moment)
    if occupied(current) == command.interval:
        return Change(consultation)
    pages = moment.pages_with(current, loaded)
    _ensure_appointed(mentor, command.interval, moment.city)
    moved = _moved(current, command.interval, State.REQUESTED, by=startup.name, now=moment.now)
    return _book(_for_startup(moved, startup, residence, moment.city), pages, availability, moment)


# --- what the decisions share -----------------------------------------------------------------


def _ensure_appointed(mentor: Mentor, interval: Interval, city: CityHours) -> None:
    """Refuse a day on which the mentor is suspended or has no valid appointment (MENTOR_NOT_APPOINTED)."""
    day = local_day(interval.start, city.zone)
    back = mentor.suspension_end_date
    is_back = mentor.state is mentors.State.SUSPENDED and back is not None and back <= day
    if not (mentor.state is mentors.State.APPOINTED or is_back) or not mentor.appointed_on(day):
        raise Precondition(
            "MENTOR_NOT_APPOINTED", f"the mentor is suspended or has no valid appointment on {day}", date=day
        )


def _for_startup(
    consultation: Consultation, startup: Startup, residence: Residence | None, city: CityHours
) -> Consultation:
    """Copy the consultation with what the startup is on its day: where it is a tenant, and its district."""
    day = local_day(consultation.start_time, city.zone)
    return with_services(consultation, services_for((startup,), (residence,), day))


def _moved(consultation: Consultation, to: Interval, state: State, *, by: str, now: datetime) -> Consultation:
    """Copy the consultation at another time, with the old one among its moves (TOO_MANY_MOVES)."""
    if len(consultation.moves) >= MAX_MOVES:
        raise Precondition("TOO_MANY_MOVES", f"the consultation was moved {MAX_MOVES} times", max_moves=MAX_MOVES)
    was = Move(start_time=consultation.start_time, end_time=consultation.end_time, moved_by=by, move_time=now)
    return consultation.with_(
        start_time=to.start, end_time=to.end, state=state, due_time=to.start, moves=(*consultation.moves, was)
    )


def _schedule(consultation: Consultation, mentor: Mentor, city: CityHours) -> Change[Consultation]:
    _ensure_appointed(mentor, occupied(consultation), city)
    scheduled = consultation.with_(state=State.SCHEDULED, due_time=consultation.end_time)
    return Change(scheduled, saves=(scheduled,), facts=(ConsultationScheduled.about(scheduled),))


def _book(
    consultation: Consultation, pages: Pages, availability: Availability | None, moment: Moment
) -> Change[Consultation]:
    """Occupy the time of a request or proposal. If it had another time before, that is released."""
    entry = Entry(
        holder=consultation.name,
        person=consultation.startups[0],
        start=consultation.start_time,
        end=consultation.end_time,
    )
    hours = availability or Availability.default(consultation.mentor, moment.city)
    # Whatever a profile says: a mentor is never booked twice.
    hours = hours.with_(rules=hours.rules.model_copy(update={"max_overlap": 1}))
    booked = occupy(pages, entry, hours, moment.city, now=moment.now)
    saves = (consultation, *booked.saves)
    return Change(consultation, saves=saves, facts=(ConsultationRequested.about(consultation),))
