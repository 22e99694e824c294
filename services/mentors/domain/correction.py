"""Correct a record, which keeps what it said before, prove it by documents, and complete what was agreed."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Change, UpdateMask, Value, construct
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import Etag
from services.mentors.domain.answer import lapsed
from services.mentors.domain.consultation import Consultation, Correction, ServiceState, State
from services.mentors.domain.evidence import Evidence
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.names import ConsultationName
from services.mentors.domain.record import (
    MAX_NEXT_STEPS,
    RecordSpec,
    Terms,
    ensure_recorded,
    ensure_same_time,
    located,
    occupy,
    with_evidence,
    with_services,
)
from services.mentors.domain.record_facts import ConsultationCorrected
from services.mentors.domain.residence import Residence

#: Each keeps the texts that it replaced.
MAX_CORRECTIONS = 10
#: A startup that has given one of these answers, or none in time, has settled what the record says.
OPEN = frozenset({ServiceState.PENDING, ServiceState.DISPUTED})


class CorrectConsultation(Value):
    """Correct a record."""

    name: ConsultationName
    record: RecordSpec = RecordSpec()
    update_mask: UpdateMask
    etag: Etag = ""


class AddEvidence(Value):
    """Add documents that prove what a record says."""

    name: ConsultationName
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)]


class CompleteNextStep(Value):
    """Mark a next step as done, today unless a day is given."""

    name: ConsultationName
    index: Annotated[int, Field(ge=0, le=MAX_NEXT_STEPS - 1)] = 0
    done_date: date | None = None


def correct(
    consultation: Consultation,
    mentor: Mentor,
    pages: tuple[CalendarPage | None, ...],
    residences: tuple[Residence | None, ...],
    *,
    command: CorrectConsultation,
    known: Consultation,
    terms: Terms,
) -> Change[Consultation]:
    """Correct a record and keep what it said before.

    Refused once a startup has confirmed the record, or the time to answer is over (CORRECTION_CLOSED). A startup that
    disputes the record has to answer again. `known` is the consultation as it was when the pages were chosen.
    """
    consultation.ensure_etag(command.etag)
    consultation = lapsed(consultation, terms.now)  # the sweeper may not have run yet
    _ensure_open(consultation)
    ensure_same_time(consultation, known)
    changes = command.record.masked(command.update_mask)
    fields = RecordSpec.of(consultation).updated(changes).held(consultation.startups, terms)
    corrected = consultation.with_(
        **fields,
        corrections=(*consultation.corrections, _before(consultation, terms.now)),
        state=State.LOGGED,
        due_time=terms.due_time,
    )
    day = terms.day_of(corrected)
    services = tuple(
        located(service.model_copy(update={"state": ServiceState.PENDING}), where.stay_on(day) if where else None)
        for service, where in zip(consultation.services, residences, strict=True)
    )
    corrected = with_services(corrected, services).with_(appointed=mentor.appointed_on(day))
    saves = (corrected, *occupy(terms.calendar(pages), corrected).saves)
    return Change(corrected, saves=saves, facts=(ConsultationCorrected.of(corrected, date=day),))


def _before(consultation: Consultation, now: datetime) -> Correction:
    fields = Correction.model_fields.keys() - {"correct_time"}
    return construct(Correction, {"correct_time": now} | {name: getattr(consultation, name) for name in fields})


def _ensure_open(consultation: Consultation) -> None:
    ensure_recorded(consultation)
    if any(service.state not in OPEN for service in consultation.services):
        raise Precondition(
            "CORRECTION_CLOSED",
            "a startup has confirmed the record, or did not answer in time; only a dispute can change it now",
            state=consultation.state,
        )
    if len(consultation.corrections) >= MAX_CORRECTIONS:
        raise Precondition(
            "RECORD_FULL", f"a record is corrected {MAX_CORRECTIONS} times at most", limit=MAX_CORRECTIONS
        )


def add_evidence(consultation: Consultation, command: AddEvidence) -> Change[Consultation]:
    """Add documents to a record, at any time after it was logged. One that it holds already is not added again."""
    ensure_recorded(consultation)
    proved = with_evidence(consultation, command.evidence)
    return Change(proved, saves=(proved,))


def complete_next_step(consultation: Consultation, command: CompleteNextStep, *, today: date) -> Change[Consultation]:
    """Mark an agreed next step as done."""
    ensure_recorded(consultation)
    if command.index >= len(consultation.next_steps):
        raise Invalid.field("index", "OUT_OF_RANGE", f"there are {len(consultation.next_steps)} next steps")
    done = command.done_date or today
    if done > today:
        raise Invalid.field("done_date", "DATE_OUT_OF_RANGE", "in the future")
    steps = list(consultation.next_steps)
    if (before := steps[command.index].done_date) is not None:
        raise Precondition("NEXT_STEP_DONE", "the next step is done already", done_date=before)
    steps[command.index] = steps[command.index].model_copy(update={"done_date": done})
    completed = consultation.with_(next_steps=tuple(steps))
    return Change(completed, saves=(completed,))
