"""Rule sets decide what counts of a year, and every verdict says what did not count and why."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.domain.errors import Invalid
from libs.common.domain.profile import Text
from services.mentors.domain.counting import (
    CountingSection,
    Exclusion,
    Outcome,
    Reason,
    RecordedSession,
    RuleSet,
    Verdict,
    judge,
)
from services.mentors.domain.evidence import EvidenceKind

NAME = Text(zh="规则", en="Rules")
TEN_OF_THIRTY = RuleSet(name=NAME, source="a rule of ten sessions", min_sessions=10, min_minutes=30)
TWO_SERVICES = RuleSet(name=NAME, source="a rule of two services", min_tenant_services=2)
SUBSIDY = RuleSet(name=NAME, source="a claim", evidence=(EvidenceKind.SIGN_IN_SHEET, EvidenceKind.PHOTO))
AFTER = date(2027, 3, 1)


def session(number: int, minutes: int = 45, **fields: object) -> RecordedSession:
    """Return a confirmed session of an appointed mentor with one tenant, some days into 2026."""
    values = {"appointed": True, "services": 1, "tenant_services": 1, **fields}
    day = date(2026, 1, 1) + timedelta(days=number)
    return RecordedSession.model_validate(
        {"consultation": f"consultations/c{number:03}", "date": day, "minutes": minutes, **values}
    )


def verdict(rules: RuleSet, *sessions: RecordedSession, today: date = AFTER) -> Verdict:
    """Judge the sessions as the year 2026."""
    return judge(rules, sessions, year=2026, today=today)


def test_nine_long_sessions_and_a_short_one_are_nine() -> None:
    """Ten sessions of which one has 29 minutes fail a rule of ten of at least 30 minutes, and the verdict says why."""
    found = verdict(TEN_OF_THIRTY, *(session(number) for number in range(9)), session(9, 29))
    assert (found.outcome, found.counted_sessions, found.required_sessions) == (Outcome.NOT_MET, 9, 10)
    assert found.exclusions == (Exclusion(reason=Reason.TOO_SHORT, sessions=1, minutes=29),)
    assert [each.consultation for each in found.sessions if not each.counts] == ["consultations/c009"]


def test_exactly_thirty_minutes_are_enough() -> None:
    """At least 30 minutes includes 30."""
    assert verdict(TEN_OF_THIRTY, *(session(number, 30) for number in range(10))).outcome is Outcome.MET


def test_a_session_of_three_hundred_minutes_counts_once() -> None:
    """Minutes beyond the minimum make no further sessions."""
    found = verdict(TEN_OF_THIRTY, session(1, 300))
    assert (found.counted_sessions, found.counted_minutes, found.outcome) == (1, 300, Outcome.NOT_MET)


def test_a_session_after_the_appointment_ended_is_shown_and_does_not_count() -> None:
    """It stays in the verdict with its reason, and no rule that requires an appointment counts it."""
    found = verdict(TEN_OF_THIRTY, session(1), session(2, appointed=False))
    assert (found.counted_sessions, len(found.sessions)) == (1, 2)
    assert found.sessions[1].reasons == (Reason.NOT_APPOINTED,)
    free = TEN_OF_THIRTY.model_copy(update={"appointed": False})
    assert verdict(free, session(1), session(2, appointed=False)).counted_sessions == 2


def test_a_session_that_nobody_confirmed_does_not_count() -> None:
    """A record alone is a claim of the mentor; it counts only under rules that do not ask for confirmation."""
    claimed = session(1, services=0, tenant_services=0)
    assert verdict(TEN_OF_THIRTY, claimed).sessions[0].reasons == (Reason.NOT_CONFIRMED,)
    assert verdict(TEN_OF_THIRTY.model_copy(update={"confirmed": False}), claimed).counted_sessions == 1


def test_one_session_with_two_tenants_is_two_services() -> None:
    """Two services to tenants a year are met by one session with two of them, and not by startups without a space."""
    found = verdict(TWO_SERVICES, session(1, services=3, tenant_services=2))
    assert (found.outcome, found.counted_services, found.counted_tenant_services) == (Outcome.MET, 3, 2)
    found = verdict(TWO_SERVICES, session(1, services=3, tenant_services=1))
    assert (found.outcome, found.required_tenant_services) == (Outcome.NOT_MET, 2)


def test_missing_evidence_is_named_and_hours_count_elsewhere() -> None:
    """Without a sign-in sheet a claim leaves the session out and says so; rules without evidence count it."""
    bare = session(1, evidence={EvidenceKind.PHOTO, EvidenceKind.OTHER})
    found = verdict(SUBSIDY, bare)
    assert found.sessions[0].missing_evidence == (EvidenceKind.SIGN_IN_SHEET,)
    assert found.sessions[0].reasons == (Reason.EVIDENCE_MISSING,)
    assert verdict(TEN_OF_THIRTY, bare).counted_minutes == 45
    complete = session(1, evidence={EvidenceKind.PHOTO, EvidenceKind.SIGN_IN_SHEET})
    assert verdict(SUBSIDY, complete).counted_sessions == 1


def test_all_reasons_of_a_session_are_given() -> None:
    """A session that fails several rules has all of their reasons, so that one repair is not followed by a surprise."""
    found = verdict(TEN_OF_THIRTY, session(1, 10, appointed=False, services=0))
    assert found.sessions[0].reasons == (Reason.NOT_CONFIRMED, Reason.NOT_APPOINTED, Reason.TOO_SHORT)
    assert [each.sessions for each in found.exclusions] == [1, 1, 1]


@pytest.mark.parametrize(
    ("today", "outcome"),
    [(date(2026, 12, 31), Outcome.OPEN), (date(2027, 1, 1), Outcome.NOT_MET), (date(2025, 1, 1), Outcome.OPEN)],
)
def test_a_year_that_is_not_over_is_open(today: date, outcome: Outcome) -> None:
    """Nobody has failed before the year is over."""
    assert verdict(TEN_OF_THIRTY, today=today).outcome is outcome


def test_rules_apply_on_their_days_only() -> None:
    """A session before the first day of the rules, or on the day after the last, is not judged by them."""
    rules = TEN_OF_THIRTY.model_copy(update={"valid_from": date(2026, 1, 3), "valid_to": date(2026, 1, 5)})
    found = verdict(rules, *(session(number) for number in range(1, 5)))
    in_force = {each.date for each in found.sessions if each.counts}
    assert in_force == {date(2026, 1, 3), date(2026, 1, 4)}
    assert found.exclusions[0].reason is Reason.RULES_NOT_IN_FORCE
    assert verdict(rules, today=date(2026, 1, 5)).outcome is Outcome.NOT_MET


@pytest.mark.parametrize(
    ("first", "end", "refused"),
    [
        (None, None, False),
        (date(2026, 12, 31), None, False),
        (date(2027, 1, 1), None, True),
        (None, date(2026, 1, 2), False),
        (None, date(2026, 1, 1), True),
    ],
)
def test_a_year_outside_of_the_rules_is_refused(first: date | None, end: date | None, refused: bool) -> None:
    """A verdict by rules that were not in force on any day of the year would mean nothing."""
    rules = TEN_OF_THIRTY.model_copy(update={"valid_from": first, "valid_to": end})
    if not refused:
        rules.ensure_in_force(2026)
        return
    with pytest.raises(Invalid) as refusal:
        rules.ensure_in_force(2026)
    assert [(each.field, each.reason) for each in refusal.value.violations] == [("year", "DATE_OUT_OF_RANGE")]


def test_rule_sets_stand_side_by_side() -> None:
    """The same year may be judged by each of them; one that the city does not have is refused with those it has."""
    section = CountingSection(default_rule_set="ten", rule_sets={"ten": TEN_OF_THIRTY, "two": TWO_SERVICES})
    assert section.rule_set("") is section.rule_set("ten")
    assert section.rule_set("two") is TWO_SERVICES
    with pytest.raises(Invalid) as refusal:
        section.rule_set("three")
    assert "ten, two" in refusal.value.violations[0].description
    with pytest.raises(ValidationError, match="no rule set"):
        CountingSection(default_rule_set="three", rule_sets={"ten": TEN_OF_THIRTY})


_SESSIONS = st.lists(
    st.builds(
        session,
        st.integers(0, 364),
        st.integers(1, 400),
        appointed=st.booleans(),
        services=st.integers(0, 3),
        evidence=st.frozensets(st.sampled_from(EvidenceKind)),
    ),
    max_size=30,
)
_RULES = st.builds(
    RuleSet,
    name=st.just(NAME),
    source=st.just("drawn"),
    min_sessions=st.integers(0, 12),
    min_minutes=st.integers(0, 120),
    confirmed=st.booleans(),
    appointed=st.booleans(),
    evidence=st.lists(st.sampled_from(EvidenceKind), unique=True).map(tuple),
)


@given(_RULES, _SESSIONS)
def test_a_verdict_explains_every_session(rules: RuleSet, sessions: list[RecordedSession]) -> None:
    """Each session is in the verdict once: it counts, or it has a reason; the figures are those that count."""
    found = verdict(rules, *sessions)
    assert len(found.sessions) == len(sessions)
    assert all(each.counts != bool(each.reasons) for each in found.sessions)
    assert found.counted_sessions == sum(each.counts for each in found.sessions)
    assert found.counted_minutes == sum(each.minutes for each in found.sessions if each.counts)
    assert (found.outcome is Outcome.MET) == (found.counted_sessions >= rules.min_sessions)


@given(_RULES, _SESSIONS, st.integers(0, 100))
def test_a_stricter_rule_never_counts_more(rules: RuleSet, sessions: list[RecordedSession], more: int) -> None:
    """With a longer minimum, the sessions that count are among those that counted before."""
    stricter = rules.model_copy(update={"min_minutes": rules.min_minutes + more})
    assert verdict(stricter, *sessions).counted_sessions <= verdict(rules, *sessions).counted_sessions
