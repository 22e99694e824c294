"""Where a startup stays, whatever the order in which the facts of its tenancies arrive."""

from functools import reduce
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.startups.domain.residency import Residency, State
from services.startups.domain.startup import Startup, note_residency
from tests.startups.samples import startup, stay

CURRENT, ENDED = State.CURRENT, State.ENDED


@st.composite
def histories(draw: st.DrawFn) -> list[Residency]:
    """Reports of a startup's tenancies, in order: one after another, each cut short, kept open or never begun."""
    reports, start = list[Residency](), draw(st.integers(-30, 0))
    names = draw(st.permutations("123456"))
    for tenancy in names[: draw(st.integers(1, 5))]:
        first = draw(st.integers(1, 3))  # the first versions may be SIGNED, to which startups does not subscribe
        length = draw(st.integers(0, 4))
        notices = draw(st.integers(1, 2)) if length or draw(st.booleans()) else 0
        reports += [stay(tenancy, first + place, start, None if place == 0 else start + 9) for place in range(notices)]
        if draw(st.booleans()) or not notices:
            reports.append(stay(tenancy, first + notices, start, start + length, ENDED))
        start += max(length, draw(st.integers(0, 3)) if length else 0)
    return reports


def residency_after(reports: list[Residency]) -> Residency | None:
    """Return the residency of a startup after these reports."""

    def note(known: Startup, report: Residency) -> Startup:
        saved = note_residency(known, report).saves
        return known.with_(**dict(saved[0])) if saved else known

    return reduce(note, reports, startup()).residency


@settings(max_examples=120)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(reports: list[Residency], chance: Random) -> None:
    """In any order and with any repeats the reports give the residency that they give in order."""
    again = [*reports, *chance.choices(reports, k=3)]
    chance.shuffle(again)
    assert residency_after(again) == residency_after(reports)


def test_an_old_report_makes_no_new_version() -> None:
    """A report that was handled before, or is older than what is known, saves nothing."""
    resident = startup().with_residency(stay("1", 2, 0))
    for old in (stay("1", 2, 0), stay("1", 1, 0)):
        assert note_residency(resident, old).saves == ()


@pytest.mark.parametrize(
    ("reports", "tenancy", "state"),
    [
        ([stay("1", 1, -9)], "1", CURRENT),
        ([stay("1", 1, -9), stay("1", 2, -9, -5, ENDED)], "1", ENDED),
        ([stay("1", 1, -9), stay("1", 2, -9, -5, ENDED), stay("2", 1, -5)], "2", CURRENT),
        ([stay("2", 1, -9, -5), stay("2", 2, -9, -5, ENDED), stay("1", 2, -5)], "1", CURRENT),
        ([stay("1", 1, -9), stay("2", 2, 5, 5, ENDED)], "1", CURRENT),
        ([stay("1", 1, -9), stay("2", 1, -30, -20, ENDED)], "1", CURRENT),
        ([stay("1", 1, -9, -5), stay("2", 1, -5), stay("2", 2, -5, -5, ENDED)], "1", CURRENT),
    ],
    ids=["moves-in", "moves-out", "moves-on", "moves-on-to-an-older-name", "cancels", "learns-of-the-past", "same-day"],
)
def test_the_residency_is_the_latest_stay(reports: list[Residency], tenancy: str, state: State) -> None:
    """It is the stay that began last; one that never began does not hide the one before it."""
    found = residency_after(reports)
    assert found is not None
    assert (found.tenancy.rpartition("/")[2], found.state) == (tenancy, state)


@pytest.mark.parametrize(
    "reports",
    [
        [stay("1", 2, 20, 20, ENDED)],
        [stay("1", 2, 20, 20, ENDED), stay("2", 3, 40, 40, ENDED)],
        [stay("1", 1, 0), stay("1", 2, 0, 0, ENDED)],
        [stay("1", 1, 0), stay("1", 2, 0, 9), stay("1", 3, 0, 0, ENDED)],
    ],
    ids=["signed", "signed-twice", "on-its-first-day", "after-notice"],
)
def test_a_tenancy_ended_before_it_began_is_no_residency(reports: list[Residency]) -> None:
    """In every order of the reports, a startup that never had a day in a space has no residency."""
    for order in permutations(reports):
        assert residency_after(list(order)) is None, order
