"""Appointments: the terms of a mentor, and how they begin, pause and end."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from libs.common.domain.dates import midnight
from libs.common.domain.entity import Change, Entity, Value
from libs.common.domain.errors import Invalid, NotFound, Precondition, Taken
from libs.common.domain.names import Etag
from libs.common.domain.profile import City, Section, Words
from libs.common.domain.text import Title
from services.mentors.domain.certificate_number import CertificateNumber, certificate_name, plain_number
from services.mentors.domain.mentor import Appointment, Mentor, MentorNominated, MentorUpdated, RetireReason, State
from services.mentors.domain.names import AppointerName, MentorName
from services.mentors.domain.space import Space

MAX_APPOINTMENTS = 100
MAX_TERM_YEARS, MAX_PAST_YEARS, MAX_AHEAD = 10, 50, timedelta(days=366)
F = TypeVar("F", bound=MentorNominated)


class AppointmentSection(Section):
    """The table `appointment` of the profile: how long a term is unless its end is given, and where that is from."""

    source: Words
    term_months: int = Field(ge=1, le=120)


class AppointMentor(Value):
    """Appoint a mentor for a term."""

    name: MentorName
    appointer: AppointerName
    body: Title = ""
    certificate_number: Annotated[Title, StringConstraints(min_length=1)]
    start_date: date | None = None
    end_date: date | None = None
    etag: Etag = ""


class EndAppointment(Value):
    """End one appointment before its end date."""

    name: MentorName
    certificate_number: Annotated[Title, StringConstraints(min_length=1)]
    end_date: date | None = None
    etag: Etag = ""


class SuspendMentor(Value):
    """Suspend a mentor until a day, or until the mentor is resumed."""

    name: MentorName
    end_date: date | None = None
    etag: Etag = ""


class ResumeMentor(Value):
    """End the suspension of a mentor."""

    name: MentorName
    etag: Etag = ""


class RetireMentor(Value):
    """Retire a mentor."""

    name: MentorName
    retire_reason: RetireReason
    etag: Etag = ""


class MentorAppointed(MentorNominated):
    """A mentor was appointed."""


class MentorSuspended(MentorNominated):
    """A mentor was suspended."""

    suspension_end_date: date | None


class MentorResumed(MentorNominated):
    """The suspension of a mentor ended."""


class MentorRetired(MentorNominated):
    """A mentor was retired."""

    retire_reason: RetireReason | None


def appoint(
    mentor: Mentor,
    space: Space | None,
    certificate: CertificateNumber | None,
    command: AppointMentor,
    city: City,
    *,
    term_months: int,
    today: date,
) -> Change[Mentor]:
    """Appoint a mentor, a second time, for a further space, or again after retirement.

    Refuses a certificate number that was given before (CERTIFICATE_NUMBER_TAKEN), days for which the appointer has
    appointed the mentor (ALREADY_APPOINTED), and a rejected or suspended mentor (WRONG_MENTOR_STATE).
    """
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(State.NOMINATED, State.APPOINTED, State.RETIRED)
    ensure_district("appointer", command.appointer, city)
    if certificate is not None:
        raise Taken(
            "CERTIFICATE_NUMBER_TAKEN", "the certificate number was given to a mentor before", mentor=certificate.mentor
        )
    start, end = _term(command, term_months, today)
    _ensure_free(mentor, command.appointer, start, end)
    if len(mentor.appointments) >= MAX_APPOINTMENTS:
        raise Precondition("TOO_MANY_APPOINTMENTS", "the mentor has too many appointments", limit=MAX_APPOINTMENTS)
    made = Appointment(
        appointer=command.appointer,
        body=command.body or _body(command.appointer, space, city),
        certificate_number=command.certificate_number,
        start_date=start,
        end_date=end,
    )
    appointed = mentor.with_(
        state=State.APPOINTED, appointments=(*mentor.appointments, made), retire_reason=None, suspension_end_date=None
    )
    number = CertificateNumber(
        name=certificate_name(command.certificate_number), mentor=mentor.name, number=command.certificate_number
    )
    return _changed(appointed, MentorAppointed, city, today, number)


def _term(command: AppointMentor, term_months: int, today: date) -> tuple[date, date]:
    start = command.start_date or today
    if not _years_later(today, -MAX_PAST_YEARS) <= start <= today + MAX_AHEAD:
        raise Invalid.field("start_date", "DATE_OUT_OF_RANGE", "more than fifty years ago, or more than a year ahead")
    end = command.end_date or months_later(start, term_months)
    if not max(start, today) < end <= _years_later(start, MAX_TERM_YEARS):
        raise Invalid.field(
            "end_date", "DATE_OUT_OF_RANGE", "not after the start and today, or more than ten years after the start"
        )
    return start, end


def _ensure_free(mentor: Mentor, appointer: str, start: date, end: date) -> None:
    """Refuse days for which the appointer has appointed the mentor."""
    for other in mentor.appointments:
        if other.appointer == appointer and max(start, other.start_date) < min(end, other.end_date):
            raise Taken(
                "ALREADY_APPOINTED",
                "the appointer has appointed the mentor for some of these days",
                start_date=other.start_date,
                end_date=other.end_date,
            )


def _body(appointer: str, space: Space | None, city: City) -> str:
    if space is not None:
        return space.display_name
    return city.districts[appointer].name.zh


def ensure_district(field: str, name: str, city: City) -> None:
    """Refuse what is neither a space nor a district or zone of the city (MALFORMED)."""
    if not name.startswith("spaces/") and name not in city.districts:
        raise Invalid.field(field, "MALFORMED", "not a district or zone of the city")


def months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or the last day of a month that is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _years_later(day: date, years: int) -> date:
    return months_later(day, 12 * years)


def end_appointment(mentor: Mentor, command: EndAppointment, city: City, *, today: date) -> Change[Mentor]:
    """End an appointment early. A mentor without another is retired.

    Refuses a number of no appointment (APPOINTMENT_NOT_FOUND) and an appointment that has ended (APPOINTMENT_ENDED).
    """
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(State.APPOINTED, State.SUSPENDED)
    number = plain_number(command.certificate_number)
    ended = next((each for each in mentor.appointments if plain_number(each.certificate_number) == number), None)
    if ended is None:
        raise NotFound("APPOINTMENT_NOT_FOUND", "the mentor has no appointment with this number", name=mentor.name)
    if ended.end_date <= today:
        raise Precondition("APPOINTMENT_ENDED", "the appointment has ended already", end_date=ended.end_date)
    end = command.end_date or max(today, ended.start_date)
    if not max(today, ended.start_date) <= end < ended.end_date:
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "before today or the first day, or not before the end")
    terms = tuple(each.model_copy(update={"end_date": end}) if each is ended else each for each in mentor.appointments)
    return _settled(mentor.with_(appointments=terms), city, today)


def suspend(mentor: Mentor, command: SuspendMentor, city: City, *, today: date) -> Change[Mentor]:
    """Suspend an appointed mentor, or change until when a suspended one is (WRONG_MENTOR_STATE otherwise)."""
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(State.APPOINTED, State.SUSPENDED)
    end = command.end_date
    if end is not None and not today < end <= _years_later(today, MAX_TERM_YEARS):
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not after today, or more than ten years ahead")
    return _changed(mentor.with_(state=State.SUSPENDED, suspension_end_date=end), MentorSuspended, city, today)


def resume(mentor: Mentor, command: ResumeMentor, city: City, *, today: date) -> Change[Mentor]:
    """End the suspension of a suspended mentor (WRONG_MENTOR_STATE otherwise)."""
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(State.SUSPENDED)
    return _changed(mentor.with_(state=State.APPOINTED, suspension_end_date=None), MentorResumed, city, today)


def retire(mentor: Mentor, command: RetireMentor, city: City, *, today: date) -> Change[Mentor]:
    """Retire an appointed or suspended mentor and end all appointments (WRONG_MENTOR_STATE otherwise)."""
    if command.retire_reason in {RetireReason.TERM_ENDED, RetireReason.FORGOTTEN}:
        raise Invalid.field("retire_reason", "MALFORMED", "only the service sets this reason")
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(State.APPOINTED, State.SUSPENDED)
    return _changed(_retired(mentor, command.retire_reason, today), MentorRetired, city, today)


def advance(mentor: Mentor, city: City, *, today: date) -> Change[Mentor]:
    """Bring a mentor to the state of today: a term or a suspension has ended. Refuses when nothing is due (NOT_DUE)."""
    if mentor.due_time is None or mentor.due_time > _midnight(today, city):
        raise Precondition("NOT_DUE", "no term or suspension of the mentor ends by now", name=mentor.name)
    return _settled(mentor, city, today)


def _settled(mentor: Mentor, city: City, today: date) -> Change[Mentor]:
    if not _open(mentor, today):
        return _changed(_retired(mentor, RetireReason.TERM_ENDED, today), MentorRetired, city, today)
    end = mentor.suspension_end_date
    if mentor.state is State.SUSPENDED and end is not None and end <= today:
        return _changed(mentor.with_(state=State.APPOINTED, suspension_end_date=None), MentorResumed, city, today)
    return _changed(mentor, MentorUpdated, city, today)


def end_all(appointments: Iterable[Appointment], today: date) -> tuple[Appointment, ...]:
    """End what has not ended: today, or on the first day if that is later. A term without days stays on record."""
    return tuple(
        each.model_copy(update={"end_date": max(today, each.start_date)}) if each.end_date > today else each
        for each in appointments
    )


def _retired(mentor: Mentor, reason: RetireReason, today: date) -> Mentor:
    return mentor.with_(
        state=State.RETIRED,
        retire_reason=reason,
        suspension_end_date=None,
        appointments=end_all(mentor.appointments, today),
    )


def _changed(mentor: Mentor, fact: type[F], city: City, today: date, *more: Entity) -> Change[Mentor]:
    """Save the mentor with what follows from its terms, and publish the fact."""
    held = _open(mentor, today)
    appointers = sorted({each.appointer for each in held})
    saved = mentor.with_(
        spaces=tuple(name for name in appointers if name.startswith("spaces/")),
        districts=tuple(name for name in appointers if name.startswith("districts/")),
        due_time=_due_time(mentor, held, city),
    )
    return Change(saved, saves=(saved, *more), facts=(fact.of(saved),))


def _open(mentor: Mentor, today: date) -> tuple[Appointment, ...]:
    """Return the appointments that have days from today on."""
    return tuple(each for each in mentor.appointments if max(today, each.start_date) < each.end_date)


def _due_time(mentor: Mentor, held: Iterable[Appointment], city: City) -> datetime | None:
    days = [each.end_date for each in held]
    if mentor.suspension_end_date is not None:
        days.append(mentor.suspension_end_date)
    return _midnight(min(days), city) if days else None


def _midnight(day: date, city: City) -> datetime:
    return midnight(day, ZoneInfo(city.time_zone))
