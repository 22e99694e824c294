"""Secondments: both organisations consent, the working time suffices on every day, and the days decide the state."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.dates import midnight
from libs.common.domain.entity import Change
from libs.common.domain.errors import Invalid, Precondition, Stale, Taken
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.seconding import advance, end, propose, record_consent
from services.mentors.domain.secondment import (
    EndReason,
    EndSecondment,
    Party,
    ProposeSecondment,
    RecordConsent,
    Secondment,
    SecondmentAgreed,
    SecondmentEnded,
    State,
)
from services.mentors.domain.working_time import MAX_SECONDMENTS, Engagement, WorkingTime
from tests.mentors.samples import LONGTAN, TODAY, ZONE, day, mentor

CODE = "91220201MA0Y3TAM6K"
EVIDENCE = Evidence(kind=EvidenceKind.AGREEMENT, link="https://files.example.org/1.pdf", sha256="0" * 64)


def command(start: int = 10, stop: int = 100, percent: int = 40, **fields: Any) -> ProposeSecondment:
    """Return the command to propose a secondment from a day to a day."""
    values = {
        "mentor": "mentors/m1",
        "home": {"display_name": "东北电力大学", "credit_code": CODE},
        "host": {"display_name": "松江碳材"},
        "role": "技术总监",
        "start_date": day(start),
        "end_date": day(stop),
        "share_percent": percent,
    }
    return ProposeSecondment.model_validate({**values, **fields})


def proposed(given_: ProposeSecondment, working_time: WorkingTime | None = None, **fields: Any) -> Change[Secondment]:
    """Propose `secondments/c1`."""
    return propose(mentor(**fields), working_time, given_, name="secondments/c1", today=TODAY, zone=ZONE)


def noon(on: date) -> datetime:
    """Return noon of a day in the city."""
    return midnight(on, ZONE) + timedelta(hours=12)


def consent(secondment: Secondment, party: Party, on: date = TODAY, **fields: Any) -> Change[Secondment]:
    """Record a consent on a day."""
    given_ = RecordConsent(name=secondment.name, party=party, evidence=EVIDENCE, **fields)
    return record_consent(secondment, given_, now=noon(on), zone=ZONE)


def agreed(start: int = 10, stop: int = 100, on: date = TODAY) -> Secondment:
    """Return a secondment to which both organisations consent."""
    first = consent(proposed(command(start, stop)).reply, Party.HOME, on).reply
    return consent(first, Party.HOST, on).reply


def ending(secondment: Secondment, on: date = TODAY, last: date | None = None, **fields: Any) -> Change[Secondment]:
    """End a secondment on a day."""
    values = {"name": secondment.name, "end_date": last, "end_reason": EndReason.RECALLED, **fields}
    return end(secondment, reserved(secondment), EndSecondment.model_validate(values), today=on, zone=ZONE)


def reserved(secondment: Secondment) -> WorkingTime:
    """Return the working time that the secondment takes."""
    engagement = Engagement(
        secondment=secondment.name,
        start_date=secondment.start_date,
        end_date=secondment.end_date,
        share_percent=secondment.share_percent,
    )
    return WorkingTime.of(secondment.mentor).with_(engagements=(engagement,))


def working_time(change: Change[Any]) -> WorkingTime:
    """Return the working time that a change saves."""
    return next(each for each in change.saves if isinstance(each, WorkingTime))


# --- propose ----------------------------------------------------------------------------------


def test_a_proposal_reserves_its_share() -> None:
    """What is only proposed takes working time already, so that two proposals are never both agreed beyond 100 %."""
    change = proposed(command(percent=60))
    assert (change.reply.state, change.reply.district, change.reply.spaces) == (State.PROPOSED, LONGTAN, ("spaces/s1",))
    assert change.facts == ()
    with pytest.raises(Precondition) as refused:
        proposed(command(99, 120, percent=41), working_time(change))
    assert refused.value.reason == "WORKING_TIME_EXCEEDED"
    assert refused.value.metadata == {"day": str(day(99)), "used_percent": "60", "free_percent": "40"}
    assert proposed(command(99, 120, percent=40), working_time(change)).reply.state is State.PROPOSED
    assert proposed(command(100, 120, percent=100), working_time(change)).reply.state is State.PROPOSED


SPANS = st.tuples(st.integers(-20, 30), st.integers(1, 30), st.integers(1, 100))


@given(st.lists(SPANS, max_size=8))
def test_no_day_has_more_than_all_of_the_working_time(spans: list[tuple[int, int, int]]) -> None:
    """Proposals are accepted exactly if no day from today on would have more than 100 %, checked day by day."""
    taken: dict[date, int] = {}
    known = WorkingTime.of("mentors/m1")
    for number, (start, length, percent) in enumerate(spans):
        days = [day(offset) for offset in range(max(start, 0), start + length)]
        if not days:
            continue
        engagement = Engagement(
            secondment=f"secondments/c{number}",
            start_date=day(start),
            end_date=day(start + length),
            share_percent=percent,
        )
        full = [each for each in days if taken.get(each, 0) + percent > 100]
        if full:
            with pytest.raises(Precondition) as refused:
                known.with_engagement(engagement, TODAY)
            assert refused.value.metadata["day"] == str(full[0])
        else:
            known = known.with_engagement(engagement, TODAY)
            taken |= {each: taken.get(each, 0) + percent for each in days}
    assert all(known.used_percent(each) == percent for each, percent in taken.items())


def test_what_is_over_takes_no_room() -> None:
    """A document stays small: engagements that are over are dropped, and only so many others may exist."""
    old = Engagement(secondment="secondments/old", start_date=day(-9), end_date=TODAY, share_percent=100)
    known = WorkingTime.of("mentors/m1").with_(engagements=(old,))
    assert len(working_time(proposed(command(percent=1), known)).engagements) == 1
    for number in range(MAX_SECONDMENTS):
        span = {"start_date": day(number), "end_date": day(number + 1)}
        known = known.with_engagement(Engagement(secondment=f"s{number}", share_percent=100, **span), TODAY)
    with pytest.raises(Precondition) as refused:
        proposed(command(200, 300), known)
    assert (refused.value.reason, refused.value.metadata) == ("TOO_MANY_SECONDMENTS", {"limit": "50"})


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"host": {"display_name": "东北电力大学"}}, "host", "MALFORMED"),
        ({"host": {"display_name": "另一个名字", "credit_code": CODE}}, "host", "MALFORMED"),
        ({"end_date": day(10)}, "end_date", "DATE_OUT_OF_RANGE"),
        ({"end_date": day(10 + 3654)}, "end_date", "DATE_OUT_OF_RANGE"),
        ({"start_date": day(-90), "end_date": TODAY}, "end_date", "DATE_OUT_OF_RANGE"),
        ({"start_date": day(3654), "end_date": day(3700)}, "start_date", "DATE_OUT_OF_RANGE"),
        ({"start_date": day(-3654)}, "start_date", "DATE_OUT_OF_RANGE"),
    ],
)
def test_a_wrong_proposal_is_refused(fields: dict[str, Any], path: str, reason: str) -> None:
    """One organisation in both places, and days that are empty, over or too far away."""
    with pytest.raises(Invalid) as refused:
        proposed(command(**fields))
    assert [(each.field, each.reason) for each in refused.value.violations] == [(path, reason)]


def test_only_appointed_mentors_are_seconded() -> None:
    """A nominee and a retired mentor are refused; a suspended one is still appointed."""
    for state in (MentorState.NOMINATED, MentorState.REJECTED, MentorState.RETIRED):
        with pytest.raises(Precondition) as refused:
            proposed(command(), state=state)
        assert refused.value.reason == "WRONG_MENTOR_STATE"
    assert proposed(command(), state=MentorState.SUSPENDED).reply.state is State.PROPOSED


# --- consent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(Party.HOME, Party.HOST), (Party.HOST, Party.HOME)])
def test_a_secondment_is_agreed_when_both_consent(order: tuple[Party, Party]) -> None:
    """One consent changes no state and publishes nothing; the second one agrees the secondment, in either order."""
    first = consent(proposed(command()).reply, order[0])
    assert (first.reply.state, first.facts) == (State.PROPOSED, ())
    second = consent(first.reply, order[1], day(1), consent_date=day(-3))
    assert (second.reply.state, second.reply.due_time) == (State.AGREED, midnight(day(10), ZONE))
    (fact,) = second.facts
    assert type(fact) is SecondmentAgreed
    assert (fact.home_credit_code, fact.host_display_name, fact.share_percent) == (CODE, "松江碳材", 40)
    with pytest.raises(Taken) as refused:
        consent(second.reply, order[1])
    assert (refused.value.reason, refused.value.metadata) == ("ALREADY_CONSENTED", {"consent_date": str(day(-3))})


def test_a_late_consent_begins_the_secondment_at_once() -> None:
    """The second consent after the first day makes it ACTIVE; after the last day it has lapsed."""
    first = consent(proposed(command()).reply, Party.HOME).reply
    assert consent(first, Party.HOST, day(10)).reply.state is State.ACTIVE
    with pytest.raises(Precondition) as refused:
        consent(first, Party.HOST, day(100))
    assert (refused.value.reason, refused.value.metadata) == ("SECONDMENT_ENDED", {"end_date": str(day(100))})


def test_a_consent_is_not_given_in_the_future() -> None:
    """The day of a consent is today or earlier, and an etag of another version refuses it."""
    secondment = proposed(command()).reply
    with pytest.raises(Invalid):
        consent(secondment, Party.HOME, consent_date=day(1))
    with pytest.raises(Stale):
        consent(secondment, Party.HOME, etag="v7")


# --- days -------------------------------------------------------------------------------------


@given(st.integers(-5, 5), st.integers(1, 10), st.integers(-10, 20), st.booleans())
def test_the_day_decides_the_state(start: int, length: int, on: int, both: bool) -> None:
    """AGREED before the first day, ACTIVE until the end, ENDED from then on; without both consents PROPOSED, LAPSED."""
    secondment = (
        agreed(start + 10, start + 10 + length) if both else proposed(command(start + 10, start + 10 + length)).reply
    )
    seen = secondment.at(day(10 + on), ZONE)
    if on >= start + length:
        reason = EndReason.EXPIRED if both else EndReason.LAPSED
        assert (seen.state, seen.end_reason, seen.due_time) == (State.ENDED, reason, None)
    elif not both:
        assert (seen.state, seen.due_time) == (State.PROPOSED, midnight(day(10 + start + length), ZONE))
    elif on < start:
        assert (seen.state, seen.due_time) == (State.AGREED, midnight(day(10 + start), ZONE))
    else:
        assert (seen.state, seen.due_time) == (State.ACTIVE, midnight(day(10 + start + length), ZONE))


def test_the_timer_publishes_the_end_of_what_was_agreed() -> None:
    """The begin is known from the agreement; the end is published; a proposal that lapses was never published."""
    assert advance(agreed(), today=day(10), zone=ZONE).facts == ()
    (fact,) = advance(agreed(), today=day(100), zone=ZONE).facts
    assert isinstance(fact, SecondmentEnded)
    assert fact.end_reason is EndReason.EXPIRED
    lapsed = advance(proposed(command()).reply, today=day(100), zone=ZONE)
    assert (lapsed.reply.end_reason, lapsed.facts) == (EndReason.LAPSED, ())
    with pytest.raises(Precondition) as refused:
        advance(agreed(), today=TODAY, zone=ZONE)
    assert refused.value.reason == "NOT_DUE"


# --- end early --------------------------------------------------------------------------------


def test_an_early_end_frees_the_working_time() -> None:
    """From the day of the end on the share is free; the end is published once it has come."""
    noticed = ending(agreed(), day(20), day(50))
    assert (noticed.reply.state, noticed.reply.end_date) == (State.ACTIVE, day(50))
    assert [type(fact) for fact in noticed.facts] == [SecondmentAgreed]
    assert [working_time(noticed).used_percent(day(each)) for each in (49, 50)] == [40, 0]
    over = ending(agreed(), day(20))
    assert (over.reply.state, over.reply.end_date, over.reply.end_reason) == (State.ENDED, day(20), EndReason.RECALLED)
    assert [type(fact) for fact in over.facts] == [SecondmentEnded]


def test_what_has_not_begun_never_begins() -> None:
    """An agreed secondment that ends before its first day has no days; a withdrawn proposal is not published."""
    never = ending(agreed())
    assert (never.reply.state, never.reply.start_date, never.reply.end_date) == (State.ENDED, day(10), day(10))
    assert working_time(never).engagements == ()
    withdrawn = ending(proposed(command()).reply, day(20), day(50), end_reason=EndReason.REFUSED)
    assert (withdrawn.reply.state, withdrawn.facts) == (State.ENDED, ())
    assert working_time(withdrawn).engagements == ()


@pytest.mark.parametrize("last", [19, 101])
def test_an_end_lies_between_today_and_the_agreed_end(last: int) -> None:
    """A secondment is neither ended in the past nor extended."""
    with pytest.raises(Invalid) as refused:
        ending(agreed(), day(20), day(last))
    assert [each.field for each in refused.value.violations] == ["end_date"]


def test_an_end_needs_a_reason_that_callers_may_give() -> None:
    """EXPIRED and LAPSED are set by the service; what is over cannot end again."""
    for reason in (EndReason.EXPIRED, EndReason.LAPSED):
        with pytest.raises(Invalid):
            ending(agreed(), day(20), end_reason=reason)
    with pytest.raises(Precondition) as refused:
        ending(agreed(), day(100))
    assert refused.value.reason == "SECONDMENT_ENDED"
