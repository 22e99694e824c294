"""Projections: the newest facts count, whatever the order in which they arrive."""

from datetime import date
from functools import reduce
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mentors.domain.projection import note
from services.mentors.domain.residence import Residence, Stay, note_stay
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup
from tests.mentors.samples import HIGH_TECH, day, space, startup

some = settings(max_examples=80)


# --- startups and spaces ----------------------------------------------------------------------


@some
@given(st.lists(st.integers(1, 6), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_newest_description_stays(sequences: list[int], chance: Random) -> None:
    """In whatever order and however often a startup's facts arrive, the projection is as the newest says."""
    chance.shuffle(sequences)
    known: Startup | None = None
    for sequence in sequences:
        reported = startup(version=0, sequence=sequence, display_name=f"名{sequence}", industry_chain=f"c{sequence}")
        for entity in note(known, reported).saves:
            assert isinstance(entity, Startup)
            known = entity
    last = max(sequences)
    assert known == startup(version=0, sequence=last, display_name=f"名{last}", industry_chain=f"c{last}")


@pytest.mark.parametrize("sequence", [0, 1])
def test_an_old_fact_makes_no_new_version(sequence: int) -> None:
    """A fact that was handled before, or is older than what is known, saves nothing."""
    assert note(startup(), startup(sequence=sequence, display_name="旧名")).saves == ()
    assert note(space(), space(sequence=sequence, display_name="旧名")).saves == ()


def test_a_code_that_was_removed_is_gone() -> None:
    """Every field is that of the newest fact: a firm whose credit code was removed is a team without one."""
    firm = startup(credit_code="91220202MA0Y1X2KX3", stage="FIRM", founded_date=day(-900))
    [team] = note(firm, startup(version=0, sequence=2)).saves
    assert team == startup(sequence=2)


def test_the_version_is_that_of_the_projection() -> None:
    """A newer fact changes the description and leaves name, version and times to the commit."""
    known = space(version=7)
    [changed] = note(known, Space(name=known.name, display_name="新名", zone=HIGH_TECH, sequence=2)).saves
    assert changed == Space(name=known.name, version=7, display_name="新名", zone=HIGH_TECH, sequence=2)


# --- stays ------------------------------------------------------------------------------------


def stay(tenancy: str, sequence: int, start: int, end: int | None = None) -> Stay:
    """Return what a fact of a tenancy reports."""
    return Stay(
        tenancy=f"spaces/s{tenancy}/tenancies/{tenancy}",
        sequence=sequence,
        space=f"spaces/s{tenancy}",
        start_date=day(start),
        end_date=None if end is None else day(end),
    )


def residence_after(reports: list[Stay]) -> Residence | None:
    """Return the residence of a startup after these reports."""

    def apply(known: Residence | None, report: Stay) -> Residence | None:
        saved = note_stay(known, startup="startups/a1", reported=report).saves
        assert all(isinstance(entity, Residence) for entity in saved)
        return Residence(**dict(saved[0])) if saved else known

    return reduce(apply, reports, None)


@st.composite
def histories(draw: st.DrawFn) -> list[Stay]:
    """Reports of a startup's tenancies, in order: one after another, each cut short, kept open or never begun."""
    reports, start = list[Stay](), draw(st.integers(-30, 0))
    names = draw(st.permutations("123456"))
    for tenancy in names[: draw(st.integers(1, 5))]:
        length = draw(st.integers(0, 4))
        notices = draw(st.integers(1, 2)) if length or draw(st.booleans()) else 0
        reports += [stay(tenancy, place, start, None if place == 1 else start + 9) for place in range(1, notices + 1)]
        reports.append(stay(tenancy, notices + 1, start, start + length))
        start += length
    return reports


@settings(max_examples=120)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(reports: list[Stay], chance: Random) -> None:
    """In any order and with any repeats the reports give the residence that they give in order."""
    again = [*reports, *chance.choices(reports, k=3)]
    chance.shuffle(again)
    assert residence_after(again) == residence_after(reports)


def test_an_old_report_makes_no_new_version() -> None:
    """A report that was handled before, or is older than what is known, saves nothing."""
    known = residence_after([stay("1", 2, 0)])
    for old in (stay("1", 2, 0), stay("1", 1, 0)):
        assert note_stay(known, startup="startups/a1", reported=old).saves == ()


def space_on(reports: list[Stay], on: date) -> str:
    """Return the space in which the startup is a tenant on a day, after these reports."""
    known = residence_after(reports)
    assert known is not None
    return known.space_on(on)


def test_a_stay_begins_on_its_first_day_and_ends_before_its_last() -> None:
    """A tenancy that was signed ahead counts from its first day; the day of moving out does not count."""
    signed = [stay("1", 1, 5, 9)]
    assert [space_on(signed, day(offset)) for offset in (4, 5, 8, 9)] == ["", "spaces/s1", "spaces/s1", ""]


@pytest.mark.parametrize(
    "reports",
    [
        [stay("1", 2, 20, 20)],
        [stay("1", 1, 20), stay("1", 2, 20, 20)],
        [stay("1", 1, 0), stay("1", 2, 0, 9), stay("1", 3, 0, 0)],
    ],
    ids=["unknown-before", "signed", "after-notice"],
)
def test_a_tenancy_ended_before_it_began_leaves_no_stay(reports: list[Stay]) -> None:
    """In every order of the reports there is no day on which the startup is a tenant."""
    for order in permutations(reports):
        assert {space_on(list(order), day(offset)) for offset in range(-1, 40)} == {""}, order


def test_while_two_stays_cover_a_day_the_later_one_counts() -> None:
    """The fact of moving out may arrive after that of moving in elsewhere; then the startup is where it moved."""
    moved = [stay("1", 1, -9), stay("2", 1, -2)]
    for order in permutations(moved):
        assert space_on(list(order), day(0)) == "spaces/s2"
        assert space_on(list(order), day(-5)) == "spaces/s1"
