"""What startups say of a record: confirm it, dispute it, or nothing in time; and how a dispute is resolved."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from libs.common.domain.entity import Change, Value
from libs.common.domain.errors import Denied, Invalid, Precondition
from libs.common.domain.names import Etag
from libs.common.domain.text import Paragraphs
from services.mentors.domain import tally
from services.mentors.domain.consultation import Consultation, Ratings, Service, ServiceState, State
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.names import ConsultationName, StartupName
from services.mentors.domain.record import Terms, ensure_recorded, ensure_same_time
from services.mentors.domain.record_facts import (
    ConsultationClosed,
    ConsultationConfirmed,
    ConsultationDisputed,
    ConsultationRejected,
)

PENDING, CONFIRMED, DISPUTED = ServiceState.PENDING, ServiceState.CONFIRMED, ServiceState.DISPUTED
UNCONFIRMED, REJECTED = ServiceState.UNCONFIRMED, ServiceState.REJECTED
#: The figures that a decision changes, if any.
Figures = tuple[MentorYear, Mentee] | tuple[()]


class Resolution(StrEnum):
    """How a dispute ends: the startup is right, or the record is."""

    UPHELD = "UPHELD"
    DISMISSED = "DISMISSED"


class ConfirmConsultation(Value):
    """Confirm what a startup received. A rating of 0 is none."""

    name: ConsultationName
    startup: StartupName
    rating: Ratings = 0
    comment: Paragraphs = ""
    etag: Etag = ""


class DisputeConsultation(Value):
    """Dispute what the record says of a startup."""

    name: ConsultationName
    startup: StartupName
    dispute_reason: Annotated[Paragraphs, StringConstraints(min_length=1)]
    etag: Etag = ""


class ResolveDispute(Value):
    """Resolve the dispute of a startup."""

    name: ConsultationName
    startup: StartupName
    resolution: Resolution
    etag: Etag = ""


def confirm(
    consultation: Consultation,
    year: MentorYear | None,
    mentee: Mentee | None,
    *,
    command: ConfirmConsultation,
    known: Consultation,
    terms: Terms,
) -> Change[Consultation]:
    """Confirm a startup's service, which counts from now on. A startup may take its dispute back in this way.

    `known` is the consultation as it was when the year to load was chosen.
    """
    current, service = _answering(consultation, command, known, terms, (PENDING, DISPUTED))
    answer = {"rating": command.rating, "comment": command.comment, "answer_time": terms.now}
    return _confirmed(current, service.model_copy(update=answer), year, mentee, terms)


def dispute(
    consultation: Consultation,
    year: MentorYear | None,
    mentee: Mentee | None,
    *,
    command: DisputeConsultation,
    known: Consultation,
    terms: Terms,
) -> Change[Consultation]:
    """Dispute a startup's service. One that was confirmed before does not count while the dispute is open."""
    current, service = _answering(consultation, command, known, terms, (PENDING, CONFIRMED))
    figures: Figures = ()
    if service.state is CONFIRMED:
        if year is None or mentee is None:
            raise ValueError(f"{current.name} was confirmed and is not counted")
        figures = tally.reject(year, mentee, current, service, zone=terms.zone)
    answer = {"state": DISPUTED, "dispute_reason": command.dispute_reason, "answer_time": terms.now}
    disputed = _with_service(current, service.model_copy(update=answer))
    fact = _fact(ConsultationDisputed, disputed, service, figures[1] if figures else mentee, terms)
    return Change(disputed, saves=(disputed, *figures), facts=(fact,))


def resolve(
    consultation: Consultation,
    year: MentorYear | None,
    mentee: Mentee | None,
    *,
    command: ResolveDispute,
    known: Consultation,
    terms: Terms,
    reach: frozenset[str] | None,
) -> Change[Consultation]:
    """Resolve a dispute: a service whose dispute is upheld is rejected, one whose dispute is dismissed is confirmed.

    `reach` holds the spaces and districts that the caller may act for; None stands for all.
    """
    consultation.ensure_etag(command.etag)
    ensure_recorded(consultation)
    service = service_of(consultation, command.startup)
    if reach is not None and not reach & {service.space, service.district, service.zone}:
        raise Denied("OUT_OF_SCOPE", "the token's scopes do not reach this resource")
    if service.state is not DISPUTED:
        raise Precondition("NOT_DISPUTED", "the startup does not dispute the record", state=service.state)
    ensure_same_time(consultation, known)
    current = lapsed(consultation, terms.now)
    if command.resolution is Resolution.DISMISSED:
        return _confirmed(current, service, year, mentee, terms)
    rejected = _with_service(current, service.model_copy(update={"state": REJECTED}))
    fact = _fact(ConsultationRejected, rejected, service, mentee, terms)
    return Change(rejected, saves=(rejected,), facts=(fact,))


def close(consultation: Consultation, *, terms: Terms) -> Change[Consultation]:
    """End the time to answer: what no startup answered is unconfirmed, and a record that none confirmed is closed.

    Refuses when nothing is due (NOT_DUE). A refusal is not recorded, so the same command can succeed later.
    """
    over = lapsed(consultation, terms.now)
    if over is consultation:
        raise Precondition("NOT_DUE", "the time to answer is not over", name=consultation.name)
    day = terms.day_of(over)
    facts = (ConsultationClosed.of(over, date=day),) if over.state is State.CLOSED else ()
    return Change(over, saves=(over,), facts=facts)


def lapsed(consultation: Consultation, now: datetime) -> Consultation:
    """Return the consultation as it is at a moment, whether or not its timer has run."""
    if consultation.due_time is None or now < consultation.due_time:
        return consultation
    unanswered = {"state": UNCONFIRMED, "answer_time": consultation.due_time}
    services = tuple(
        service.model_copy(update=unanswered) if service.state is PENDING else service
        for service in consultation.services
    )
    return _answered(consultation, services)


def service_of(consultation: Consultation, startup: str) -> Service:
    """Return what a startup received. Refuses one that did not take part (MALFORMED)."""
    found = next((service for service in consultation.services if service.startup == startup), None)
    if found is None:
        raise Invalid.field("startup", "MALFORMED", "the startup did not take part in the consultation")
    return found


def state_of(services: tuple[Service, ...]) -> State:
    """Return the state of a record that follows from what the startups say."""
    states = {service.state for service in services}
    if DISPUTED in states:
        return State.DISPUTED
    if CONFIRMED in states:
        return State.CONFIRMED
    return State.LOGGED if PENDING in states else State.CLOSED


def _answering(
    consultation: Consultation,
    command: ConfirmConsultation | DisputeConsultation,
    known: Consultation,
    terms: Terms,
    allowed: tuple[ServiceState, ...],
) -> tuple[Consultation, Service]:
    """Return the consultation as it is now, and the service. Refuses an answer that is late, or was given already."""
    consultation.ensure_etag(command.etag)
    ensure_recorded(consultation)
    ensure_same_time(consultation, known)
    current = lapsed(consultation, terms.now)
    service = service_of(current, command.startup)
    if service.state is UNCONFIRMED:
        days = terms.answer_days
        raise Precondition("ANSWER_TOO_LATE", f"the startup did not answer within {days} days", answer_days=days)
    if service.state not in allowed:
        raise Precondition("ALREADY_ANSWERED", f"the startup's answer is {service.state}", state=service.state)
    return current, service


def _with_service(consultation: Consultation, changed: Service) -> Consultation:
    services = (changed if each.startup == changed.startup else each for each in consultation.services)
    return _answered(consultation, tuple(services))


def _answered(consultation: Consultation, services: tuple[Service, ...]) -> Consultation:
    is_open = any(service.state is PENDING for service in services)
    due = consultation.due_time if is_open else None
    return consultation.with_(services=services, state=state_of(services), due_time=due)


# --- what counts ------------------------------------------------------------------------------


def _confirmed(
    consultation: Consultation, service: Service, year: MentorYear | None, mentee: Mentee | None, terms: Terms
) -> Change[Consultation]:
    confirmed = service.model_copy(update={"state": CONFIRMED})
    answered = _with_service(consultation, confirmed)
    figures = tally.confirm(year, mentee, answered, confirmed, zone=terms.zone)
    fact = _fact(ConsultationConfirmed, answered, confirmed, figures[1], terms)
    return Change(answered, saves=(answered, *figures), facts=(fact,))


def _fact(
    kind: type[ConsultationConfirmed], consultation: Consultation, service: Service, mentee: Mentee | None, terms: Terms
) -> ConsultationConfirmed:
    relation = tally.relation_to(mentee, consultation.mentor) if mentee else None
    return kind.about(consultation, service, terms.day_of(consultation), relation)
