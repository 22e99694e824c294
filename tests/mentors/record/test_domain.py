"""Logging what was held: what a record says, that the same time is logged once, and what is refused."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.calendar.interval import Interval
from libs.common.domain.errors import Invalid, Precondition, Stale, Taken
from services.mentors.domain import log
from services.mentors.domain.consultation import Consultation, Kind, NextStep, Participant, ServiceState, State
from services.mentors.domain.evidence import EvidenceKind
from services.mentors.domain.mentor import Format
from services.mentors.domain.record import RecordSpec, pages_to_load
from services.mentors.domain.record_facts import ConsultationLogged
from tests.mentors.booking.samples import MENTOR, OTHER_STARTUP, SPACE, STARTUP, Calendar, residence, span
from tests.mentors.record.samples import ANSWER_DAYS, TOMORROW, Office, document, log_of, record_of, session, states
from tests.mentors.samples import LONGTAN, NOW, TODAY, ZONE, day, mentor, startup

TEN = span(0, "10:00")


def violations(refusal: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    """Return the invalid fields with their reasons."""
    return {violation.field: violation.reason for violation in refusal.value.violations}


def scheduled(start: int = 0, wall: str = "15:00") -> tuple[Office, Consultation]:
    """Return an office with one consultation that both sides agreed on for a day, an hour from a time on."""
    calendar = Calendar(now=NOW - timedelta(days=2))
    booked = calendar.accept(calendar.request(span(start, wall), topic="融资计划"))
    return Office(consultations=calendar.consultations, pages=calendar.pages), booked


# --- what a record says -----------------------------------------------------------------------


def test_a_walk_in_is_logged_in_one_command() -> None:
    """A session that nobody requested is on record with what was entered, and waits for its startup."""
    logged = Office().log(log_of(TEN, evidence=(document(),)))
    assert (logged.state, logged.walk_in, logged.appointed, logged.minutes) == (State.LOGGED, True, True, 60)
    assert (logged.mentor, logged.mentor_display_name) == (MENTOR, "林江")
    assert (logged.startups, logged.spaces, logged.districts) == ((STARTUP,), (SPACE,), (LONGTAN,))
    assert (logged.log_time, logged.due_time) == (TOMORROW, TOMORROW + timedelta(days=ANSWER_DAYS))
    assert (logged.evidence, states(logged)) == ((document(),), [ServiceState.PENDING])
    assert RecordSpec.of(logged) == record_of(TEN)


def test_what_is_left_out_is_as_it_was_booked() -> None:
    """Logging a scheduled consultation by its name alone keeps time, kind, format, topic and question."""
    office, booked = scheduled()
    logged = office.log(log_booked(booked))
    assert (logged.name, logged.state, logged.walk_in) == (booked.name, State.LOGGED, False)
    for field in ("start_time", "end_time", "kind", "format", "topic", "question", "startups"):
        assert getattr(logged, field) == getattr(booked, field)


def log_booked(booked: Consultation, **fields: Any) -> log.LogConsultation:
    """Log a scheduled consultation; `fields` replace or add."""
    return log.LogConsultation(**{"name": booked.name, "mentor": MENTOR, **fields})


def test_a_consultation_held_at_another_time_is_logged_as_it_was_held() -> None:
    """The calendar holds the time at which a consultation was held, and no longer the one for which it was booked."""
    office, booked = scheduled()
    record = RecordSpec(start_time=span(-1, "09:00").start, end_time=span(-1, "09:00", 45).end, topic="融资")
    logged = office.log(log_booked(booked, record=record, startups=(OTHER_STARTUP,)))
    assert (logged.minutes, logged.topic, logged.kind) == (45, "融资", booked.kind)
    assert logged.startups == (STARTUP, OTHER_STARTUP)
    entries = [entry for page in office.pages.values() for entry in page.entries]
    assert [(entry.holder, entry.start, entry.end) for entry in entries] == [
        (booked.name, logged.start_time, logged.end_time)
    ]


def test_a_session_after_the_term_is_stored_and_not_appointed() -> None:
    """On the day on which the appointment ends, and later, a session is on record as one without an appointment."""
    office = Office()
    [term] = office.mentor.appointments
    ended = term.model_copy(update={"end_date": TODAY})
    office.mentor = mentor(appointments=(ended,))
    assert [session(office, before).appointed for before in (0, 1)] == [False, True]


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    """Days are those of the city: 23:30 in Jilin is the afternoon of the same day in UTC, and counts on that day."""
    office = Office(mentor=mentor(), residences={STARTUP: residence(end=TODAY)})
    late = office.log(log_of(span(-1, "23:30")))
    assert late.start_time.astimezone(UTC).hour == 15
    assert (late.spaces, office.facts[-1].date) == ((SPACE,), day(-1))


def test_one_session_of_two_startups() -> None:
    """Two startups in one session: one block of the mentor's hours, one service for each, each with its own space."""
    office = Office()
    logged = session(office, startups=(STARTUP, OTHER_STARTUP))
    assert [(service.startup, service.space) for service in logged.services] == [
        (STARTUP, SPACE),
        (OTHER_STARTUP, ""),
    ]
    assert [[entry.holder for entry in page.entries] for page in office.pages.values()] == [[logged.name]]


def test_the_fact_says_what_counts_and_no_text() -> None:
    """The fact of a record has names, codes, day and minutes, and nothing that people wrote."""
    logged = Office().decide_log(log_of(TEN))
    assert logged.facts == (
        ConsultationLogged(
            name=logged.reply.name,
            mentor=MENTOR,
            mentor_display_name="林江",
            startups=(STARTUP,),
            spaces=(SPACE,),
            districts=(LONGTAN,),
            kind=Kind.CONSULTING,
            format=Format.ON_SITE,
            date=TODAY,
            minutes=60,
            walk_in=True,
            appointed=True,
        ),
    )


def test_logging_saves_the_consultation_and_its_page_alone() -> None:
    """A log on one week saves two documents, whatever else it reads."""
    assert [type(entity).__name__ for entity in Office().decide_log(log_of(TEN)).saves] == [
        "Consultation",
        "CalendarPage",
    ]


# --- once -------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-3000, 0), st.integers(1, 300)), min_size=1, max_size=12))
def test_no_two_records_overlap(times: list[tuple[int, int]]) -> None:
    """Whatever is logged in whatever order, records overlap nowhere and every page equals its consultations.

    A refusal names what is in the way.
    """
    office = Office()
    for start, minutes in times:
        begin = NOW + timedelta(minutes=start)
        wanted = Interval(start=begin, end=begin + timedelta(minutes=minutes))
        held = {each.name: Interval(start=each.start_time, end=each.end_time) for each in office.consultations.values()}
        in_the_way = {name for name, time in held.items() if time.overlaps(wanted)}
        if in_the_way:
            with pytest.raises(Taken) as refusal:
                office.log(log_of(wanted))
            assert refusal.value.metadata["consultation"] in in_the_way
        else:
            office.log(log_of(wanted))
    for name, page in office.pages.items():
        expected = {
            each.name
            for each in office.consultations.values()
            if name in pages_to_load(MENTOR, RecordSpec.of(each), None, ZONE)
        }
        assert {entry.holder for entry in page.entries} == expected


def test_what_was_logged_is_not_logged_again() -> None:
    """A second log by the name of the first is refused with the name and times of the first."""
    office, booked = scheduled()
    office.log(log_booked(booked))
    with pytest.raises(Taken) as refusal:
        office.log(log_booked(booked))
    assert refusal.value.reason == "ALREADY_LOGGED"
    assert refusal.value.metadata == {
        "consultation": booked.name,
        "taken_start": "2026-11-24T07:00:00Z",
        "taken_end": "2026-11-24T08:00:00Z",
    }


def test_a_booked_time_is_logged_by_the_name_of_the_booking() -> None:
    """A walk-in at the time of a booking is refused with the name of the booking, which is to be logged instead."""
    office, booked = scheduled()
    with pytest.raises(Taken) as refusal:
        office.log(log_of(span(0, "15:30")))
    assert (refusal.value.reason, refusal.value.metadata["consultation"]) == ("TIME_TAKEN", booked.name)
    assert "log that consultation" in refusal.value.message


def test_another_commitment_is_in_the_way_too() -> None:
    """What is no consultation occupies the mentor's time as well, and is not named."""
    office = Office()
    logged = session(office)
    [page] = office.pages.values()
    [entry] = page.entries
    office.pages[page.name] = page.with_(entries=(entry.model_copy(update={"holder": "panels/p1"}),))
    del office.consultations[logged.name]
    with pytest.raises(Taken) as refusal:
        session(office)
    assert (refusal.value.reason, refusal.value.metadata["consultation"]) == ("TIME_TAKEN", "")


# --- refusals ---------------------------------------------------------------------------------


def test_what_is_not_over_is_not_logged() -> None:
    """A session that ends after now is refused to the millisecond, and one that ends now is logged."""
    office = Office()
    office.now = TEN.end - timedelta(milliseconds=1)
    with pytest.raises(Precondition) as refusal:
        office.log(log_of(TEN))
    assert (refusal.value.reason, refusal.value.metadata) == ("IN_THE_FUTURE", {"end_time": "2026-11-24T03:00:00Z"})
    office.now = TEN.end
    assert office.log(log_of(TEN)).state is State.LOGGED


def test_a_walk_in_must_be_complete() -> None:
    """Without a booking, startup, times, kind, format and topic must be given."""
    with pytest.raises(Invalid) as refusal:
        Office().log(log.LogConsultation(mentor=MENTOR, startups=(STARTUP,)))
    required = ("start_time", "end_time", "kind", "format", "topic")
    assert violations(refusal) == {f"record.{field}": "REQUIRED" for field in required}
    with pytest.raises(Invalid) as refusal:
        Office().log(log_of(TEN, ()))
    assert violations(refusal) == {"startups": "REQUIRED"}


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"end_time": TEN.start}, "record.end_time", "DATE_OUT_OF_RANGE"),
        ({"start_time": TEN.start - timedelta(days=1)}, "record.end_time", "DATE_OUT_OF_RANGE"),
        (
            {"participants": (Participant(display_name="李想", startup=OTHER_STARTUP),)},
            "record.participants[0].startup",
            "MALFORMED",
        ),
        (
            {"next_steps": (NextStep(text="起草协议", due_date=day(3655)),)},
            "record.next_steps[0].due_date",
            "DATE_OUT_OF_RANGE",
        ),
        (
            {"next_steps": (NextStep(text="起草协议", done_date=day(2)),)},
            "record.next_steps[0].done_date",
            "DATE_OUT_OF_RANGE",
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, object], path: str, reason: str) -> None:
    """An impossible time, a participant of a startup that was not there, and impossible days name their field."""
    with pytest.raises(Invalid) as refusal:
        Office().log(log_of(TEN, record=record_of(TEN, **fields)))
    assert violations(refusal) == {path: reason}


def test_a_booking_is_logged_by_its_own_mentor_once_it_was_scheduled() -> None:
    """Another mentor's consultation, and one that nobody accepted, are refused."""
    office, booked = scheduled()
    with pytest.raises(Invalid) as refusal:
        office.log(log_booked(booked, mentor="mentors/m2"))
    assert violations(refusal) == {"mentor": "MALFORMED"}
    for state in (State.REQUESTED, State.PROPOSED, State.CANCELLED, State.EXPIRED):
        office.consultations[booked.name] = booked.with_(state=state)
        with pytest.raises(Precondition) as wrong:
            office.log(log_booked(booked))
        assert (wrong.value.reason, wrong.value.metadata) == ("WRONG_CONSULTATION_STATE", {"state": state.value})


def test_a_booking_that_is_moved_meanwhile_is_not_logged() -> None:
    """Pages were loaded for the time that the consultation had; if it has another, the caller tries again."""
    office, booked = scheduled()
    command = log_booked(booked)
    pages = office.load(pages_to_load(MENTOR, command.record, booked, ZONE))
    moved = booked.with_(start_time=booked.start_time - timedelta(hours=1))
    with pytest.raises(Stale) as refusal:
        log.log_booked(
            moved,
            office.mentor,
            pages,
            (startup(),),
            (None,),
            command=command,
            known=booked,
            terms=office.terms,
        )
    assert refusal.value.reason == "ETAG_MISMATCH"


def test_a_record_holds_so_many_documents() -> None:
    """A document that is given twice is held once; more than a log may bring are refused."""
    twice = (document(), document(), document(EvidenceKind.NOTICE))
    assert Office().log(log_of(TEN, evidence=twice)).evidence == (document(), document(EvidenceKind.NOTICE))
