"""Log a consultation that was held: requested here, or a walk-in. The same time is never logged twice."""

from typing import Annotated

from pydantic import AfterValidator, Field

from libs.calendar.page import CalendarPage, Pages
from libs.common.domain.entity import Change, Value
from libs.common.domain.errors import Invalid, Precondition, validation_error
from services.mentors.domain.consultation import RECORDED, Consultation, State
from services.mentors.domain.evidence import Evidence
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.names import ConsultationName, MentorName, StartupName
from services.mentors.domain.record import (
    RecordSpec,
    Terms,
    already_logged,
    ensure_same_time,
    occupy,
    services_for,
    with_evidence,
    with_services,
)
from services.mentors.domain.record_facts import ConsultationLogged
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup


def _ensure_distinct(startups: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(startups)) < len(startups):
        raise validation_error("MALFORMED", "names a startup twice")
    return startups


class LogConsultation(Value):
    """Log a consultation that was requested here (`name`), or a walk-in."""

    name: ConsultationName | None = None
    mentor: MentorName
    startups: Annotated[tuple[StartupName, ...], Field(max_length=20), AfterValidator(_ensure_distinct)] = ()
    record: RecordSpec = RecordSpec()
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] = ()

    def startups_with(self, known: Consultation) -> tuple[str, ...]:
        """Return the startups that the consultation was booked for, and then those that came along."""
        return tuple(dict.fromkeys((*known.startups, *self.startups)))


Pair = tuple[tuple[Startup, ...], tuple[Residence | None, ...]]


def log_walk_in(
    mentor: Mentor,
    pages: tuple[CalendarPage | None, ...],
    startups: tuple[Startup, ...],
    residences: tuple[Residence | None, ...],
    *,
    command: LogConsultation,
    name: str,
    terms: Terms,
) -> Change[Consultation]:
    """Log a consultation that was never requested here.

    It is one block of the mentor's time, and one service for each startup.
    """
    if not startups:
        raise Invalid.field("startups", "REQUIRED", "name at least one startup")
    held = Consultation(
        name=name,
        mentor=mentor.name,
        mentor_display_name=mentor.display_name,
        startups=(),
        state=State.HELD,
        walk_in=True,
        **command.record.held(command.startups, terms),
    )
    return _log(held, mentor, terms.calendar(pages), (startups, residences), command, terms)


def log_booked(
    booked: Consultation,
    mentor: Mentor,
    pages: tuple[CalendarPage | None, ...],
    startups: tuple[Startup, ...],
    residences: tuple[Residence | None, ...],
    *,
    command: LogConsultation,
    known: Consultation,
    terms: Terms,
) -> Change[Consultation]:
    """Log a consultation that was requested here. What the command leaves out stays as it was booked.

    `known` is the consultation as it was when the pages to load were chosen.
    """
    if booked.mentor != command.mentor:
        raise Invalid.field("mentor", "MALFORMED", "not the mentor of the consultation")
    if booked.state in RECORDED:
        raise already_logged(booked)
    if booked.state not in (State.SCHEDULED, State.HELD):
        raise Precondition(
            "WRONG_CONSULTATION_STATE",
            "the consultation was not scheduled; if it was held all the same, log it as a walk-in",
            state=booked.state,
        )
    ensure_same_time(booked, known)
    record = RecordSpec.of(booked).updated(command.record.given())
    held = booked.with_(**record.held(command.startups_with(known), terms))
    return _log(held, mentor, terms.calendar(pages), (startups, residences), command, terms)


def _log(
    held: Consultation, mentor: Mentor, calendar: Pages, received: Pair, command: LogConsultation, terms: Terms
) -> Change[Consultation]:
    day = terms.day_of(held)
    record = with_services(with_evidence(held, command.evidence), services_for(*received, day))
    logged = record.with_(
        state=State.LOGGED,
        appointed=mentor.appointed_on(day),
        log_time=terms.now,
        due_time=terms.due_time,
    )
    occupied = occupy(calendar, logged)
    return Change(logged, saves=(logged, *occupied.saves), facts=(ConsultationLogged.of(logged, date=day),))
