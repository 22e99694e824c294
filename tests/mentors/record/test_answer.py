"""What startups say of a record, how disputes are resolved, and what counts of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.common.domain.errors import Denied, Invalid, Precondition, Refusal, Stale
from services.mentors.domain import tally
from services.mentors.domain.answer import Resolution, state_of
from services.mentors.domain.consultation import Consultation, ServiceState, State
from services.mentors.domain.counting import RecordedSession, RuleSet, judge
from services.mentors.domain.mentor import Appointment
from services.mentors.domain.record_facts import (
    ConsultationClosed,
    ConsultationConfirmed,
    ConsultationDisputed,
    ConsultationRejected,
)
from tests.mentors.booking.samples import OTHER_STARTUP, SPACE, STARTUP, residence
from tests.mentors.record.samples import ANSWER_DAYS, Office, service_of, session, states
from tests.mentors.samples import LONGTAN, TODAY, ZONE, day, mentor

PENDING, CONFIRMED, DISPUTED = ServiceState.PENDING, ServiceState.CONFIRMED, ServiceState.DISPUTED
UNCONFIRMED, REJECTED = ServiceState.UNCONFIRMED, ServiceState.REJECTED
UPHELD, DISMISSED = Resolution.UPHELD, Resolution.DISMISSED
BOTH = (STARTUP, OTHER_STARTUP)


def figures(office: Office) -> tuple[int, int, int]:
    """Return the sessions, services and minutes of the mentor in the city."""
    rows = [row for year in office.years.values() for row in year.tallies]
    return sum(row.sessions for row in rows), sum(row.services for row in rows), sum(row.minutes for row in rows)


# --- confirm ----------------------------------------------------------------------------------


def test_a_confirmed_record_counts() -> None:
    """A confirmation with its rating and comment counts hours, rating and the relation, and the fact tells of it."""
    office = Office()
    confirmed = office.confirm(session(office), rating=5, comment="很有帮助")
    service = service_of(confirmed)
    assert (confirmed.state, confirmed.due_time) == (State.CONFIRMED, None)
    assert (service.state, service.rating, service.comment, service.answer_time) == (
        CONFIRMED,
        5,
        "很有帮助",
        office.now,
    )
    assert figures(office) == (1, 1, 60)
    [year] = office.years.values()
    assert (year.ratings, year.rating_sum) == (1, 5)
    assert office.facts[-1] == ConsultationConfirmed(
        name=confirmed.name,
        mentor=confirmed.mentor,
        mentor_display_name="林江",
        startup=STARTUP,
        space=SPACE,
        district=LONGTAN,
        kind=confirmed.kind,
        date=TODAY,
        minutes=60,
        appointed=True,
        state=State.CONFIRMED,
        relation_sessions=1,
        relation_minutes=60,
        relation_last_date=TODAY,
        relation_sequence=1,
    )


def test_the_relation_grows_with_each_confirmation() -> None:
    """Each confirmation raises the sequence of the relation; the last day is the latest, not the last confirmed."""
    office = Office()
    late, early = session(office), session(office, 3)
    office.confirm(late)
    office.confirm(early)
    fact = office.facts[-1]
    assert (fact.relation_sessions, fact.relation_minutes) == (2, 120)
    assert (fact.relation_last_date, fact.relation_sequence) == (TODAY, 2)


def test_one_session_counts_once_for_the_mentor_and_for_each_startup() -> None:
    """Two startups that confirm one session: one session and one hour of the mentor, one service for each."""
    office = Office()
    shared = session(office, startups=BOTH)
    assert office.confirm(shared).state is State.CONFIRMED
    assert (office.confirm(shared, OTHER_STARTUP).due_time, figures(office)) == (None, (1, 2, 60))
    assert [mentee.relations[0].sessions for mentee in office.mentees.values()] == [1, 1]


def test_a_mentor_of_three_spaces_counts_once_in_the_city() -> None:
    """A mentor whom three spaces appointed counts one session once in the city, and in the tenant's space alone."""
    terms = tuple(
        Appointment(
            appointer=f"spaces/x{number}",
            body="江城孵化器",
            certificate_number=f"2026-00{number}",
            start_date=day(-30),
            end_date=day(300),
        )
        for number in range(1, 4)
    )
    office = Office(mentor=mentor(appointments=terms, spaces=tuple(term.appointer for term in terms)))
    office.confirm(session(office))
    [year] = office.years.values()
    assert figures(office) == (1, 1, 60)
    assert [(row.space, row.sessions) for row in year.places if row.space] == [(SPACE, 1)]


def test_one_short_session_is_one_too_few() -> None:
    """Of nine sessions of 45 minutes, one of 29 and one of 300, ten count under "at least 10 of at least 30 minutes".

    Without the long one nine do, which is not enough, however long it would have been.
    """
    rules = RuleSet.model_validate(
        {"name": {"zh": "青岛", "en": "Qingdao"}, "source": "2014", "min_sessions": 10, "min_minutes": 30}
    )
    office = Office()
    held = [office.confirm(session(office, number, 45)) for number in range(9)]
    held.append(office.confirm(session(office, 9, 29)))
    assert verdict(rules, held) == (9, "NOT_MET")
    held.append(office.confirm(session(office, 10, 300)))
    assert verdict(rules, held) == (10, "MET")


def test_a_session_after_the_term_is_not_among_the_appointed() -> None:
    """A confirmed session on the day after the appointment ended counts hours, and no appointed ones."""
    office = Office()
    [term] = office.mentor.appointments
    office.mentor = mentor(appointments=(term.model_copy(update={"end_date": TODAY}),))
    office.confirm(session(office))
    [row] = [row for year in office.years.values() for row in year.tallies]
    assert (row.sessions, row.minutes, row.appointed_sessions, row.appointed_minutes) == (1, 60, 0, 0)


def verdict(rules: RuleSet, held: list[Consultation]) -> tuple[int, str]:
    """Return how many sessions count, and whether that is enough at the end of the year."""
    sessions = [
        RecordedSession(
            consultation=each.name,
            date=tally.day_of(each.start_time, ZONE),
            minutes=each.minutes,
            appointed=each.appointed,
            services=states(each).count(CONFIRMED),
            tenant_services=sum(bool(service.space) for service in each.services),
        )
        for each in held
    ]
    found = judge(rules, sessions, year=TODAY.year, today=day(60))
    return found.counted_sessions, found.outcome.value


# --- dispute and resolve ----------------------------------------------------------------------


def test_a_dispute_waits_for_its_resolution() -> None:
    """A disputed record does not count, and has no end of the time to answer any more."""
    office = Office()
    disputed = office.dispute(session(office), dispute_reason="没有来")
    service = service_of(disputed)
    assert (disputed.state, disputed.due_time, service.dispute_reason) == (State.DISPUTED, None, "没有来")
    fact = office.facts[-1]
    assert (type(fact), fact.relation_sequence, fact.relation_last_date) == (ConsultationDisputed, 0, None)
    assert figures(office) == (0, 0, 0)


@pytest.mark.parametrize("confirmed_before", [False, True])
def test_a_dispute_that_is_dismissed_confirms(confirmed_before: bool) -> None:
    """The record is right: its service is confirmed and counts, with the rating that was given before."""
    office = Office()
    logged = session(office)
    if confirmed_before:
        office.confirm(logged, rating=4)
    office.dispute(logged)
    resolved = office.resolve(logged, DISMISSED)
    assert (resolved.state, states(resolved), figures(office)) == (State.CONFIRMED, [CONFIRMED], (1, 1, 60))
    assert service_of(resolved).rating == (4 if confirmed_before else 0)
    assert isinstance(office.facts[-1], ConsultationConfirmed)


@pytest.mark.parametrize("confirmed_before", [False, True])
def test_a_dispute_that_is_upheld_rejects(confirmed_before: bool) -> None:
    """The startup is right: its service is rejected and does not count, and the relation says so."""
    office = Office()
    logged = session(office)
    if confirmed_before:
        office.confirm(logged, rating=4)
    office.dispute(logged)
    resolved = office.resolve(logged, UPHELD)
    assert (resolved.state, states(resolved), figures(office)) == (State.CLOSED, [REJECTED], (0, 0, 0))
    fact = office.facts[-1]
    assert (type(fact), fact.state, fact.relation_sessions) == (ConsultationRejected, State.CLOSED, 0)
    assert (fact.relation_sequence, fact.relation_last_date) == (2 if confirmed_before else 0, None)


def test_a_startup_takes_its_dispute_back() -> None:
    """A startup that disputes may confirm after all."""
    office = Office()
    logged = session(office)
    office.dispute(logged)
    assert office.confirm(logged, rating=3).state is State.CONFIRMED
    assert figures(office) == (1, 1, 60)


@pytest.mark.parametrize(
    ("reach", "is_reached"),
    [(SPACE, True), (LONGTAN, True), ("spaces/x2", False), ("districts/220211", False), ("mentors/m1", False)],
)
def test_disputes_are_resolved_where_the_startup_is(reach: str, is_reached: bool) -> None:
    """The operator of the tenant's space and the officials of its district resolve its dispute, and no others."""
    office = Office(residences={STARTUP: residence()})
    shared = session(office, startups=BOTH)
    office.dispute(shared)
    if is_reached:
        assert service_of(office.resolve(shared, UPHELD, reach=frozenset({reach}))).state is REJECTED
        return
    with pytest.raises(Denied) as refusal:
        office.resolve(shared, UPHELD, reach=frozenset({reach}))
    assert refusal.value.reason == "OUT_OF_SCOPE"


def test_an_operator_resolves_for_the_own_tenants_only() -> None:
    """In a session of two startups, the operator of one's space does not resolve the dispute of the other."""
    office = Office()
    shared = session(office, startups=BOTH)
    office.dispute(shared, OTHER_STARTUP)
    with pytest.raises(Denied):
        office.resolve(shared, UPHELD, OTHER_STARTUP, reach=frozenset({SPACE}))


def test_a_second_answer_is_refused() -> None:
    """Answers are given once; a rejection is final, and what is not disputed is not resolved."""
    office = Office()
    logged = session(office)
    office.confirm(logged)
    refused(office.confirm, logged, reason="ALREADY_ANSWERED", metadata={"state": "CONFIRMED"})
    refused(office.resolve, logged, UPHELD, reason="NOT_DISPUTED", metadata={"state": "CONFIRMED"})
    office.dispute(logged)
    refused(office.dispute, logged, reason="ALREADY_ANSWERED", metadata={"state": "DISPUTED"})
    office.resolve(logged, UPHELD)
    refused(office.confirm, logged, reason="ALREADY_ANSWERED", metadata={"state": "REJECTED"})
    refused(office.dispute, logged, reason="ALREADY_ANSWERED", metadata={"state": "REJECTED"})


def test_only_who_took_part_answers_what_is_on_record() -> None:
    """A startup that was not there, a consultation that was not logged, and an old version are refused."""
    office = Office()
    logged = session(office)
    with pytest.raises(Invalid) as refusal:
        office.confirm(logged, OTHER_STARTUP)
    assert [(each.field, each.reason) for each in refusal.value.violations] == [("startup", "MALFORMED")]
    with pytest.raises(Stale):
        office.confirm(logged, etag="v9")
    office.consultations[logged.name] = logged.with_(state=State.HELD)
    refused(office.confirm, logged, reason="WRONG_CONSULTATION_STATE", metadata={"state": "HELD"})


def refused(command: Any, *arguments: Any, reason: str, metadata: dict[str, str]) -> None:
    """Fail unless the command is refused for the reason."""
    with pytest.raises(Precondition) as refusal:
        command(*arguments)
    assert (refusal.value.reason, refusal.value.metadata) == (reason, metadata)


# --- no answer --------------------------------------------------------------------------------


def test_no_answer_in_time_closes_the_record() -> None:
    """After the days that the profile gives, to the millisecond, the service is unconfirmed and the record closed."""
    office = Office()
    logged = session(office)
    office.now += timedelta(days=ANSWER_DAYS) - timedelta(milliseconds=1)
    refused(office.close, logged, reason="NOT_DUE", metadata={"name": logged.name})
    office.now += timedelta(milliseconds=1)
    refused(office.confirm, logged, reason="ANSWER_TOO_LATE", metadata={"answer_days": str(ANSWER_DAYS)})
    closed = office.close(logged)
    assert (closed.state, states(closed), closed.due_time) == (State.CLOSED, [UNCONFIRMED], None)
    assert service_of(closed).answer_time == logged.due_time
    assert (type(office.facts[-1]), figures(office)) == (ConsultationClosed, (0, 0, 0))
    refused(office.close, closed, reason="NOT_DUE", metadata={"name": logged.name})
    refused(office.dispute, closed, reason="ANSWER_TOO_LATE", metadata={"answer_days": str(ANSWER_DAYS)})


def test_one_confirmation_keeps_the_record() -> None:
    """A record that one of two startups confirmed stays confirmed when the other does not answer."""
    office = Office()
    shared = session(office, startups=BOTH)
    office.confirm(shared)
    published = len(office.facts)
    office.now += timedelta(days=ANSWER_DAYS)
    over = office.close(shared)
    assert (over.state, states(over), len(office.facts)) == (State.CONFIRMED, [CONFIRMED, UNCONFIRMED], published)


class Answers(RuleBasedStateMachine):
    """Any order of answers, resolutions, corrections and days: what counts are exactly the confirmed services."""

    office: Office

    @initialize()
    def log_sessions(self) -> None:
        """Log one session of one startup and one of two."""
        self.office = Office()
        session(self.office)
        session(self.office, 1, 45, BOTH)

    def _try(self, command: Any, *arguments: Any, **fields: Any) -> None:
        try:
            command(*arguments, **fields)
        except Refusal as refusal:
            assert refusal.reason  # noqa: PT017 - any refusal is fine; what counts is checked below

    @rule(number=st.integers(0, 1), who=st.sampled_from(BOTH), rating=st.integers(0, 5))
    def confirm(self, number: int, who: str, rating: int) -> None:
        """Confirm."""
        self._try(self.office.confirm, self.each(number), who, rating=rating)

    @rule(number=st.integers(0, 1), who=st.sampled_from(BOTH))
    def dispute(self, number: int, who: str) -> None:
        """Dispute."""
        self._try(self.office.dispute, self.each(number), who)

    @rule(number=st.integers(0, 1), who=st.sampled_from(BOTH), how=st.sampled_from(Resolution))
    def resolve(self, number: int, who: str, how: Resolution) -> None:
        """Resolve."""
        self._try(self.office.resolve, self.each(number), how, who)

    @rule(number=st.integers(0, 1), minutes=st.integers(1, 300))
    def correct(self, number: int, minutes: int) -> None:
        """Correct the length."""
        known = self.each(number)
        self._try(self.office.correct, known, end_time=known.start_time + timedelta(minutes=minutes))

    @rule(number=st.integers(0, 1))
    def close(self, number: int) -> None:
        """Run the timer."""
        self._try(self.office.close, self.each(number))

    @precondition(lambda self: self.office.now < Office().now + timedelta(days=40))
    @rule(days=st.integers(1, 20))
    def wait(self, days: int) -> None:
        """Let days pass."""
        self.office.now += timedelta(days=days)

    def each(self, number: int) -> Consultation:
        """Return one of the consultations."""
        return list(self.office.consultations.values())[number]

    @invariant()
    def confirmed_services_count(self) -> None:
        """Figures are the sums over the confirmed services, and states follow from what the startups say."""
        held = list(self.office.consultations.values())
        confirmed = [(each, service) for each in held for service in each.services if service.state is CONFIRMED]
        sessions = [each for each in held if CONFIRMED in states(each)]
        assert figures(self.office) == (len(sessions), len(confirmed), sum(each.minutes for each in sessions))
        ratings = [service.rating for _, service in confirmed if service.rating]
        years = self.office.years.values()
        assert (sum(year.ratings for year in years), sum(year.rating_sum for year in years)) == (
            len(ratings),
            sum(ratings),
        )
        for mentee in self.office.mentees.values():
            relation = tally.relation_to(mentee, held[0].mentor)
            assert relation is not None
            assert relation.minutes == sum(
                each.minutes for each, service in confirmed if service.startup == mentee.name
            )
        assert all(each.state is state_of(each.services) for each in held)
        assert all((each.due_time is not None) == (PENDING in states(each)) for each in held)


Answers.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestAnswers = Answers.TestCase
