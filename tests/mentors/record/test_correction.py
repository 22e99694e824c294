"""Corrections with their history, documents that prove a record, what an audit would miss, and next steps."""

from datetime import date, timedelta

import pytest

from libs.common.domain.entity import UpdateMask
from libs.common.domain.errors import Invalid, Precondition, Stale, Taken
from services.mentors.domain.answer import Resolution
from services.mentors.domain.consultation import Consultation, Kind, Participant, ServiceState, State
from services.mentors.domain.correction import (
    MAX_CORRECTIONS,
    AddEvidence,
    CompleteNextStep,
    CorrectConsultation,
    add_evidence,
    complete_next_step,
    correct,
)
from services.mentors.domain.evidence import EvidenceKind, MissingEvidence
from services.mentors.domain.forgetting import forget_in_consultation
from services.mentors.domain.record import MAX_EVIDENCE, RecordSpec
from services.mentors.domain.record_facts import ConsultationCorrected
from tests.mentors.booking.samples import OTHER_STARTUP, SPACE, STARTUP, residence, span
from tests.mentors.record.samples import ANSWER_DAYS, Office, document, log_of, record_of, session, states
from tests.mentors.samples import TODAY, day

M = MissingEvidence
PENDING, CONFIRMED = ServiceState.PENDING, ServiceState.CONFIRMED


def proved(consultation: Consultation, *kinds: EvidenceKind, first: int = 1) -> Consultation:
    """Return a record with one more document of each kind."""
    documents = tuple(document(kind, first + number) for number, kind in enumerate(kinds))
    return add_evidence(consultation, AddEvidence(name=consultation.name, evidence=documents)).reply


def done(consultation: Consultation, index: int, last: date | None = None) -> Consultation:
    """Return a record of which a next step is done."""
    command = CompleteNextStep(name=consultation.name, index=index, done_date=last)
    return complete_next_step(consultation, command, today=day(1)).reply


# --- corrections ------------------------------------------------------------------------------


def test_a_correction_keeps_what_was_said_before() -> None:
    """A record says what was corrected, and its history each text and time before it, with the moment."""
    office = Office()
    logged = session(office)
    office.now += timedelta(hours=1)
    corrected = office.correct(logged, topic="期权池", end_time=span(0, "10:00", 90).end)
    assert (corrected.topic, corrected.minutes, corrected.advice) == ("期权池", 90, logged.advice)
    [before] = corrected.corrections
    assert (before.correct_time, before.end_time) == (office.now, logged.end_time)
    for field in ("start_time", "kind", "format", "topic", "place", "problem", "advice", "result", "participants"):
        assert getattr(before, field) == getattr(logged, field)
    assert corrected.due_time == office.now + timedelta(days=ANSWER_DAYS)
    fact = office.facts[-1]
    assert (type(fact), fact.minutes, fact.date) == (ConsultationCorrected, 90, TODAY)


def test_a_corrected_time_moves_in_the_calendar() -> None:
    """The calendar holds the corrected time alone, on another week as well; space and appointment are of that day."""
    office = Office(residences={STARTUP: residence(start=day(-6))})
    logged = session(office)
    corrected = office.correct(logged, start_time=span(-7, "10:00").start, end_time=span(-7, "10:00").end)
    assert (logged.spaces, corrected.spaces) == ((SPACE,), ())
    entries = [entry for page in office.pages.values() for entry in page.entries]
    assert [(entry.start, entry.end) for entry in entries] == [(corrected.start_time, corrected.end_time)]
    assert session(office).state is State.LOGGED


def test_a_time_that_another_record_holds_is_refused() -> None:
    """A record is not corrected into the time of another."""
    office = Office()
    first, second = session(office), session(office, 1)
    with pytest.raises(Taken) as refusal:
        office.correct(second, start_time=span(0, "10:30").start, end_time=span(0, "10:30").end)
    assert refusal.value.metadata["consultation"] == first.name


def test_a_correction_is_closed_once_a_startup_has_confirmed() -> None:
    """One confirmation of two is enough, and so is the end of the time to answer, whether or not the timer has run."""
    office = Office()
    shared, silent = session(office, startups=(STARTUP, OTHER_STARTUP)), session(office, 1)
    office.confirm(shared)
    with pytest.raises(Precondition) as refusal:
        office.correct(shared, topic="期权池")
    assert (refusal.value.reason, refusal.value.metadata) == ("CORRECTION_CLOSED", {"state": "CONFIRMED"})
    office.now += timedelta(days=ANSWER_DAYS)
    with pytest.raises(Precondition) as refusal:
        office.correct(silent, topic="期权池")
    assert (refusal.value.reason, refusal.value.metadata) == ("CORRECTION_CLOSED", {"state": "CLOSED"})


def test_a_dispute_opens_the_correction_again() -> None:
    """A record that was confirmed is corrected by way of a dispute alone, and has to be confirmed once more."""
    office = Office()
    logged = session(office)
    office.confirm(logged, rating=4)
    office.dispute(logged)
    corrected = office.correct(logged, end_time=span(0, "10:00", 30).end)
    assert (corrected.state, states(corrected), corrected.minutes) == (State.LOGGED, [PENDING], 30)
    assert office.confirm(logged).state is State.CONFIRMED
    [year] = office.years.values()
    assert [(row.sessions, row.minutes) for row in year.tallies] == [(1, 30)]


def test_a_rejected_record_is_not_corrected() -> None:
    """A dispute that was upheld is final."""
    office = Office()
    logged = session(office)
    office.dispute(logged)
    office.resolve(logged, Resolution.UPHELD)
    with pytest.raises(Precondition) as refusal:
        office.correct(logged, topic="期权池")
    assert refusal.value.reason == "CORRECTION_CLOSED"


def test_a_record_is_corrected_so_often() -> None:
    """Each correction keeps its texts, so their number is limited."""
    office = Office()
    logged = session(office)
    for number in range(MAX_CORRECTIONS):
        office.correct(logged, topic=f"主题{number}")
    with pytest.raises(Precondition) as refusal:
        office.correct(logged, topic="期权池")
    assert (refusal.value.reason, refusal.value.metadata) == ("RECORD_FULL", {"limit": str(MAX_CORRECTIONS)})


@pytest.mark.parametrize("field", ["start_time", "end_time", "kind", "format", "topic"])
def test_what_a_record_needs_cannot_be_cleared(field: str) -> None:
    """A correction to nothing of a field that every record has is refused."""
    office = Office()
    logged = session(office)
    with pytest.raises(Invalid) as refusal:
        office.correct(logged, field)
    assert [(each.field, each.reason) for each in refusal.value.violations] == [(f"record.{field}", "REQUIRED")]


def test_other_texts_can_be_cleared() -> None:
    """A field that the mask names and the record leaves empty is empty after the correction."""
    office = Office()
    corrected = office.correct(session(office), "problem", "participants", "place")
    assert (corrected.problem, corrected.participants, corrected.place) == ("", (), "")
    assert corrected.kind is Kind.CONSULTING


def test_an_old_version_is_not_corrected() -> None:
    """A correction that was decided on an older version, or with the pages of another time, is refused."""
    office = Office()
    logged = session(office)
    with pytest.raises(Stale):
        office.correct(logged, topic="期权池", etag="v7")
    moved = logged.with_(start_time=logged.start_time - timedelta(minutes=5))
    command = CorrectConsultation(
        name=logged.name, record=RecordSpec(topic="期权池"), update_mask=UpdateMask(paths=("topic",))
    )
    with pytest.raises(Stale):
        correct(moved, office.mentor, (), (None,), command=command, known=logged, terms=office.terms)


def test_a_forgotten_mentor_is_not_named_by_the_history() -> None:
    """The mentor's name leaves those who took part, in the record and in what it said before; others stay."""
    office = Office()
    mentor, founder = Participant(display_name="林江"), Participant(display_name="李想", startup=STARTUP)
    logged = office.log(log_of(span(0, "10:00"), record=record_of(span(0, "10:00"), participants=(mentor, founder))))
    [kept] = forget_in_consultation(office.correct(logged, topic="期权池")).saves
    assert isinstance(kept, Consultation)
    assert (kept.mentor_display_name, kept.participants) == ("", (founder,))
    assert [each.participants for each in kept.corrections] == [(founder,)]


# --- evidence ---------------------------------------------------------------------------------


def test_an_audit_would_miss() -> None:
    """A record lists what an audit would miss, until sign-in sheet, photo, notice and confirmation are there."""
    office = Office()
    logged = session(office)
    assert logged.missing_evidence == (M.SIGN_IN_SHEET, M.PHOTO, M.NOTICE, M.CONFIRMATION)
    partly = proved(logged, EvidenceKind.PHOTO, EvidenceKind.AGREEMENT)
    assert partly.missing_evidence == (M.SIGN_IN_SHEET, M.NOTICE, M.CONFIRMATION)
    full = proved(partly, EvidenceKind.NOTICE, EvidenceKind.SIGN_IN_SHEET, first=5)
    assert full.missing_evidence == (M.CONFIRMATION,)
    office.consultations[full.name] = full
    assert office.confirm(full).missing_evidence == ()


def test_hours_count_though_evidence_is_missing() -> None:
    """A confirmed record without sign-in sheet and photo counts its hours, and lists both as missing."""
    office = Office()
    confirmed = office.confirm(session(office))
    assert confirmed.missing_evidence == (M.SIGN_IN_SHEET, M.PHOTO, M.NOTICE)
    [year] = office.years.values()
    assert [(row.sessions, row.minutes) for row in year.tallies] == [(1, 60)]


def test_every_startup_that_is_claimed_must_confirm() -> None:
    """The confirmation is missing while one of the startups has not given it, unless its service was rejected."""
    office = Office()
    shared = session(office, startups=(STARTUP, OTHER_STARTUP))
    assert M.CONFIRMATION in office.confirm(shared).missing_evidence
    office.dispute(shared, OTHER_STARTUP)
    assert M.CONFIRMATION not in office.resolve(shared, Resolution.UPHELD, OTHER_STARTUP).missing_evidence
    alone = session(office, 1)
    office.dispute(alone)
    assert M.CONFIRMATION in office.resolve(alone, Resolution.UPHELD).missing_evidence


def test_documents_are_added_in_any_state_and_once() -> None:
    """A closed record can still be proved; the same content of the same kind is not added twice."""
    office = Office()
    logged = session(office)
    office.now += timedelta(days=ANSWER_DAYS)
    closed = office.close(logged)
    once = proved(closed, EvidenceKind.PHOTO)
    assert proved(once, EvidenceKind.PHOTO).evidence == once.evidence == (document(),)


def test_a_record_holds_so_many_documents() -> None:
    """More documents than a record can hold are refused."""
    logged = session(Office())
    for first in range(1, MAX_EVIDENCE, 10):
        logged = proved(logged, *(EvidenceKind.OTHER,) * 10, first=first)
    with pytest.raises(Precondition) as refusal:
        proved(logged, EvidenceKind.PHOTO)
    assert (refusal.value.reason, refusal.value.metadata) == ("RECORD_FULL", {"limit": str(MAX_EVIDENCE)})


def test_what_is_not_on_record_has_no_evidence() -> None:
    """A booking is not proved, has no next steps to complete, and misses nothing yet."""
    booked = session(Office()).with_(state=State.SCHEDULED)
    assert booked.missing_evidence == ()
    with pytest.raises(Precondition) as refusal:
        proved(booked, EvidenceKind.PHOTO)
    assert (refusal.value.reason, refusal.value.metadata) == ("WRONG_CONSULTATION_STATE", {"state": "SCHEDULED"})
    with pytest.raises(Precondition):
        done(booked, 0)


# --- next steps -------------------------------------------------------------------------------


def test_a_next_step_stays_open_until_it_is_done() -> None:
    """A step is done today or on the given day, the others stay open, and a second time is refused."""
    logged = session(Office())
    assert [step.done_date for step in logged.next_steps] == [None, None]
    first = done(logged, 1, TODAY)
    assert [step.done_date for step in first.next_steps] == [None, TODAY]
    assert [step.done_date for step in done(first, 0).next_steps] == [day(1), TODAY]
    with pytest.raises(Precondition) as refusal:
        done(first, 1)
    assert (refusal.value.reason, refusal.value.metadata) == ("NEXT_STEP_DONE", {"done_date": str(TODAY)})


@pytest.mark.parametrize(
    ("index", "last", "violation"),
    [(2, TODAY, ("index", "OUT_OF_RANGE")), (0, day(2), ("done_date", "DATE_OUT_OF_RANGE"))],
)
def test_a_wrong_step_is_refused(index: int, last: date, violation: tuple[str, str]) -> None:
    """A step that the record does not have, and a day in the future, are refused."""
    with pytest.raises(Invalid) as refusal:
        done(session(Office()), index, last)
    assert [(each.field, each.reason) for each in refusal.value.violations] == [violation]
