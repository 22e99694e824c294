"""Tenancies: how they begin and end, which facts they publish, and what is refused."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.domain.errors import Invalid, Precondition, Stale
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.period import Period
from services.spaces.domain.space import Space
from services.spaces.domain.tenancy import (
    EndReason,
    EndTenancy,
    RegisterTenant,
    State,
    Tenancy,
    TenancyActivated,
    TenancyEnded,
    TenancySigned,
    advance,
    end,
    register,
)
from tests.spaces.samples import TODAY, ZONE, day, moved_in, occupant, space

SIGNED, ACTIVE, ENDED = State.SIGNED, State.ACTIVE, State.ENDED
FACTS: Mapping[State, type[TenancySigned]] = {SIGNED: TenancySigned, ACTIVE: TenancyActivated, ENDED: TenancyEnded}
NEAR = 8
some = settings(max_examples=80)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """A period that begins some days before or after today, with or without an end."""
    start = draw(st.integers(-NEAR, NEAR))
    length = draw(st.one_of(st.none(), st.integers(1, NEAR)))
    return Period(start=day(start), end=None if length is None else day(start + length))


def end_command(tenancy: Tenancy, last: date | None = None, **fields: Any) -> EndTenancy:
    """End the tenancy because the startup leaves."""
    return EndTenancy(**{"name": tenancy.name, "end_date": last, "end_reason": EndReason.LEFT, **fields})


def ended(tenancy: Tenancy, last: date | None = None, *, today: date = TODAY, **fields: Any) -> Tenancy:
    """Return the tenancy after it was ended."""
    command = end_command(tenancy, last, **fields)
    return end(tenancy, space(desks=1000), occupant(tenancy.startup), command, today=today, zone=ZONE).reply


def violations(refusal: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    """Return the invalid fields with their reasons."""
    return {violation.field: violation.reason for violation in refusal.value.violations}


# --- registration -----------------------------------------------------------------------------


def test_a_tenancy_begins_today_unless_a_day_is_given() -> None:
    """Without a first day a tenancy begins today and is ACTIVE at once."""
    landlord, who, tenancy = moved_in(space(), occupant(), desks=3, area_m2="35.62")
    assert (tenancy.start_date, tenancy.end_date, tenancy.state) == (TODAY, None, ACTIVE)
    assert (tenancy.space, tenancy.startup, tenancy.district) == (landlord.name, who.name, landlord.district)
    assert (tenancy.space_display_name, tenancy.startup_display_name) == (landlord.display_name, who.display_name)
    assert (tenancy.desks, str(tenancy.area_m2), tenancy.due_time) == (3, "35.62", None)


@pytest.mark.parametrize(
    ("start", "last", "state", "reason"),
    [
        (1, None, SIGNED, None),
        (1, 2, SIGNED, None),
        (0, None, ACTIVE, None),
        (-9, 1, ACTIVE, None),
        (-9, 0, ENDED, EndReason.EXPIRED),
        (-9, -3, ENDED, EndReason.EXPIRED),
    ],
)
def test_a_tenancy_is_registered_in_the_state_of_its_days(
    start: int, last: int | None, state: State, reason: EndReason | None
) -> None:
    """A future tenancy is SIGNED, a current one ACTIVE, a past one ENDED and EXPIRED; one fact describes it."""
    command = RegisterTenant(
        space="spaces/s1",
        startup="startups/a1",
        desks=2,
        start_date=day(start),
        end_date=None if last is None else day(last),
    )
    change = register(space(), occupant(), command, name="spaces/s1/tenancies/t1", today=TODAY, zone=ZONE)
    assert (change.reply.state, change.reply.end_reason) == (state, reason)
    assert change.facts == (FACTS[state].of(change.reply),)


@pytest.mark.parametrize(
    ("fields", "invalid"),
    [
        ({"desks": 0, "area_m2": 0}, {"desks": "REQUIRED"}),
        ({"start_date": day(0), "end_date": day(0)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(5), "end_date": day(4)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"end_date": day(0)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(3654)}, {"start_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(0), "end_date": day(18264)}, {"end_date": "DATE_OUT_OF_RANGE"}),
    ],
)
def test_an_impossible_tenancy_is_refused(fields: Mapping[str, Any], invalid: Mapping[str, str]) -> None:
    """Nothing leased, no day, a start over ten years ahead, or over fifty years are refused with the field."""
    command = RegisterTenant(**{"space": "spaces/s1", "startup": "startups/a1", "desks": 1, **fields})
    with pytest.raises(Invalid) as refusal:
        register(space(), occupant(), command, name="spaces/s1/tenancies/t1", today=TODAY, zone=ZONE)
    assert violations(refusal) == invalid


@pytest.mark.parametrize(("start", "last"), [(3653, None), (0, 18263), (0, 1)])
def test_the_longest_and_the_shortest_tenancy_are_accepted(start: int, last: int | None) -> None:
    """Ten years ahead, fifty years long, and a single day are accepted."""
    _, _, tenancy = moved_in(space(), occupant(), day(start), None if last is None else day(last))
    assert tenancy.start_date == day(start)


# --- ending -----------------------------------------------------------------------------------


def test_a_tenancy_ends_today_unless_a_day_is_given() -> None:
    """Without a day of moving out the tenancy is over today, for the given reason."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), day(30))
    over = ended(tenancy, end_reason=EndReason.GRADUATED)
    assert (over.state, over.end_date, over.end_reason) == (ENDED, TODAY, EndReason.GRADUATED)
    assert over.due_time is None


def test_notice_takes_effect_on_its_day() -> None:
    """With notice a tenancy stays ACTIVE until its day, then ends for the given reason and not as expired."""
    landlord, who, tenancy = moved_in(space(desks=1), occupant(), day(-30), None)
    change = end(tenancy, landlord, who, end_command(tenancy, day(7)), today=TODAY, zone=ZONE)
    noticed = change.reply
    assert (noticed.state, noticed.end_date, noticed.end_reason) == (ACTIVE, day(7), EndReason.LEFT)
    assert change.facts == (TenancyActivated.of(noticed),)
    over = advance(noticed, today=day(7), zone=ZONE)
    assert (over.reply.state, over.reply.end_reason) == (ENDED, EndReason.LEFT)
    assert over.facts == (TenancyEnded.of(over.reply),)


def test_an_agreed_end_may_only_become_earlier() -> None:
    """An agreed day of moving out may become an earlier one, never a later one."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), None)
    noticed = ended(tenancy, day(7))
    assert ended(noticed, day(3)).end_date == day(3)
    with pytest.raises(Invalid) as refusal:
        ended(noticed, day(8))
    assert violations(refusal) == {"end_date": "DATE_OUT_OF_RANGE"}


@pytest.mark.parametrize("last", [None, day(5)])
def test_a_tenancy_ended_before_it_began_has_no_day(last: date | None) -> None:
    """It ends on its first day, takes no room, and leaves the startup free for those days."""
    landlord, who, tenancy = moved_in(space(desks=1), occupant(), day(5), day(9))
    change = end(tenancy, landlord, who, end_command(tenancy, last), today=TODAY, zone=ZONE)
    assert (change.reply.state, change.reply.end_date) == (ENDED, day(5))
    assert change.facts == (TenancyEnded.of(change.reply),)
    [vacated] = [entity for entity in change.saves if isinstance(entity, Space)]
    [left] = [entity for entity in change.saves if isinstance(entity, Occupant)]
    assert vacated.occupancy == ()
    assert left.stays == ()


@pytest.mark.parametrize(("start", "last"), [(-30, -31), (5, 4), (-30, 31), (5, 31)])
def test_an_end_outside_the_agreed_days_is_refused(start: int, last: int) -> None:
    """No tenancy ends before its first day or after the agreed end date."""
    _, _, tenancy = moved_in(space(), occupant(), day(start), day(30))
    with pytest.raises(Invalid) as refusal:
        ended(tenancy, day(last))
    assert violations(refusal) == {"end_date": "DATE_OUT_OF_RANGE"}


def test_an_open_tenancy_cannot_last_more_than_fifty_years() -> None:
    """An end date more than fifty years after the first day is refused for a tenancy without an agreed end too."""
    _, _, tenancy = moved_in(space(), occupant(), day(0))
    assert ended(tenancy, day(18263)).end_date == day(18263)
    with pytest.raises(Invalid) as refusal:
        ended(tenancy, day(18264))
    assert violations(refusal) == {"end_date": "DATE_OUT_OF_RANGE"}


def test_an_ended_tenancy_cannot_end_again() -> None:
    """It is refused with TENANCY_ENDED and the day on which it ended."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), None)
    over = ended(tenancy, day(-2))
    with pytest.raises(Precondition) as refusal:
        ended(over, day(-3))
    assert refusal.value.reason == "TENANCY_ENDED"
    assert refusal.value.metadata["end_date"] == str(day(-2))


def test_a_past_end_date_counts_before_the_sweeper_ran() -> None:
    """A tenancy whose day of moving out has passed has ended, even while its document still says ACTIVE."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), day(-1), today=day(-30))
    assert tenancy.state is ACTIVE
    with pytest.raises(Precondition) as refusal:
        ended(tenancy)
    assert refusal.value.reason == "TENANCY_ENDED"


def test_a_caller_cannot_end_a_tenancy_as_expired() -> None:
    """EXPIRED is set by the service only."""
    _, _, tenancy = moved_in(space(), occupant())
    with pytest.raises(Invalid) as refusal:
        ended(tenancy, end_reason=EndReason.EXPIRED)
    assert violations(refusal) == {"end_reason": "MALFORMED"}


@pytest.mark.parametrize("etag", ["", "v1"])
def test_a_current_etag_or_none_is_accepted(etag: str) -> None:
    """A tenancy ends with the etag that was read, or without one."""
    _, _, tenancy = moved_in(space(), occupant())
    assert ended(tenancy.with_(version=1), etag=etag).state is ENDED


def test_a_stale_etag_is_refused() -> None:
    """Ending another version than the current one is refused with the current etag (ETAG_MISMATCH)."""
    _, _, tenancy = moved_in(space(), occupant())
    with pytest.raises(Stale) as refusal:
        ended(tenancy.with_(version=1), etag="v2")
    assert refusal.value.reason == "ETAG_MISMATCH"
    assert refusal.value.metadata["etag"] == "v1"


# --- as days pass -----------------------------------------------------------------------------


@some
@given(periods(), st.lists(st.integers(-NEAR, 3 * NEAR), max_size=6))
def test_a_tenancy_has_the_state_of_its_days(period: Period, looks: list[int]) -> None:
    """On whatever days its timer runs, a tenancy takes the state of that day, and publishes each change once."""
    _, _, tenancy = moved_in(space(), occupant(), period.start, period.end, today=day(-NEAR))
    for today in map(day, sorted(looks)):
        over = period.end is not None and today >= period.end
        expected = ENDED if over else ACTIVE if today >= period.start else SIGNED
        if tenancy.state is not expected:
            change = advance(tenancy, today=today, zone=ZONE)
            assert change.reply.state is expected
            assert change.facts == (FACTS[expected].of(change.reply),)
            assert change.saves == (change.reply,)
            tenancy = change.reply
        with pytest.raises(Precondition) as refusal:
            advance(tenancy, today=today, zone=ZONE)
        assert refusal.value.reason == "NOT_DUE"


@some
@given(periods())
def test_a_tenancy_is_due_at_its_next_change(period: Period) -> None:
    """It is due at the midnight, in the city's time zone, of the first day on which its state is another."""
    _, _, tenancy = moved_in(space(), occupant(), period.start, period.end, today=day(-NEAR))
    days = [day(offset) for offset in range(-NEAR, 4 * NEAR)]
    for today, tomorrow in pairwise(days):
        now, then = tenancy.at(today, ZONE), tenancy.at(tomorrow, ZONE)
        if now.state is not then.state:
            assert now.due_time == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZONE)
        elif now.due_time is not None:
            assert now.due_time.astimezone(ZONE).date() > tomorrow
    assert tenancy.at(days[-1], ZONE).due_time is None


def test_midnight_is_that_of_the_city() -> None:
    """The first of December begins in Jilin at four in the afternoon of the day before in UTC."""
    _, _, tenancy = moved_in(space(), occupant(), date(2026, 12, 1), date(2027, 1, 1))
    assert tenancy.due_time == datetime(2026, 11, 30, 16, tzinfo=UTC)
    active = advance(tenancy, today=date(2026, 12, 1), zone=ZONE).reply
    assert active.due_time == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_a_period_that_passed_unnoticed_is_one_change() -> None:
    """A tenancy whose timer runs only after its whole period goes straight to ENDED with one fact."""
    _, _, tenancy = moved_in(space(), occupant(), day(2), day(4))
    change = advance(tenancy, today=day(9), zone=ZONE)
    assert (change.reply.state, change.reply.end_reason) == (ENDED, EndReason.EXPIRED)
    assert change.facts == (TenancyEnded.of(change.reply),)
