"""Tenancies: how they begin and end, what they tell, and what is refused; capacity is in test_capacity."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.errors import Invalid, Precondition, Refusal, Stale, Taken
from services.spaces.domain import (
    CreateSpace,
    EndReason,
    EndTenancy,
    Kind,
    Occupant,
    Period,
    RegisterTenant,
    Space,
    SpaceCreated,
    SpaceSpec,
    SpaceUpdated,
    Tenancy,
    TenancyActivated,
    TenancyEnded,
    TenancySigned,
    TenancyState,
    advance,
    create_space,
    end_tenancy,
    note_startup,
    register_tenant,
    update_space,
)
from tests.spaces.examples import (
    CITY,
    FENGMAN,
    HIGH_TECH,
    LONGTAN,
    TODAY,
    ZONE,
    day,
    moved_in,
    occupant,
    space,
    update,
)

SIGNED, ACTIVE, ENDED = TenancyState.SIGNED, TenancyState.ACTIVE, TenancyState.ENDED
FACTS: Mapping[TenancyState, type[TenancySigned]] = {
    SIGNED: TenancySigned,
    ACTIVE: TenancyActivated,
    ENDED: TenancyEnded,
}
NEAR = 8
some = settings(max_examples=80)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """A period that begins some days before or after today, open or with an end."""
    start = draw(st.integers(-NEAR, NEAR))
    length = draw(st.one_of(st.none(), st.integers(1, NEAR)))
    return Period(start=day(start), end=None if length is None else day(start + length))


def days_of(period: Period, until: int = 4 * NEAR) -> set[date]:
    """Its days, one by one; those of an open one until some day on which nothing else happens."""
    return {day(offset) for offset in range(-NEAR, until) if period.holds(day(offset))}


def ask_to_end(tenancy: Tenancy, end: date | None = None, **more: Any) -> EndTenancy:
    """Asks to end the tenancy because the startup leaves."""
    return EndTenancy(**{"name": tenancy.name, "end_date": end, "end_reason": EndReason.LEFT, **more})


def ended(tenancy: Tenancy, end: date | None = None, *, today: date = TODAY, **more: Any) -> Tenancy:
    """The tenancy after it was ended."""
    house, who = space(desks=1000), occupant(tenancy.startup)
    return end_tenancy(tenancy, house, who, ask_to_end(tenancy, end, **more), today=today, zone=ZONE).reply


def reason(refused: pytest.ExceptionInfo[Refusal]) -> object:
    """Why it was refused: the reason, or the fields that are wrong with their reasons."""
    if isinstance(refused.value, Invalid):
        return {wrong.field: wrong.reason for wrong in refused.value.violations}
    return refused.value.reason


# --- periods -----------------------------------------------------------------------------------


@some
@given(periods(), periods())
def test_periods_overlap_when_they_share_a_day(one: Period, other: Period) -> None:
    """Two periods overlap exactly when some day is in both; a day of moving out is in none."""
    assert one.overlaps(other) == other.overlaps(one) == bool(days_of(one) & days_of(other))


@some
@given(st.lists(st.tuples(periods(), st.integers(0, NEAR)), max_size=8))
def test_a_startup_sits_in_one_place_at_a_time(asks: list[tuple[Period, int]]) -> None:
    """A stay is refused exactly when one of its days is taken, and a stay cut short gives its days back."""
    who, taken = occupant(), dict[str, set[date]]()
    for place, (period, after) in enumerate(asks):
        name = f"spaces/s1/tenancies/t{place}"
        if any(days_of(period) & days for days in taken.values()):
            with pytest.raises(Taken) as refused:
                who.stay(name, period)
            assert refused.value.reason == "ALREADY_TENANT"
            continue
        end = min(period.start + timedelta(days=after), period.end or date.max)
        who = who.stay(name, period).leave(name, end)
        taken[name] = days_of(Period(start=period.start, end=end)) if end > period.start else set()
    held = {stay.tenancy: days_of(Period(start=stay.start, end=stay.end)) for stay in who.stays}
    assert held == {name: days for name, days in taken.items() if days}


def test_back_to_back_is_allowed() -> None:
    """A startup may move into the next space on the day on which it moves out of the last."""
    _, who, _ = moved_in(space(), occupant(), day(0), day(5))
    _, who, _ = moved_in(space(name="spaces/s2"), who, day(5), None)
    assert [(stay.start, stay.end) for stay in who.stays] == [(day(0), day(5)), (day(5), None)]


@pytest.mark.parametrize(("end", "told"), [(day(5), str(day(5))), (None, "")])
def test_a_second_tenancy_is_refused_with_the_days_of_the_first(end: date | None, told: str) -> None:
    """ALREADY_TENANT says from when until when the startup sits in this very space; no end while that is open."""
    _, who, _ = moved_in(space(), occupant(), day(0), end)
    with pytest.raises(Taken) as refused:
        moved_in(space(), who, day(4), day(9), name="t2")
    assert refused.value.reason == "ALREADY_TENANT"
    assert refused.value.metadata == {"start_date": str(day(0)), "end_date": told}


def test_a_second_place_is_refused_without_the_days_of_the_first() -> None:
    """ALREADY_TENANT tells whoever asks for one space nothing of a tenancy in another."""
    _, who, _ = moved_in(space(), occupant(), day(0), day(5))
    with pytest.raises(Taken) as refused:
        moved_in(space(name="spaces/s2"), who, day(4), day(9))
    assert refused.value.reason == "ALREADY_TENANT"
    assert refused.value.metadata == {}
    assert str(day(0)) not in refused.value.message


# --- registering -------------------------------------------------------------------------------


def test_a_tenant_moves_in_today_unless_a_day_is_given() -> None:
    """Without a first day a tenancy begins today and is ACTIVE at once."""
    house, who, tenancy = moved_in(space(), occupant(), desks=3, area_m2=40)
    assert (tenancy.start_date, tenancy.end_date, tenancy.state) == (TODAY, None, ACTIVE)
    assert (tenancy.space, tenancy.startup, tenancy.district) == (house.name, who.name, house.district)
    assert (tenancy.desks, tenancy.area_m2, tenancy.due_time) == (3, 40, None)


@pytest.mark.parametrize(
    ("start", "end", "state", "why"),
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
    start: int, end: int | None, state: TenancyState, why: EndReason | None
) -> None:
    """What lies ahead is SIGNED, what holds today ACTIVE, what is over ENDED and EXPIRED; the one fact says so."""
    ask = RegisterTenant(
        space="spaces/s1",
        startup="startups/a1",
        desks=2,
        start_date=day(start),
        end_date=None if end is None else day(end),
    )
    change = register_tenant(space(), occupant(), ask, name="spaces/s1/tenancies/t1", today=TODAY, zone=ZONE)
    assert (change.reply.state, change.reply.end_reason) == (state, why)
    assert change.facts == (FACTS[state].of(change.reply),)


def test_days_gone_by_take_no_room() -> None:
    """A tenancy wholly in the past is kept for the record and lets nothing, even of a full space."""
    full, _, _ = moved_in(space(desks=1), occupant(), day(-30), None)
    house, _, tenancy = moved_in(full, occupant("startups/b1"), day(-9), day(-3), name="t2")
    assert tenancy.state is ENDED
    assert house.on(TODAY).lets == full.on(TODAY).lets


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"desks": 0, "area_m2": 0}, {"desks": "REQUIRED"}),
        ({"start_date": day(0), "end_date": day(0)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(5), "end_date": day(4)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"end_date": day(0)}, {"end_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(3654)}, {"start_date": "DATE_OUT_OF_RANGE"}),
        ({"start_date": day(0), "end_date": day(18264)}, {"end_date": "DATE_OUT_OF_RANGE"}),
    ],
)
def test_an_impossible_tenancy_is_refused(fields: Mapping[str, Any], wrong: Mapping[str, str]) -> None:
    """Nothing let, no day, more than ten years ahead or more than fifty years long is refused with its field."""
    ask = RegisterTenant(**{"space": "spaces/s1", "startup": "startups/a1", "desks": 1, **fields})
    with pytest.raises(Invalid) as refused:
        register_tenant(space(), occupant(), ask, name="spaces/s1/tenancies/t1", today=TODAY, zone=ZONE)
    assert reason(refused) == wrong


@pytest.mark.parametrize(("start", "end"), [(3653, None), (0, 18263), (0, 1)])
def test_the_longest_and_the_shortest_tenancy_are_allowed(start: int, end: int | None) -> None:
    """Ten years ahead, fifty years long, and a single day are still allowed."""
    _, _, tenancy = moved_in(space(), occupant(), day(start), None if end is None else day(end))
    assert tenancy.start_date == day(start)


# --- ending ------------------------------------------------------------------------------------


def test_a_tenancy_ends_today_unless_a_day_is_given() -> None:
    """Without a day of moving out the tenancy is over today, for the reason that was given."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), day(30))
    over = ended(tenancy, end_reason=EndReason.GRADUATED)
    assert (over.state, over.end_date, over.end_reason) == (ENDED, TODAY, EndReason.GRADUATED)
    assert over.due_time is None


def test_notice_for_a_day_to_come_takes_effect_on_it() -> None:
    """With notice a tenancy stays ACTIVE until its day, then is over for the reason given and not as expired."""
    house, who, tenancy = moved_in(space(desks=1), occupant(), day(-30), None)
    change = end_tenancy(tenancy, house, who, ask_to_end(tenancy, day(7)), today=TODAY, zone=ZONE)
    noticed = change.reply
    assert (noticed.state, noticed.end_date, noticed.end_reason) == (ACTIVE, day(7), EndReason.LEFT)
    [fact] = change.facts
    assert fact == TenancyActivated.of(noticed)
    over = advance(noticed, today=day(7), zone=ZONE)
    assert (over.reply.state, over.reply.end_reason) == (ENDED, EndReason.LEFT)
    assert over.facts == (TenancyEnded.of(over.reply),)


def test_notice_may_be_brought_forward() -> None:
    """A day of moving out once agreed may become an earlier one, never a later one."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), None)
    noticed = ended(tenancy, day(7))
    assert ended(noticed, day(3)).end_date == day(3)
    with pytest.raises(Invalid) as refused:
        ended(noticed, day(8))
    assert reason(refused) == {"end_date": "DATE_OUT_OF_RANGE"}


@pytest.mark.parametrize("end", [None, day(5)])
def test_who_never_moved_in_has_no_day(end: date | None) -> None:
    """A tenancy ended before its first day ends on that day, takes no room, and leaves the startup free."""
    house, who, tenancy = moved_in(space(desks=1), occupant(), day(5), day(9))
    change = end_tenancy(tenancy, house, who, ask_to_end(tenancy, end), today=TODAY, zone=ZONE)
    assert (change.reply.state, change.reply.end_date) == (ENDED, day(5))
    assert change.facts == (TenancyEnded.of(change.reply),)
    [freed] = [entity for entity in change.saves if isinstance(entity, Space)]
    [left] = [entity for entity in change.saves if isinstance(entity, Occupant)]
    assert freed.lets == ()
    assert left.stays == ()


@pytest.mark.parametrize(("start", "end"), [(-30, -31), (5, 4), (-30, 31), (5, 31)])
def test_an_end_outside_what_was_agreed_is_refused(start: int, end: int) -> None:
    """Nothing ends before its first day or after the day agreed so far."""
    _, _, tenancy = moved_in(space(), occupant(), day(start), day(30))
    with pytest.raises(Invalid) as refused:
        ended(tenancy, day(end))
    assert reason(refused) == {"end_date": "DATE_OUT_OF_RANGE"}


def test_what_has_ended_cannot_end_again() -> None:
    """A tenancy that is over is refused with TENANCY_ENDED and the day on which it ended."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), None)
    over = ended(tenancy, day(-2))
    with pytest.raises(Precondition) as refused:
        ended(over, day(-3))
    assert refused.value.reason == "TENANCY_ENDED"
    assert refused.value.metadata["end_date"] == str(day(-2))


def test_a_day_that_has_come_counts_before_anybody_looked() -> None:
    """A tenancy whose day of moving out has passed is over, even while nothing has made it say so yet."""
    _, _, tenancy = moved_in(space(), occupant(), day(-30), day(-1), today=day(-30))
    with pytest.raises(Precondition) as refused:
        ended(tenancy)
    assert refused.value.reason == "TENANCY_ENDED"


def test_expired_is_not_for_people_to_say() -> None:
    """EXPIRED is the service's own word for a day that has come."""
    _, _, tenancy = moved_in(space(), occupant())
    with pytest.raises(Invalid) as refused:
        ended(tenancy, end_reason=EndReason.EXPIRED)
    assert list(reason(refused)) == ["end_reason"]  # type: ignore[call-overload]


# --- what happens by itself ----------------------------------------------------------------------


@some
@given(periods(), st.lists(st.integers(-NEAR, 3 * NEAR), max_size=6))
def test_a_tenancy_becomes_what_its_days_say(period: Period, waits: list[int]) -> None:
    """On whatever days it is looked at, a tenancy has the state of that day, and tells each change once."""
    _, _, tenancy = moved_in(space(), occupant(), period.start, period.end, today=day(-NEAR))
    for today in map(day, sorted(waits)):
        over = period.end is not None and today >= period.end
        expected = ENDED if over else ACTIVE if today >= period.start else SIGNED
        if tenancy.state is not expected:
            change = advance(tenancy, today=today, zone=ZONE)
            assert change.reply.state is expected
            assert change.facts == (FACTS[expected].of(change.reply),)
            assert change.saves == (change.reply,)
            tenancy = change.reply
        with pytest.raises(Precondition) as refused:
            advance(tenancy, today=today, zone=ZONE)
        assert refused.value.reason == "NOT_DUE"


@some
@given(periods())
def test_due_is_the_moment_of_the_next_change(period: Period) -> None:
    """A tenancy is due at the midnight, in the city's time zone, of the first day on which its state is another."""
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


def test_what_was_slept_through_is_told_as_it_is_now() -> None:
    """A tenancy looked at again only after its whole period has passed goes straight to ENDED with one fact."""
    _, _, tenancy = moved_in(space(), occupant(), day(2), day(4))
    change = advance(tenancy, today=day(9), zone=ZONE)
    assert (change.reply.state, change.reply.end_reason) == (ENDED, EndReason.EXPIRED)
    assert change.facts == (TenancyEnded.of(change.reply),)


# --- versions, masks, words ------------------------------------------------------------------------


@pytest.mark.parametrize("etag", ["", "v1"])
def test_a_current_etag_or_none_is_taken(etag: str) -> None:
    """The etag that was read, or none at all, lets a change pass."""
    assert update_space(space(), update(space(), SpaceSpec(desks=3), "desks", etag=etag), CITY, TODAY).reply.desks == 3
    _, _, tenancy = moved_in(space(), occupant())
    assert ended(tenancy.with_(version=1), etag=etag).state is ENDED


def test_a_stale_etag_is_refused() -> None:
    """A change decided on an older version is refused with the etag that the entity has now."""
    _, _, tenancy = moved_in(space(), occupant())
    changes: list[Callable[[], object]] = [
        lambda: update_space(space(), update(space(), SpaceSpec(desks=3), "desks", etag="v2"), CITY, TODAY),
        lambda: ended(tenancy.with_(version=1), etag="v2"),
    ]
    for change in changes:
        with pytest.raises(Stale) as refused:
            change()
        assert refused.value.reason == "ETAG_MISMATCH"
        assert refused.value.metadata["etag"] == "v1"


def test_only_masked_fields_change() -> None:
    """An update takes the fields that its mask names and no other, and tells the space as it is then."""
    spec = SpaceSpec(display_name="北山孵化器", kind=Kind.ACCELERATOR, desks=99, address="重庆街1号")
    change = update_space(space(), update(space(), spec, "display_name", "address"), CITY, TODAY)
    assert change.reply == space().with_(display_name="北山孵化器", address="重庆街1号")
    assert change.facts == (SpaceUpdated.of(change.reply),)


def test_a_star_takes_every_field() -> None:
    """`*` takes all that may be said, empty fields as well."""
    house = space().with_(zone=HIGH_TECH, address="重庆街1号")
    spec = SpaceSpec(display_name="北山", kind=Kind.ACCELERATOR, district=FENGMAN, operator="北山公司", desks=5)
    changed = update_space(house, update(house, spec, "*"), CITY, TODAY).reply
    assert SpaceSpec.model_validate(changed, from_attributes=True) == spec


@pytest.mark.parametrize("path", ["state", "lets", "name", "desks_free", "etag", "no_such_field", "space.desks", ""])
def test_an_unknown_path_is_refused(path: str) -> None:
    """A mask that names what nobody may say, or no field at all, is refused with the place of that path."""
    with pytest.raises(Invalid) as refused:
        update_space(space(), update(space(), SpaceSpec(desks=3), "desks", path), CITY, TODAY)
    assert reason(refused) == {"update_mask.paths[1]": "UNKNOWN_FIELD"}


@pytest.mark.parametrize("field", ["display_name", "kind", "district", "operator"])
def test_what_a_space_needs_cannot_be_emptied(field: str) -> None:
    """A space without a name, kind, district or operator is neither opened nor made by an update."""
    with pytest.raises(Invalid) as refused:
        update_space(space(), update(space(), SpaceSpec(), field), CITY, TODAY)
    assert reason(refused) == {f"space.{field}": "REQUIRED"}
    whole = {"display_name": "北山", "kind": "INCUBATOR", "district": LONGTAN, "operator": "北山公司"}
    spec = SpaceSpec.model_validate({**whole, field: None if field == "kind" else ""})
    with pytest.raises(Invalid) as refused:
        create_space(CreateSpace(space=spec), CITY, name="spaces/s1")
    assert reason(refused) == {f"space.{field}": "REQUIRED"}


@pytest.mark.parametrize(
    ("district", "zone", "wrong"),
    [
        ("districts/110000", "", "space.district"),
        (HIGH_TECH, "", "space.district"),
        (LONGTAN, FENGMAN, "space.zone"),
        (LONGTAN, "districts/110000", "space.zone"),
    ],
)
def test_a_space_lies_in_a_district_of_the_city(district: str, zone: str, wrong: str) -> None:
    """A district is a district of the city's profile and a zone a zone of it; neither stands for the other."""
    spec = SpaceSpec(display_name="北山", kind=Kind.INCUBATOR, district=district, zone=zone, operator="北山公司")
    with pytest.raises(Invalid) as refused:
        create_space(CreateSpace(space=spec), CITY, name="spaces/s1")
    assert reason(refused) == {wrong: "MALFORMED"}


def test_a_space_is_opened_with_what_was_said() -> None:
    """A new space is operating, has all that was said, lets nothing, and is told."""
    spec = SpaceSpec(
        display_name="北山", kind=Kind.INCUBATOR, district=LONGTAN, zone=HIGH_TECH, operator="北山公司", desks=5
    )
    change = create_space(CreateSpace(space=spec), CITY, name="spaces/s1")
    assert SpaceSpec.model_validate(change.reply, from_attributes=True) == spec
    assert change.reply.on(TODAY).desks_free == 5
    assert change.facts == (SpaceCreated.of(change.reply),)


@pytest.mark.parametrize(
    "fields", [{"desks": -1}, {"desks": 100_001}, {"area_m2": -1}, {"area_m2": 10_000_001}, {"kind": "CASTLE"}]
)
def test_what_no_space_has_cannot_be_said(fields: Mapping[str, Any]) -> None:
    """Desks, area and kind keep within what the contract promises."""
    with pytest.raises(ValidationError):
        SpaceSpec.model_validate(fields)


# --- cards -------------------------------------------------------------------------------------


@some
@given(st.lists(st.integers(1, 6), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_newest_name_stays(sequences: list[int], chance: Random) -> None:
    """Whatever the order and however often a startup's facts are told, the card has the name of the newest."""
    chance.shuffle(sequences)
    card: Occupant | None = None
    for sequence in sequences:
        change = note_startup(card, name="startups/a1", display_name=f"名{sequence}", sequence=sequence)
        for entity in change.saves:
            assert isinstance(entity, Occupant)
            card = entity
    assert card is not None
    assert (card.name, card.display_name, card.sequence) == ("startups/a1", f"名{max(sequences)}", max(sequences))


@pytest.mark.parametrize("sequence", [0, 1])
def test_what_is_known_makes_no_new_version(sequence: int) -> None:
    """A fact that was heard before, or is older than what is known, keeps nothing."""
    assert note_startup(occupant(), name="startups/a1", display_name="旧名", sequence=sequence).saves == ()


def test_a_new_name_moves_nobody() -> None:
    """Where an occupant sits is ours to decide: what its startup says of itself leaves it."""
    _, who, _ = moved_in(space(), occupant())
    [card] = note_startup(who, name=who.name, display_name="新名", sequence=2).saves
    assert card == who.with_(display_name="新名", sequence=2)
