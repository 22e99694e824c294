"""What people enter about a consultation that was held, and how it becomes a record."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field

from libs.calendar.interval import FIRST_INSTANT, LAST_INSTANT, Instant, Interval, ensure_interval
from libs.calendar.local_time import instant_text, local_day
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.common.domain.entity import Spec, construct
from libs.common.domain.errors import Invalid, Precondition, Stale, Taken, Violation
from libs.common.domain.profile import Section, Words
from libs.common.domain.text import Line, Paragraphs, Title
from services.mentors.domain.consultation import RECORDED, Consultation, Kind, NextStep, Participant, Service
from services.mentors.domain.evidence import Evidence
from services.mentors.domain.mentor import Format
from services.mentors.domain.residence import Residence, Stay
from services.mentors.domain.startup import Startup
from services.mentors.domain.tally import day_of

MAX_HOURS = 24
MAX_NEXT_STEPS = 20
#: How far ahead a next step may be due.
MAX_AHEAD = timedelta(days=3653)
#: The documents that one record holds in the course of time.
MAX_EVIDENCE = 50


class RecordSection(Section):
    """The table `record` of the profile: for how many days a startup may answer, and where that is from."""

    source: Words
    answer_days: int = Field(ge=1, le=366)


@dataclass(frozen=True, slots=True)
class Terms:
    """When a record is made, in which zone its days are, and for how many days a startup may answer.

    `page_names` are those of the calendar pages that were loaded for the decision.
    """

    now: datetime
    zone: ZoneInfo
    answer_days: int
    page_names: tuple[str, ...] = ()

    def calendar(self, pages: Iterable[CalendarPage | None]) -> Pages:
        """Return the loaded pages under their names."""
        return Pages.of(self.page_names, pages, self.zone)

    @property
    def due_time(self) -> datetime:
        """When the time to answer is over for a record that is made now."""
        return self.now + timedelta(days=self.answer_days)

    @property
    def today(self) -> date:
        """The day on which the record is made."""
        return local_day(self.now, self.zone)

    def day_of(self, consultation: Consultation) -> date:
        """Return the day of the city on which a consultation counts."""
        return day_of(consultation.start_time, self.zone)


class RecordSpec(Spec):
    """What people enter about a consultation that was held."""

    required = ("start_time", "end_time", "kind", "format", "topic")

    start_time: Instant | None = None
    end_time: Instant | None = None
    kind: Kind | None = None
    format: Format | None = None
    topic: Title = ""
    place: Line = ""
    participants: Annotated[tuple[Participant, ...], Field(max_length=50)] = ()
    problem: Paragraphs = ""
    advice: Paragraphs = ""
    result: Paragraphs = ""
    next_steps: Annotated[tuple[NextStep, ...], Field(max_length=MAX_NEXT_STEPS)] = ()

    @classmethod
    def of(cls, consultation: Consultation) -> Self:
        """Return what a consultation says now."""
        return construct(cls, {name: getattr(consultation, name) for name in cls.model_fields})

    def updated(self, fields: Mapping[str, Any]) -> Self:
        """Copy with some fields replaced by valid values."""
        return construct(type(self), {**self.__dict__, **fields})

    def given(self) -> dict[str, Any]:
        """Return the fields that are not empty."""
        return {name: value for name, value in self.__dict__.items() if value}

    def held(self, startups: Iterable[str], terms: Terms) -> dict[str, Any]:
        """Return all fields. Refuses what is incomplete, not a possible time, or not over yet (IN_THE_FUTURE).

        Participants belong to one of the startups or to none. A step is done by today, and due within ten years.
        """
        self.ensure_complete("record")
        interval = Interval(start=self.__dict__["start_time"], end=self.__dict__["end_time"])
        ensure_interval(interval, "record.end_time", max_hours=MAX_HOURS)
        if violations := (*_strangers(self.participants, frozenset(startups)), *_late(self.next_steps, terms)):
            raise Invalid(*violations)
        if interval.end > terms.now:
            raise Precondition(
                "IN_THE_FUTURE",
                "the consultation is not over yet; log it once it has been held",
                end_time=instant_text(interval.end),
            )
        return dict(self.__dict__)


def _strangers(participants: Iterable[Participant], startups: frozenset[str]) -> Iterator[Violation]:
    for index, participant in enumerate(participants):
        if participant.startup and participant.startup not in startups:
            path = f"record.participants[{index}].startup"
            yield Violation(path, "MALFORMED", "the startup did not take part in the consultation")


def _late(steps: Iterable[NextStep], terms: Terms) -> Iterator[Violation]:
    for index, step in enumerate(steps):
        path, today = f"record.next_steps[{index}]", terms.today
        if step.due_date and step.due_date > today + MAX_AHEAD:
            yield Violation(f"{path}.due_date", "DATE_OUT_OF_RANGE", "more than ten years ahead")
        if step.done_date and step.done_date > today:
            yield Violation(f"{path}.done_date", "DATE_OUT_OF_RANGE", "in the future")


# --- the mentor's time ------------------------------------------------------------------------


def pages_to_load(mentor: str, record: RecordSpec, known: Consultation | None, zone: ZoneInfo) -> tuple[str, ...]:
    """Return the names of the calendar pages of the time that a record gives and of the time that is occupied now.

    A time that the record leaves out is that of the known consultation. For times that no consultation can have,
    there is no page: the decision refuses them before it needs one.
    """
    start = record.start_time or (known.start_time if known else None)
    end = record.end_time or (known.end_time if known else None)
    times = [Interval(start=start, end=end)] if start and end else []
    if known is not None:
        times.append(Interval(start=known.start_time, end=known.end_time))
    return tuple(sorted({name for each in times if _is_possible(each) for name in page_names(mentor, each, zone)}))


def _is_possible(time: Interval) -> bool:
    length = timedelta(hours=MAX_HOURS)
    return FIRST_INSTANT <= time.start < time.end <= LAST_INSTANT and time.end - time.start <= length


def occupy(calendar: Pages, consultation: Consultation) -> Pages:
    """Occupy the mentor's time. Rules for bookings do not apply: what was held was held.

    Refuses a time that holds something else (TIME_TAKEN), with the name of the consultation if it is one.
    """
    wanted = Entry(
        holder=consultation.name,
        person=consultation.startups[0],
        start=consultation.start_time,
        end=consultation.end_time,
    )
    try:
        return calendar.occupy(wanted)
    except Taken:
        others = (entry for entry in calendar.entries if entry.holder != wanted.holder)
        raise _time_taken(next(entry for entry in others if entry.interval.overlaps(wanted.interval))) from None


def _time_taken(entry: Entry) -> Taken:
    is_consultation = entry.holder.startswith("consultations/")
    remedy = "log that consultation by its name" if is_consultation else "remove that commitment"
    return Taken(
        "TIME_TAKEN",
        f"the mentor's calendar holds something else at this time; {remedy}, or correct the times",
        consultation=entry.holder if is_consultation else "",
        taken_start=instant_text(entry.start),
        taken_end=instant_text(entry.end),
    )


def already_logged(first: Consultation) -> Taken:
    """Build the refusal of a second record of the same time; it names the first."""
    return Taken(
        "ALREADY_LOGGED",
        "a consultation at this time has been logged already; correct that record if it is wrong",
        consultation=first.name,
        taken_start=instant_text(first.start_time),
        taken_end=instant_text(first.end_time),
    )


def ensure_same_time(consultation: Consultation, known: Consultation) -> None:
    """Refuse to decide with the calendar pages of a time that the consultation no longer has (ETAG_MISMATCH)."""
    if (consultation.start_time, consultation.end_time) != (known.start_time, known.end_time):
        raise Stale(
            "ETAG_MISMATCH",
            "the consultation was moved at the same moment; try again",
            name=consultation.name,
            etag=consultation.etag,
        )


def ensure_recorded(consultation: Consultation) -> None:
    """Refuse a consultation that was not logged (WRONG_CONSULTATION_STATE)."""
    if consultation.state not in RECORDED:
        raise Precondition("WRONG_CONSULTATION_STATE", "the consultation was not logged", state=consultation.state)


# --- services and evidence --------------------------------------------------------------------


def services_for(startups: Iterable[Startup], residences: Iterable[Residence | None], day: date) -> tuple[Service, ...]:
    """Return what each startup received: where it was a tenant on the day, or its own district if it was none."""
    return tuple(
        _service_for(startup, residence.stay_on(day) if residence else None)
        for startup, residence in zip(startups, residences, strict=True)
    )


def _service_for(startup: Startup, stay: Stay | None) -> Service:
    service = Service(startup=startup.name, startup_display_name=startup.display_name, district=startup.district)
    return located(service, stay)


def located(service: Service, stay: Stay | None) -> Service:
    """Copy what a startup received with the space, district and zone of its tenancy on the day."""
    district = (stay.district if stay else "") or service.district
    return service.model_copy(
        update={"space": stay.space if stay else "", "district": district, "zone": stay.zone if stay else ""}
    )


def with_services(consultation: Consultation, services: tuple[Service, ...]) -> Consultation:
    """Copy a consultation with its services, and with the startups, spaces and districts that follow from them."""
    return consultation.with_(
        services=services,
        startups=tuple(service.startup for service in services),
        spaces=_distinct(service.space for service in services),
        districts=_distinct(name for service in services for name in (service.district, service.zone)),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def with_evidence(consultation: Consultation, added: Iterable[Evidence]) -> Consultation:
    """Copy a consultation with more documents, each held once. Refuses more than a record may hold (RECORD_FULL)."""
    documents = {(each.kind, each.sha256): each for each in (*added, *consultation.evidence)}
    known = [(each.kind, each.sha256) for each in consultation.evidence]
    ordered = dict.fromkeys((*known, *documents))
    if len(ordered) > MAX_EVIDENCE:
        raise Precondition("RECORD_FULL", f"a record holds at most {MAX_EVIDENCE} documents", limit=MAX_EVIDENCE)
    return consultation.with_(evidence=tuple(documents[key] for key in ordered))
