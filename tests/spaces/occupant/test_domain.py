"""Occupants: a startup's stays, one at a time, and what its facts change."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.domain.errors import Taken
from services.spaces.domain.occupant import Occupant, note_startup
from services.spaces.domain.period import Period
from tests.spaces.samples import day, moved_in, occupant, space

NEAR = 8
some = settings(max_examples=80)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """A period that begins some days before or after today, with or without an end."""
    start = draw(st.integers(-NEAR, NEAR))
    length = draw(st.one_of(st.none(), st.integers(1, NEAR)))
    return Period(start=day(start), end=None if length is None else day(start + length))


def days_of(period: Period, until: int = 4 * NEAR) -> set[date]:
    """Return the days of a period; those of an open one until some day on which nothing else happens."""
    return {day(offset) for offset in range(-NEAR, until) if period.contains(day(offset))}


# --- stays ------------------------------------------------------------------------------------


@some
@given(periods(), periods())
def test_periods_overlap_when_they_share_a_day(one: Period, other: Period) -> None:
    """Two periods overlap exactly when some day is in both; a day of moving out is in none."""
    assert one.overlaps(other) == other.overlaps(one) == bool(days_of(one) & days_of(other))


@some
@given(st.lists(st.tuples(periods(), st.integers(0, NEAR)), max_size=8))
def test_a_startup_stays_in_one_place_at_a_time(requests: list[tuple[Period, int]]) -> None:
    """A stay is refused exactly when one of its days is taken, and a stay cut short gives its days back."""
    who, taken = occupant(), dict[str, set[date]]()
    for place, (period, after) in enumerate(requests):
        name = f"spaces/s1/tenancies/t{place}"
        if any(days_of(period) & days for days in taken.values()):
            with pytest.raises(Taken) as refusal:
                who.stay(name, period)
            assert refusal.value.reason == "ALREADY_TENANT"
            continue
        end = min(period.start + timedelta(days=after), period.end or date.max)
        who = who.stay(name, period).leave(name, end)
        taken[name] = days_of(Period(start=period.start, end=end)) if end > period.start else set()
    held = {stay.tenancy: days_of(Period(start=stay.start, end=stay.end)) for stay in who.stays}
    assert held == {name: days for name, days in taken.items() if days}


def test_stays_may_follow_one_another_without_a_day_between() -> None:
    """A startup may move into the next space on the day on which it moves out of the last."""
    _, who, _ = moved_in(space(), occupant(), day(0), day(5))
    _, who, _ = moved_in(space(name="spaces/s2"), who, day(5), None)
    assert [(stay.start, stay.end) for stay in who.stays] == [(day(0), day(5)), (day(5), None)]


@pytest.mark.parametrize(("end", "end_date"), [(day(5), str(day(5))), (None, "")])
def test_a_second_tenancy_in_a_space_is_refused_with_the_days_of_the_first(end: date | None, end_date: str) -> None:
    """ALREADY_TENANT gives the days of a tenancy in the same space; the end is empty while it is open."""
    _, who, _ = moved_in(space(), occupant(), day(0), end)
    with pytest.raises(Taken) as refusal:
        moved_in(space(), who, day(4), day(9), name="t2")
    assert refusal.value.reason == "ALREADY_TENANT"
    assert refusal.value.metadata == {"start_date": str(day(0)), "end_date": end_date}


def test_a_tenancy_in_another_space_is_not_revealed() -> None:
    """ALREADY_TENANT says nothing about the days of a tenancy in another space."""
    _, who, _ = moved_in(space(), occupant(), day(0), day(5))
    with pytest.raises(Taken) as refusal:
        moved_in(space(name="spaces/s2"), who, day(4), day(9))
    assert refusal.value.reason == "ALREADY_TENANT"
    assert refusal.value.metadata == {}
    assert str(day(0)) not in refusal.value.message


# --- facts of the startup ---------------------------------------------------------------------


@some
@given(st.lists(st.integers(1, 6), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_newest_name_stays(sequences: list[int], chance: Random) -> None:
    """In whatever order and however often a startup's facts arrive, the projection has the newest name."""
    chance.shuffle(sequences)
    known: Occupant | None = None
    for sequence in sequences:
        change = note_startup(known, name="startups/a1", display_name=f"名{sequence}", sequence=sequence)
        for entity in change.saves:
            assert isinstance(entity, Occupant)
            known = entity
    assert known is not None
    assert (known.name, known.display_name, known.sequence) == ("startups/a1", f"名{max(sequences)}", max(sequences))


@pytest.mark.parametrize("sequence", [0, 1])
def test_an_old_fact_makes_no_new_version(sequence: int) -> None:
    """A fact that was handled before, or is older than what is known, saves nothing."""
    assert note_startup(occupant(), name="startups/a1", display_name="旧名", sequence=sequence).saves == ()


def test_a_new_name_leaves_the_stays() -> None:
    """Stays are decided by spaces: a fact of the startup does not change them."""
    _, who, _ = moved_in(space(), occupant())
    [renamed] = note_startup(who, name=who.name, display_name="新名", sequence=2).saves
    assert renamed == who.with_(display_name="新名", sequence=2)
