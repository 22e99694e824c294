"""Records of consultations, as domain values. They are held on TODAY, and logged at NOW of the next day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Change, Entity, UpdateMask
from services.mentors.domain import answer, correction, log, tally
from services.mentors.domain.answer import ConfirmConsultation, DisputeConsultation, Resolution, ResolveDispute
from services.mentors.domain.consultation import Consultation, Kind, NextStep, Participant, Service, ServiceState
from services.mentors.domain.correction import CorrectConsultation
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.log import LogConsultation
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Format, Mentor
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.record import RecordSpec, Terms, pages_to_load
from services.mentors.domain.residence import Residence
from tests.mentors.booking.samples import MENTOR, STARTUP, residence, span
from tests.mentors.samples import NOW, ZONE, day, mentor, startup

TOMORROW = NOW + timedelta(days=1)
ANSWER_DAYS = 14


def record_of(time: Interval, **fields: Any) -> RecordSpec:
    """Describe a session at a time; `fields` replace or add."""
    values = {
        "start_time": time.start,
        "end_time": time.end,
        "kind": Kind.CONSULTING,
        "format": Format.ON_SITE,
        "topic": "股权结构",
        "place": "江城孵化器201室",
        "participants": (Participant(display_name="李想", startup=STARTUP),),
        "problem": "两位创始人各占一半",
        "advice": "设立期权池",
        "result": "同意调整比例",
        "next_steps": (NextStep(text="起草协议", due_date=day(30)), NextStep(text="开股东会")),
    }
    return RecordSpec(**{**values, **fields})


def document(kind: EvidenceKind = EvidenceKind.PHOTO, number: int = 1) -> Evidence:
    """Return a document of this kind; those of different numbers have different contents."""
    return Evidence(kind=kind, title="现场照片", link=f"https://files.example.org/{number}", sha256=f"{number:064x}")


def log_of(time: Interval, startups: Sequence[str] = (STARTUP,), **fields: Any) -> LogConsultation:
    """Log a session at a time for some startups; `fields` replace or add."""
    return LogConsultation(**{"mentor": MENTOR, "startups": tuple(startups), "record": record_of(time), **fields})


@dataclass
class Office:
    """One mentor's documents and what counts of them. A command that is refused raises, and changes nothing."""

    now: datetime = TOMORROW
    mentor: Mentor = field(default_factory=mentor)
    residences: dict[str, Residence] = field(default_factory=lambda: {STARTUP: residence()})
    consultations: dict[str, Consultation] = field(default_factory=dict)
    pages: dict[str, CalendarPage] = field(default_factory=dict)
    years: dict[str, MentorYear] = field(default_factory=dict)
    mentees: dict[str, Mentee] = field(default_factory=dict)
    facts: list[Any] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """When commands are decided that need no calendar."""
        return self.terms_with(())

    def terms_with(self, page_names: tuple[str, ...]) -> Terms:
        """When commands are decided for which pages are loaded."""
        return Terms(self.now, ZONE, ANSWER_DAYS, page_names)

    def save(self, change: Change[Consultation]) -> Consultation:
        """Keep what a decision saves, each as its next version, as the store does."""
        kept: dict[type[Entity], dict[str, Any]] = {
            Consultation: self.consultations,
            CalendarPage: self.pages,
            MentorYear: self.years,
            Mentee: self.mentees,
        }
        for entity in change.saves:
            kept[type(entity)][entity.name] = entity.with_(version=entity.version + 1)
        self.facts += change.facts
        return self.consultations[change.reply.name]

    def load(self, names: tuple[str, ...]) -> tuple[CalendarPage | None, ...]:
        """Return pages by their names."""
        return tuple(self.pages.get(name) for name in names)

    def residences_of(self, startups: Sequence[str]) -> tuple[Residence | None, ...]:
        """Return where startups stay, by their names."""
        return tuple(self.residences.get(name) for name in startups)

    def log(self, command: LogConsultation) -> Consultation:
        """Log a session."""
        return self.save(self.decide_log(command))

    def decide_log(self, command: LogConsultation) -> Change[Consultation]:
        """Decide on a session without keeping the result."""
        known = self.consultations[command.name] if command.name else None
        startups = command.startups_with(known) if known else command.startups
        parties = (tuple(startup(name) for name in startups), self.residences_of(startups))
        names = pages_to_load(MENTOR, command.record, known, ZONE)
        pages, terms = self.load(names), self.terms_with(names)
        if known is None:
            name = f"consultations/w{len(self.consultations):04d}"
            return log.log_walk_in(self.mentor, pages, *parties, command=command, name=name, terms=terms)
        return log.log_booked(known, self.mentor, pages, *parties, command=command, known=known, terms=terms)

    def correct(self, logged: Consultation, *paths: str, etag: str = "", **fields: Any) -> Consultation:
        """Correct the fields of a record that the paths name, or else the given fields."""
        known = self.consultations[logged.name]
        mask = UpdateMask(paths=paths or tuple(fields))
        command = CorrectConsultation(name=logged.name, record=RecordSpec(**fields), update_mask=mask, etag=etag)
        record = RecordSpec.of(known).updated(command.record.masked(mask))
        names = pages_to_load(MENTOR, record, known, ZONE)
        return self.save(
            correction.correct(
                known,
                self.mentor,
                self.load(names),
                self.residences_of(known.startups),
                command=command,
                known=known,
                terms=self.terms_with(names),
            )
        )

    def figures(self, logged: Consultation, who: str) -> tuple[MentorYear | None, Mentee | None]:
        """Return the figures to which a service counts."""
        year = tally.year_name(logged.mentor, tally.day_of(logged.start_time, ZONE).year)
        return self.years.get(year), self.mentees.get(who)

    def confirm(self, logged: Consultation, who: str = STARTUP, **fields: Any) -> Consultation:
        """Confirm a record for a startup."""
        known = self.consultations[logged.name]
        command = ConfirmConsultation(name=logged.name, startup=who, **fields)
        figures = self.figures(known, who)
        return self.save(answer.confirm(known, *figures, command=command, known=known, terms=self.terms))

    def dispute(self, logged: Consultation, who: str = STARTUP, **fields: Any) -> Consultation:
        """Dispute a record for a startup."""
        known = self.consultations[logged.name]
        command = DisputeConsultation(name=logged.name, startup=who, **{"dispute_reason": "只谈了半小时", **fields})
        figures = self.figures(known, who)
        return self.save(answer.dispute(known, *figures, command=command, known=known, terms=self.terms))

    def resolve(
        self, logged: Consultation, how: Resolution, who: str = STARTUP, reach: frozenset[str] | None = None
    ) -> Consultation:
        """Resolve the dispute of a startup."""
        known = self.consultations[logged.name]
        command = ResolveDispute(name=logged.name, startup=who, resolution=how)
        figures = self.figures(known, who)
        terms = self.terms
        return self.save(answer.resolve(known, *figures, command=command, known=known, terms=terms, reach=reach))

    def close(self, logged: Consultation) -> Consultation:
        """Run the timer of a record."""
        return self.save(answer.close(self.consultations[logged.name], terms=self.terms))


def states(consultation: Consultation) -> list[ServiceState]:
    """Return what the startups say."""
    return [service.state for service in consultation.services]


def service_of(consultation: Consultation, who: str = STARTUP) -> Service:
    """Return what a startup received."""
    return next(service for service in consultation.services if service.startup == who)


def session(office: Office, number: int = 0, minutes: int = 60, startups: Sequence[str] = (STARTUP,)) -> Consultation:
    """Log a session on TODAY or, by its number, on so many days before."""
    return office.log(log_of(span(-number, "10:00", minutes), startups))
