"""Coverage: mentors that tenants have and need, each counted once, and nothing where there is nothing to divide by."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.profile import Text
from services.mentors.domain.coverage import Corps, Coverage, Ratio, RatioFigures, measure
from services.mentors.domain.mentor import Appointment

NAME = Text(zh="比例", en="Ratio")
PER_TEN = Ratio(name=NAME, source="the national rule", tenants_per_mentor=10)
PER_FIVE = Ratio(name=NAME, source="one per five, and three", tenants_per_mentor=5, min_mentors=3)
RATIOS = {"per-ten": PER_TEN, "per-five": PER_FIVE}
TODAY = date(2026, 11, 24)
A, B, C = "spaces/a", "spaces/b", "spaces/c"
LONGTAN = "districts/220203"


def appointment(appointer: str, start: date = date(2026, 1, 1), end: date = date(2028, 1, 1)) -> Appointment:
    """Return an appointment."""
    return Appointment(appointer=appointer, body="江城孵化器", certificate_number="1", start_date=start, end_date=end)


def mentor(number: int, *appointers: str) -> Corps:
    """Return a mentor whom these have appointed."""
    return Corps(mentor=f"mentors/m{number}", appointments=tuple(appointment(each) for each in appointers))


def tenants(count: int, prefix: str = "a") -> frozenset[str]:
    """Return so many startups."""
    return frozenset(f"startups/{prefix}{number}" for number in range(count))


def covered(
    tenants_of: dict[str, frozenset[str]],
    *corps: Corps,
    served: frozenset[str] = frozenset(),
    appointers: tuple[str, ...] | None = None,
) -> Coverage:
    """Measure these spaces; the whole city unless there are appointers."""
    spaces = dict.fromkeys(tenants_of, "江城孵化器")
    return measure(spaces, tenants_of, served, corps, ratios=RATIOS, day=TODAY, appointers=appointers)


def ratio(found: Coverage, code: str) -> RatioFigures:
    """Return what a ratio asks for."""
    return next(each for each in found.figures.ratios if each.ratio == code)


@pytest.mark.parametrize(("count", "needed"), [(1, 3), (8, 3), (15, 3), (16, 4), (20, 4), (21, 5)])
def test_one_for_five_and_at_least_three(count: int, needed: int) -> None:
    """8 tenants need 3 mentors, 16 need 4: the larger of three and a fifth, rounded up."""
    assert PER_FIVE.needed(count) == needed


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (10, 1), (11, 2), (100, 10), (101, 11)])
def test_one_for_ten_is_rounded_up(count: int, needed: int) -> None:
    """The national rule has no least number, and the eleventh tenant needs a second mentor."""
    assert PER_TEN.needed(count) == needed


def test_a_mentor_of_three_spaces_counts_once_in_the_city_and_once_in_each() -> None:
    """Counting appointments would count the person three times."""
    found = covered({A: tenants(8), B: tenants(4, "b"), C: tenants(2, "c")}, mentor(1, A, B, C), mentor(2, A))
    assert found.figures.mentors == 2
    assert {each.space: each.figures.mentors for each in found.spaces} == {A: 2, B: 1, C: 1}
    assert (ratio(found, "per-five").needed, ratio(found, "per-five").missing) == (3, 1)


def test_a_mentor_of_the_citys_corps_counts_in_no_space() -> None:
    """A district's mentor counts in the city and in the district, and no space may claim the person."""
    corps = mentor(1, LONGTAN)
    assert covered({A: tenants(8)}, corps).figures.mentors == 1
    assert covered({A: tenants(8)}, corps, appointers=(LONGTAN,)).figures.mentors == 1
    of_space = covered({A: tenants(8)}, corps, appointers=())
    assert (of_space.figures.mentors, of_space.spaces[0].figures.mentors) == (0, 0)


def test_a_part_time_mentor_is_a_mentor_and_no_staff() -> None:
    """Mentors are counted whatever else they do, and coverage says nothing about staff, whom other rules count."""
    found = covered({A: tenants(8)}, mentor(1, A))
    assert found.figures.mentors == 1
    assert not [name for name in type(found.figures).model_fields if "staff" in name or "full" in name]


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [
        (date(2026, 11, 24), date(2026, 11, 25), 1),
        (date(2026, 11, 25), date(2027, 1, 1), 0),
        (date(2025, 1, 1), date(2026, 11, 24), 0),
    ],
)
def test_an_appointment_counts_on_the_days_of_its_term(start: date, end: date, counts: int) -> None:
    """The first day belongs to the term and the end date does not."""
    corps = Corps(mentor="mentors/m1", appointments=(appointment(A, start, end),))
    assert covered({A: tenants(8)}, corps).figures.mentors == counts


def test_without_tenants_shares_do_not_apply() -> None:
    """No tenants is not applicable: neither 0 nor 100 percent, and no mentor is needed or missing."""
    found = covered({A: frozenset()}, mentor(1, A))
    assert (found.figures.tenants, found.figures.mentors) == (0, 1)
    assert (found.figures.served_percent, found.figures.mentors_per_ten_tenants) == (None, None)
    assert (ratio(found, "per-five").needed, ratio(found, "per-five").missing) == (None, None)


def test_the_share_of_tenants_with_a_confirmed_consultation() -> None:
    """One of three tenants is 33.3 percent; startups that are no tenants here do not count."""
    served = frozenset({"startups/a1", "startups/gone"})
    found = covered({A: tenants(3)}, served=served)
    assert (found.figures.served_tenants, found.figures.served_percent) == (1, Decimal("33.3"))
    assert covered({A: tenants(3)}).figures.served_percent == Decimal("0.0")


def test_a_space_with_nothing_is_not_listed() -> None:
    """Spaces without tenants and mentors would only make the report longer."""
    found = covered({A: tenants(1), B: frozenset()}, mentor(1, C))
    assert [each.space for each in found.spaces] == [A]


@given(
    st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 30), min_size=1),
    st.lists(st.lists(st.sampled_from([A, B, C, LONGTAN]), unique=True), max_size=6),
)
def test_nobody_counts_twice(counts: dict[str, int], corps: list[list[str]]) -> None:
    """The city has as many tenants as its spaces together, and at most as many mentors as its spaces together."""
    tenants_of = {space: tenants(count, space[-1]) for space, count in counts.items()}
    found = covered(tenants_of, *(mentor(number, *each) for number, each in enumerate(corps)), appointers=())
    assert found.figures.tenants == sum(counts.values())
    assert found.figures.mentors == sum(1 for each in corps if set(each) & set(counts))
    assert found.figures.mentors <= sum(each.figures.mentors for each in found.spaces)
    assert found.figures.served_tenants <= found.figures.tenants
