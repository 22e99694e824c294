"""Appointments: who appoints a mentor, for how long, and what follows when a term begins, pauses or ends."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.dates import midnight
from libs.common.domain.entity import Change
from libs.common.domain.errors import Invalid, NotFound, Precondition, Refusal, Stale, Taken
from services.mentors.domain import appointment
from services.mentors.domain.appointment import (
    AppointMentor,
    EndAppointment,
    ResumeMentor,
    RetireMentor,
    SuspendMentor,
    months_later,
)
from services.mentors.domain.certificate_number import CertificateNumber, certificate_name
from services.mentors.domain.mentor import Mentor, RetireReason, State
from services.mentors.domain.space import Space
from tests.mentors.samples import CITY, FENGMAN, HIGH_TECH, NOW, TODAY, ZONE, day, mentor, space, term

NOMINEE = mentor(())


def appointed(
    known: Mentor = NOMINEE,
    appointer: str = "spaces/s1",
    start: int | None = None,
    end: int | None = None,
    *,
    number: str = "吉创导2026-001",
    taken: CertificateNumber | None = None,
    today: date = TODAY,
    **fields: Any,
) -> Change[Mentor]:
    """Appoint a mentor from a day to a day."""
    command = AppointMentor(
        name=known.name,
        appointer=appointer,
        certificate_number=number,
        start_date=None if start is None else day(start),
        end_date=None if end is None else day(end),
        **fields,
    )
    held: Space | None = space(appointer) if appointer.startswith("spaces/") else None
    return appointment.appoint(known, held, taken, command, CITY, term_months=36, today=today)


def ended(known: Mentor, number: str, end: int | None = None, *, today: date = TODAY) -> Change[Mentor]:
    """End the appointment with this number."""
    command = EndAppointment(name=known.name, certificate_number=number, end_date=None if end is None else day(end))
    return appointment.end_appointment(known, command, CITY, today=today)


def suspended(known: Mentor, end: int | None = None) -> Change[Mentor]:
    """Suspend a mentor."""
    command = SuspendMentor(name=known.name, end_date=None if end is None else day(end))
    return appointment.suspend(known, command, CITY, today=TODAY)


def retired(known: Mentor, reason: RetireReason = RetireReason.RESIGNED) -> Change[Mentor]:
    """Retire a mentor."""
    return appointment.retire(known, RetireMentor(name=known.name, retire_reason=reason), CITY, today=TODAY)


def facts(change: Change[Any]) -> list[str]:
    """Return the names of the change's facts."""
    return [type(fact).__name__ for fact in change.facts]


# --- appointing -------------------------------------------------------------------------------


def test_a_nominee_is_appointed_by_a_space() -> None:
    """The term begins today and lasts as long as the profile says; the body is the space unless another is given."""
    change = appointed()
    made = change.reply.appointments[-1]
    assert (change.reply.state, change.reply.spaces, change.reply.districts) == (State.APPOINTED, ("spaces/s1",), ())
    assert (made.start_date, made.end_date) == (TODAY, date(2029, 11, 24))
    assert (made.appointer, made.body, made.certificate_number) == ("spaces/s1", "江城孵化器", "吉创导2026-001")
    assert change.reply.due_time == midnight(made.end_date, ZONE)
    assert facts(change) == ["MentorAppointed"]
    assert change.saves[1:] == (
        CertificateNumber(name=certificate_name("吉创导2026-001"), mentor=NOMINEE.name, number="吉创导2026-001"),
    )
    assert appointed(body="吉林市科技局").reply.appointments[-1].body == "吉林市科技局"


@pytest.mark.parametrize(("district", "body"), [(FENGMAN, "丰满区"), (HIGH_TECH, CITY.districts[HIGH_TECH].name.zh)])
def test_a_district_or_zone_appoints_for_the_corps(district: str, body: str) -> None:
    """A district or zone of the city appoints as well, and lends its name to the appointing body."""
    change = appointed(appointer=district)
    assert (change.reply.spaces, change.reply.districts) == ((), (district,))
    assert change.reply.appointments[-1].body == body


def test_a_district_of_another_city_does_not_appoint() -> None:
    """An appointer is a space or a district of the city."""
    with pytest.raises(Invalid, match="appointer"):
        appointed(appointer="districts/110101")


def test_several_spaces_appoint_one_mentor() -> None:
    """A mentor appointed by three spaces stays one mentor, who belongs to each of the three."""
    known = NOMINEE
    for number, name in enumerate(("spaces/s3", "spaces/s1", "spaces/s2")):
        known = appointed(known, name, number=f"吉创导2026-{number}").reply
    assert known.spaces == ("spaces/s1", "spaces/s2", "spaces/s3")
    assert [each.appointer for each in known.appointments] == ["spaces/s3", "spaces/s1", "spaces/s2"]


def test_an_appointer_appoints_once_for_a_day() -> None:
    """Terms of one appointer do not overlap; the refusal names the term in the way. A term may follow directly."""
    known = mentor([term(-10, 10)])
    with pytest.raises(Taken) as refused:
        appointed(known, start=9, end=20)
    assert refused.value.reason == "ALREADY_APPOINTED"
    assert refused.value.metadata == {"start_date": str(day(-10)), "end_date": str(day(10))}
    assert len(appointed(known, start=10, end=20).reply.appointments) == 2
    assert len(appointed(known, "spaces/s2", start=9, end=20).reply.appointments) == 2


def test_a_certificate_number_is_given_once_in_the_city() -> None:
    """A number that any mentor holds is refused, and the refusal names that mentor."""
    taken = CertificateNumber(name=certificate_name("JC 1"), mentor="mentors/m9", number="JC 1")
    with pytest.raises(Taken) as refused:
        appointed(number="jc1", taken=taken)
    assert (refused.value.reason, refused.value.metadata) == ("CERTIFICATE_NUMBER_TAKEN", {"mentor": "mentors/m9"})


def test_certificate_numbers_are_compared_as_people_read_them() -> None:
    """Case, width and spaces do not make a number another one."""
    assert len({certificate_name(number) for number in ("JC-1", "jc-1", "J C-1", "ＪＣ-1")}) == 1
    assert certificate_name("JC-1") != certificate_name("JC-2")


def test_a_retired_mentor_is_reappointed() -> None:
    """A new term makes a retired mentor an appointed one; earlier terms stay on record."""
    known = retired(mentor()).reply
    change = appointed(known, number="吉创导2026-002")
    assert (change.reply.state, change.reply.retire_reason) == (State.APPOINTED, None)
    assert len(change.reply.appointments) == 2


@pytest.mark.parametrize("state", [State.REJECTED, State.SUSPENDED])
def test_who_is_rejected_or_suspended_is_not_appointed(state: State) -> None:
    """A rejected person is nominated anew, a suspended mentor resumed first."""
    with pytest.raises(Precondition) as refused:
        appointed(mentor(state=state), "spaces/s2")
    assert (refused.value.reason, refused.value.metadata["state"]) == ("WRONG_MENTOR_STATE", state)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [(0, 0, "end_date"), (10, 10, "end_date"), (-20, 0, "end_date"), (0, 3654, "end_date"), (367, 400, "start_date")],
)
def test_a_term_has_days_to_come(start: int, end: int, field: str) -> None:
    """A term ends after its start and after today, within ten years, and begins within a year."""
    with pytest.raises(Invalid) as refused:
        appointed(start=start, end=end)
    assert [(each.field, each.reason) for each in refused.value.violations] == [(field, "DATE_OUT_OF_RANGE")]


def test_appointments_on_record_are_bounded() -> None:
    """A mentor has at most a hundred appointments."""
    known = mentor([term(-400 + each, -399 + each, number=str(each)) for each in range(100)], state=State.RETIRED)
    with pytest.raises(Precondition, match="too many appointments"):
        appointed(known)


# --- ending -----------------------------------------------------------------------------------


def test_ending_one_of_two_appointments_keeps_the_mentor() -> None:
    """The space whose appointment ended no longer has the mentor; the other still does."""
    known = mentor([term(), term(appointer="spaces/s2", number="B-2")])
    change = ended(known, "b-2")
    assert (change.reply.state, change.reply.spaces) == (State.APPOINTED, ("spaces/s1",))
    assert change.reply.appointments[1].end_date == TODAY
    assert facts(change) == ["MentorUpdated"]


def test_ending_the_last_appointment_retires() -> None:
    """A mentor without any appointment left is retired."""
    change = ended(mentor(), "吉创导2025-001")
    assert (change.reply.state, change.reply.retire_reason) == (State.RETIRED, RetireReason.TERM_ENDED)
    assert (change.reply.spaces, change.reply.due_time) == ((), None)
    assert facts(change) == ["MentorRetired"]


def test_an_appointment_can_be_ended_on_a_later_day() -> None:
    """Until that day nothing else changes."""
    change = ended(mentor(), "吉创导2025-001", 30)
    assert (change.reply.state, change.reply.spaces) == (State.APPOINTED, ("spaces/s1",))
    assert change.reply.due_time == midnight(day(30), ZONE)


def test_an_appointment_that_has_not_begun_is_left_without_days() -> None:
    """Ended before its first day, a term has no day on which it is valid."""
    known = mentor([term(), term(10, 20, "spaces/s2", "B-2")])
    change = ended(known, "B-2")
    assert change.reply.appointments[1].start_date == change.reply.appointments[1].end_date == day(10)
    assert change.reply.spaces == ("spaces/s1",)


def test_what_cannot_be_ended() -> None:
    """An unknown number, an appointment that is over, a day before today or not before the agreed end."""
    known = mentor([term(), term(-20, -10, number="B-2")])
    with pytest.raises(NotFound, match="no appointment with this number"):
        ended(known, "C-3")
    with pytest.raises(Precondition) as over:
        ended(known, "B-2")
    assert (over.value.reason, over.value.metadata) == ("APPOINTMENT_ENDED", {"end_date": str(day(-10))})
    for offset in (-1, 730, 800):
        with pytest.raises(Invalid, match="end_date"):
            ended(known, "吉创导2025-001", offset)


# --- suspending and retiring ------------------------------------------------------------------


def test_a_suspension_ends_on_a_day_or_is_open() -> None:
    """Until a day the mentor is due on that day; an open suspension leaves the end of the term as the due time."""
    until, open_end = suspended(mentor(), 30), suspended(mentor())
    assert (until.reply.state, until.reply.suspension_end_date) == (State.SUSPENDED, day(30))
    assert until.reply.due_time == midnight(day(30), ZONE)
    assert (open_end.reply.suspension_end_date, open_end.reply.due_time) == (None, midnight(day(730), ZONE))
    assert facts(until) == ["MentorSuspended"]
    assert suspended(until.reply, 60).reply.suspension_end_date == day(60)


@pytest.mark.parametrize("offset", [0, -1, 3654])
def test_a_suspension_ends_after_today(offset: int) -> None:
    """A suspension has days to come, within ten years."""
    with pytest.raises(Invalid, match="end_date"):
        suspended(mentor(), offset)


def test_a_suspended_mentor_is_resumed() -> None:
    """The mentor is appointed again, with the same terms."""
    known = mentor()
    command = ResumeMentor(name=known.name)
    change = appointment.resume(suspended(known, 30).reply, command, CITY, today=TODAY)
    assert (change.reply.state, change.reply.suspension_end_date) == (State.APPOINTED, None)
    assert change.reply.appointments == known.appointments
    assert facts(change) == ["MentorResumed"]
    with pytest.raises(Precondition, match="the mentor is appointed"):
        appointment.resume(known, command, CITY, today=TODAY)


def test_retiring_ends_every_appointment() -> None:
    """What has begun ends today, what has not begun never begins, what is over stays."""
    known = mentor([term(-30, -10), term(-5, 300, "spaces/s2", "B-2"), term(10, 20, "spaces/s3", "C-3")])
    change = retired(known, RetireReason.DISMISSED)
    assert [each.end_date for each in change.reply.appointments] == [day(-10), TODAY, day(10)]
    assert not any(change.reply.appointed_on(day(offset)) for offset in range(400))
    assert (change.reply.state, change.reply.retire_reason) == (State.RETIRED, RetireReason.DISMISSED)
    assert facts(change) == ["MentorRetired"]


@pytest.mark.parametrize("reason", [RetireReason.TERM_ENDED, RetireReason.FORGOTTEN])
def test_only_the_service_says_that_a_term_ended(reason: RetireReason) -> None:
    """A client gives a reason of its own."""
    with pytest.raises(Invalid, match="retire_reason"):
        retired(mentor(), reason)


@pytest.mark.parametrize("state", [State.NOMINATED, State.REJECTED, State.RETIRED])
def test_only_who_is_appointed_is_suspended_or_retired(state: State) -> None:
    """The refusal says in which state the mentor is."""
    for act in (suspended, retired, lambda known: ended(known, "吉创导2025-001")):
        with pytest.raises(Precondition) as refused:
            act(mentor(state=state))
        assert (refused.value.reason, refused.value.metadata["state"]) == ("WRONG_MENTOR_STATE", state)


def test_a_forgotten_person_is_not_appointed() -> None:
    """Nothing can be recorded about a forgotten person, and a stale etag is refused."""
    with pytest.raises(Precondition, match="forgotten"):
        appointed(mentor((), state=State.RETIRED, forget_time=NOW))
    with pytest.raises(Stale):
        appointed(etag="v9")


# --- as days pass -----------------------------------------------------------------------------


def test_the_last_term_ends() -> None:
    """On the day after the last term the mentor is retired; the day before, nothing is due."""
    known = appointed(start=-10, end=5).reply
    with pytest.raises(Precondition) as refused:
        appointment.advance(known, CITY, today=day(4))
    assert refused.value.reason == "NOT_DUE"
    change = appointment.advance(known, CITY, today=day(5))
    assert (change.reply.state, change.reply.retire_reason) == (State.RETIRED, RetireReason.TERM_ENDED)
    assert change.reply.appointments == known.appointments


def test_one_of_two_terms_ends() -> None:
    """The space whose term ended no longer has the mentor, who is due at the end of the next term."""
    known = appointed(appointed(end=5).reply, "spaces/s2", end=9, number="B-2").reply
    change = appointment.advance(known, CITY, today=day(5))
    assert (change.reply.state, change.reply.spaces) == (State.APPOINTED, ("spaces/s2",))
    assert change.reply.due_time == midnight(day(9), ZONE)


def test_a_suspension_runs_out() -> None:
    """The mentor is available again; if the last term ended meanwhile, the mentor is retired instead."""
    known = suspended(appointed(end=9).reply, 5).reply
    assert appointment.advance(known, CITY, today=day(5)).reply.state is State.APPOINTED
    assert appointment.advance(known, CITY, today=day(9)).reply.state is State.RETIRED


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-240, 240))
def test_months_are_calendar_months(start: date, months: int) -> None:
    """The same day so many months later, or the last day of a month that is shorter."""
    later = months_later(start, months)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    assert later.day == start.day or (later.day < start.day and (later + timedelta(days=1)).day == 1)


ACTS = st.tuples(
    st.sampled_from(["appoint", "end", "suspend", "resume", "retire", "pass"]),
    st.sampled_from(["spaces/s1", "spaces/s2", FENGMAN]),
    st.integers(0, 60),
    st.integers(1, 90),
)


@given(st.lists(ACTS, max_size=14))
def test_state_and_spaces_follow_from_the_terms(acts: list[tuple[str, str, int, int]]) -> None:
    """After any acts: spaces and districts are those with days left, and the mentor is due at the next end."""
    known, today = NOMINEE, TODAY
    for number, (act, appointer, first, last) in enumerate(acts):
        with suppress(Refusal):
            known = _act(known, act, appointer, first, last, number, today)
        if act == "pass":
            today += timedelta(days=last)
            if known.due_time is not None and known.due_time <= midnight(today, ZONE):
                known = appointment.advance(known, CITY, today=today).reply
        left = [each for each in known.appointments if max(today, each.start_date) < each.end_date]
        assert {*known.spaces, *known.districts} == {each.appointer for each in left}
        assert bool(left) == (known.state in {State.APPOINTED, State.SUSPENDED})
        days = [each.end_date for each in left] + [day for day in (known.suspension_end_date,) if day]
        assert known.due_time == (midnight(min(days), ZONE) if days else None)
        assert known.due_time is None or known.due_time > midnight(today, ZONE)


def _act(known: Mentor, act: str, appointer: str, first: int, last: int, number: int, today: date) -> Mentor:
    offset = (today - TODAY).days
    if act == "appoint":
        return appointed(known, appointer, offset + first, offset + first + last, number=str(number), today=today).reply
    if act == "end" and known.appointments:
        held = known.appointments[number % len(known.appointments)]
        return ended(known, held.certificate_number, offset + first, today=today).reply
    if act == "suspend":
        end = SuspendMentor(name=known.name, end_date=day(offset + last) if first % 2 else None)
        return appointment.suspend(known, end, CITY, today=today).reply
    if act == "resume":
        return appointment.resume(known, ResumeMentor(name=known.name), CITY, today=today).reply
    if act == "retire":
        command = RetireMentor(name=known.name, retire_reason=RetireReason.RESIGNED)
        return appointment.retire(known, command, CITY, today=today).reply
    return known
