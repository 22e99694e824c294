"""What becomes of a secondment: proposed, consented to, begun and ended."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from libs.calendar.local_time import local_day
from libs.common.domain.entity import Change, Fact
from libs.common.domain.errors import Invalid, Precondition, Taken
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.secondment import (
    Consent,
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
from services.mentors.domain.working_time import Engagement, WorkingTime


def propose(
    mentor: Mentor,
    working_time: WorkingTime | None,
    command: ProposeSecondment,
    *,
    name: str,
    today: date,
    zone: ZoneInfo,
) -> Change[Secondment]:
    """Propose a secondment, and reserve its share of the mentor's working time.

    Refuses a mentor who is not appointed (WRONG_MENTOR_STATE), more than 100 % on any day (WORKING_TIME_EXCEEDED) and
    too many secondments at a time (TOO_MANY_SECONDMENTS).
    """
    command.ensure_valid(today)
    mentor.ensure_state(MentorState.APPOINTED, MentorState.SUSPENDED)
    secondment = Secondment(
        name=name,
        mentor=mentor.name,
        mentor_display_name=mentor.display_name,
        spaces=mentor.spaces,
        district=mentor.district,
        home=command.home,
        host=command.host,
        role=command.role,
        start_date=command.start_date,
        end_date=command.end_date,
        share_percent=command.share_percent,
    ).at(today, zone)
    engagement = Engagement(
        secondment=name,
        start_date=command.start_date,
        end_date=command.end_date,
        share_percent=command.share_percent,
    )
    reserved = (working_time or WorkingTime.of(mentor.name)).with_engagement(engagement, today)
    return Change(secondment, saves=(secondment, reserved))


def record_consent(
    secondment: Secondment, command: RecordConsent, *, now: datetime, zone: ZoneInfo
) -> Change[Secondment]:
    """Record the consent of one organisation. With the second one the secondment is agreed.

    Refuses a second consent of the same organisation (ALREADY_CONSENTED) and a secondment that is over
    (SECONDMENT_ENDED).
    """
    today = local_day(now, zone)
    secondment.ensure_etag(command.etag)
    secondment = secondment.at(today, zone)  # the sweeper may not have run yet
    secondment.ensure_running()
    field = "home_consent" if command.party is Party.HOME else "host_consent"
    if (given := getattr(secondment, field)) is not None:
        raise Taken("ALREADY_CONSENTED", "the organisation has consented", consent_date=given.consent_date)
    if command.consent_date is not None and command.consent_date > today:
        raise Invalid.field("consent_date", "DATE_OUT_OF_RANGE", "after today")
    consent = Consent(evidence=command.evidence, consent_date=command.consent_date or today, record_time=now)
    changed = secondment.with_(**{field: consent}).at(today, zone)
    facts = (SecondmentAgreed.about(changed),) if changed.is_agreed else ()
    return Change(changed, saves=(changed,), facts=facts)


def end(
    secondment: Secondment,
    working_time: WorkingTime | None,
    command: EndSecondment,
    *,
    today: date,
    zone: ZoneInfo,
) -> Change[Secondment]:
    """End a secondment on a day, today by default. From that day on the working time is free.

    A proposal, and what has not begun, never begins if it ends on its first day or earlier.
    """
    secondment.ensure_etag(command.etag)
    secondment = secondment.at(today, zone)  # the sweeper may not have run yet
    if command.end_reason in {EndReason.EXPIRED, EndReason.LAPSED}:
        raise Invalid.field("end_reason", "MALFORMED", "set by the service only, when the end date has passed")
    secondment.ensure_running()
    last = command.end_date or max(today, secondment.start_date)
    if not max(today, secondment.start_date) <= last <= secondment.end_date:
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not from today and the first day to the agreed end")
    if not secondment.is_agreed:
        last = secondment.start_date
    ended = secondment.with_(end_date=last, end_reason=command.end_reason).at(today, zone)
    freed = (working_time or WorkingTime.of(secondment.mentor)).ending(ended.name, last)
    return Change(ended, saves=(ended, freed), facts=_ending_facts(ended))


def advance(secondment: Secondment, *, today: date, zone: ZoneInfo) -> Change[Secondment]:
    """Begin a secondment on its first day, end it on its end date. Refuses when nothing is due (NOT_DUE)."""
    advanced = secondment.at(today, zone)
    if advanced == secondment:
        raise Precondition("NOT_DUE", "the state is already that of today", name=secondment.name)
    return Change(advanced, saves=(advanced,), facts=_ending_facts(advanced) if advanced.state is State.ENDED else ())


def _ending_facts(secondment: Secondment) -> tuple[Fact, ...]:
    """Return the fact of an end. What was only proposed was never published."""
    if not secondment.is_agreed:
        return ()
    fact = SecondmentEnded if secondment.state is State.ENDED else SecondmentAgreed
    return (fact.about(secondment),)
