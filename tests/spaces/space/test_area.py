"""Areas are exact to 0.01 m², whatever number of leases is added and ended."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.domain.errors import Invalid, Precondition
from services.spaces.domain.period import Period
from services.spaces.domain.quantities import area_text
from services.spaces.domain.space import CreateSpace, Space, SpaceSpec
from services.spaces.domain.tenancy import RegisterTenant
from tests.spaces.samples import TODAY, day, moved_in, occupant, space

#: Hundredths of a square metre, in which the tests count.
MAX_AREA = 10_000_000 * 100
NAN, INFINITY = float("nan"), float("inf")


def m2(hundredths: int) -> Decimal:
    """Return an area of so many hundredths of a square metre."""
    return Decimal(hundredths) / 100


def stored(kept: Space) -> Space:
    """Return the space as it is after it was written to a document and read again."""
    document = kept.model_dump()
    assert isinstance(document["area_m2"], float)
    return Space.model_validate(document)


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 99_999), min_size=200, max_size=300),
    st.integers(0, MAX_AREA - 300 * 99_999),
    st.randoms(use_true_random=False),
)
def test_sums_over_hundreds_of_leases_are_exact(leases: list[int], left: int, chance: Random) -> None:
    """Occupied and free area equal a count in hundredths after each lease and each end, with a document in between."""
    rented = sum(leases) + left
    landlord, always, occupied = space(area_m2=m2(rented)), Period(start=TODAY), 0
    for lease in leases:
        landlord = stored(landlord.occupy(0, m2(lease), always, TODAY)).on(TODAY)
        occupied += lease
        [step] = landlord.occupancy
        assert step.area_m2 * 100 == occupied
        assert landlord.area_free_m2 * 100 == rented - occupied
    for lease in chance.sample(leases, len(leases)):
        landlord = stored(landlord.occupy(0, -m2(lease), always, TODAY)).on(TODAY)
        occupied -= lease
        assert landlord.area_free_m2 * 100 == rented - occupied
    assert landlord.occupancy == ()


@given(st.integers(0, MAX_AREA))
def test_an_area_survives_a_message_and_a_document(hundredths: int) -> None:
    """The double of a message is read as the decimal that was meant, and so is the double of a document."""
    spec = SpaceSpec.model_validate({"area_m2": float(m2(hundredths))})
    assert spec.area_m2 * 100 == hundredths
    assert stored(space(area_m2=spec.area_m2)).area_m2 == m2(hundredths)


def test_a_lease_to_the_last_hundredth_fits() -> None:
    """Three leases of 0.1, 0.2 and 35.32 m² fill 35.62 m²; a hundredth more is refused with what is missing."""
    landlord = space(area_m2="35.62")
    for number, area in enumerate(("0.1", "0.2", "35.32")):
        landlord, _, _ = moved_in(landlord, occupant(f"startups/a{number}"), desks=0, area_m2=area, name=f"t{number}")
    assert landlord.on(TODAY).area_free_m2 == 0
    with pytest.raises(Precondition) as refusal:
        moved_in(landlord, occupant("startups/b1"), day(5), desks=0, area_m2="0.01", name="t9")
    assert refusal.value.reason == "NOT_ENOUGH_ROOM"
    assert refusal.value.metadata == {"day": str(day(5)), "desks_missing": "0", "area_missing_m2": "0.01"}


@pytest.mark.parametrize("area", [35.625, 0.001, 0.1 + 0.2, NAN, INFINITY, -INFINITY, -0.01, -1, 10_000_000.01, 1e300])
def test_an_area_that_no_space_has_is_refused(area: float) -> None:
    """More than two decimals, what is not a finite number, and what is out of range are refused with their path."""
    with pytest.raises(ValidationError) as error:
        CreateSpace.model_validate({"space": {"area_m2": area}})
    assert [(each.field, each.reason) for each in Invalid.of(error.value).violations] == [
        ("space.area_m2", "OUT_OF_RANGE")
    ]
    with pytest.raises(ValidationError) as error:
        RegisterTenant.model_validate({"space": "spaces/s1", "startup": "startups/a1", "area_m2": area})
    assert [(each.field, each.reason) for each in Invalid.of(error.value).violations] == [("area_m2", "OUT_OF_RANGE")]


@pytest.mark.parametrize("area", [0, 0.01, 35.62, 100, 10_000_000])
def test_an_area_within_the_contract_is_accepted(area: float) -> None:
    """0 to 10,000,000 m² with at most two decimals are accepted."""
    assert SpaceSpec.model_validate({"area_m2": area}).area_m2 == Decimal(str(area))


@pytest.mark.parametrize(
    ("area", "text"),
    [("0", "0"), ("0.00", "0"), ("5", "5"), ("100", "100"), ("35.60", "35.6"), ("0.01", "0.01"), ("1E+3", "1000")],
)
def test_an_area_in_metadata_is_a_plain_number(area: str, text: str) -> None:
    """Areas in the metadata of a refusal have neither an exponent nor trailing zeros."""
    assert area_text(Decimal(area)) == text
