"""Spaces: what they are created with and how they are updated; how much is occupied is in test_occupancy."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from libs.common.domain.errors import Invalid, Precondition, Stale
from services.spaces.domain.space import (
    CreateSpace,
    Kind,
    Space,
    SpaceCreated,
    SpaceSpec,
    SpaceUpdated,
    UpdateSpace,
    create,
    update,
)
from tests.spaces import samples
from tests.spaces.samples import CITY, FENGMAN, HIGH_TECH, LONGTAN, TODAY, day, moved_in, occupant, space

COMPLETE = {"display_name": "北山", "kind": "INCUBATOR", "district": LONGTAN, "operator": "北山公司"}


def updated(before: Space, command: UpdateSpace) -> Space:
    """Return the space after an update of today."""
    return update(before, command, CITY, today=TODAY).reply


def violations(refusal: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    """Return the invalid fields with their reasons."""
    return {violation.field: violation.reason for violation in refusal.value.violations}


# --- creation ---------------------------------------------------------------------------------


def test_a_space_is_created_as_specified() -> None:
    """A new space operates, has all fields of its spec, is free, and is published."""
    spec = SpaceSpec.model_validate({**COMPLETE, "zone": HIGH_TECH, "desks": 5, "area_m2": "35.62"})
    change = create(CreateSpace(space=spec), CITY, name="spaces/s1")
    assert change.reply.name == "spaces/s1"
    assert SpaceSpec.model_validate(change.reply, from_attributes=True) == spec
    today = change.reply.on(TODAY)
    assert (today.occupancy, today.desks_free, today.area_free_m2) == ((), 5, Decimal("35.62"))
    assert change.saves == (change.reply,)
    assert change.facts == (SpaceCreated.of(change.reply),)


@pytest.mark.parametrize("field", ["display_name", "kind", "district", "operator"])
def test_a_space_has_a_name_kind_district_and_operator(field: str) -> None:
    """Neither creation nor an update leaves one of them empty (REQUIRED)."""
    empty = SpaceSpec.model_validate({**COMPLETE, field: None if field == "kind" else ""})
    with pytest.raises(Invalid) as refusal:
        create(CreateSpace(space=empty), CITY, name="spaces/s1")
    assert violations(refusal) == {f"space.{field}": "REQUIRED"}
    with pytest.raises(Invalid) as refusal:
        updated(space(), samples.update(space(), SpaceSpec(), field))
    assert violations(refusal) == {f"space.{field}": "REQUIRED"}


def test_every_missing_field_is_reported() -> None:
    """A space without any field is refused with all that are required."""
    with pytest.raises(Invalid) as refusal:
        create(CreateSpace(), CITY, name="spaces/s1")
    assert violations(refusal) == {f"space.{field}": "REQUIRED" for field in COMPLETE}


@pytest.mark.parametrize(
    ("district", "zone", "field"),
    [
        ("districts/110000", "", "space.district"),
        (HIGH_TECH, "", "space.district"),
        (LONGTAN, FENGMAN, "space.zone"),
        (LONGTAN, "districts/110000", "space.zone"),
    ],
)
def test_a_space_lies_in_a_district_of_the_city(district: str, zone: str, field: str) -> None:
    """District and zone are of the city's profile, and neither can take the place of the other (MALFORMED)."""
    spec = SpaceSpec.model_validate({**COMPLETE, "district": district, "zone": zone})
    with pytest.raises(Invalid) as refusal:
        create(CreateSpace(space=spec), CITY, name="spaces/s1")
    assert violations(refusal) == {field: "MALFORMED"}
    with pytest.raises(Invalid) as refusal:
        updated(space(), samples.update(space(), spec, "district", "zone"))
    assert violations(refusal) == {field: "MALFORMED"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"desks": -1}, "OUT_OF_RANGE"),
        ({"desks": 100_001}, "OUT_OF_RANGE"),
        ({"kind": "CASTLE"}, "MALFORMED"),
        ({"display_name": "江" * 121}, "TOO_LONG"),
        ({"address": "江" * 201}, "TOO_LONG"),
    ],
)
def test_fields_keep_within_the_contract(fields: Mapping[str, Any], reason: str) -> None:
    """Desks, kind and texts outside what the contract allows are refused; areas are in test_area."""
    with pytest.raises(ValidationError) as error:
        SpaceSpec.model_validate(fields)
    assert [violation.reason for violation in Invalid.of(error.value).violations] == [reason]


# --- updates ----------------------------------------------------------------------------------


def test_an_update_changes_the_masked_fields_only() -> None:
    """Fields that the mask does not name keep their values, and the fact describes the space after the update."""
    spec = SpaceSpec(display_name="北山孵化器", kind=Kind.ACCELERATOR, desks=99, address="重庆街1号")
    change = update(space(), samples.update(space(), spec, "display_name", "address"), CITY, today=TODAY)
    assert change.reply == space().with_(display_name="北山孵化器", address="重庆街1号")
    assert change.saves == (change.reply,)
    assert change.facts == (SpaceUpdated.of(change.reply),)


def test_a_star_updates_every_field() -> None:
    """`*` takes every field of the spec, empty ones as well."""
    before = space().with_(zone=HIGH_TECH, address="重庆街1号")
    spec = SpaceSpec(display_name="北山", kind=Kind.ACCELERATOR, district=FENGMAN, operator="北山公司", desks=5)
    after = updated(before, samples.update(before, spec, "*"))
    assert SpaceSpec.model_validate(after, from_attributes=True) == spec


@pytest.mark.parametrize(
    "path", ["state", "occupancy", "name", "desks_free", "etag", "no_such_field", "space.desks", ""]
)
def test_an_unknown_path_is_refused(path: str) -> None:
    """A path that is not a field of the spec is refused with its place in the mask (UNKNOWN_FIELD)."""
    with pytest.raises(Invalid) as refusal:
        updated(space(), samples.update(space(), SpaceSpec(desks=3), "desks", path))
    assert violations(refusal) == {"update_mask.paths[1]": "UNKNOWN_FIELD"}


@pytest.mark.parametrize("etag", ["", "v1"])
def test_a_current_etag_or_none_is_accepted(etag: str) -> None:
    """An update with the etag that was read, or without one, is made."""
    assert updated(space(), samples.update(space(), SpaceSpec(desks=3), "desks", etag=etag)).desks == 3


def test_a_stale_etag_is_refused() -> None:
    """An update decided on another version is refused with the current etag (ETAG_MISMATCH)."""
    with pytest.raises(Stale) as refusal:
        updated(space(), samples.update(space(), SpaceSpec(desks=3), "desks", etag="v2"))
    assert refusal.value.reason == "ETAG_MISMATCH"
    assert refusal.value.metadata["etag"] == "v1"


@pytest.mark.parametrize("spec", [SpaceSpec(district=FENGMAN), SpaceSpec(district=LONGTAN, zone=HIGH_TECH)])
@pytest.mark.parametrize("start", [-9, 0, 30])
def test_an_occupied_space_does_not_move(spec: SpaceSpec, start: int) -> None:
    """District and zone stay while room is occupied now or later (SPACE_OCCUPIED)."""
    occupied, _, _ = moved_in(space(), occupant(), day(start), day(40))
    move = samples.update(occupied, spec, "district", "zone")
    with pytest.raises(Precondition) as refusal:
        updated(occupied, move)
    assert refusal.value.reason == "SPACE_OCCUPIED"
    assert update(occupied, move, CITY, today=day(40)).reply.district == spec.district


def test_an_occupied_space_may_repeat_its_place() -> None:
    """Naming the same district and zone again is no move."""
    occupied, _, _ = moved_in(space(), occupant())
    spec = SpaceSpec(district=LONGTAN, address="重庆街1号")
    assert updated(occupied, samples.update(occupied, spec, "district", "zone", "address")).address == "重庆街1号"
