"""SpaceService through a real channel: what each method answers, and how it refuses."""

import asyncio
import os
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from grpc import StatusCode

from libs.api.hatchery.spaces.v1 import space_pb2 as pb
from tests.spaces.requests import (
    FENGMAN,
    HIGH_TECH,
    LONGTAN,
    create_space,
    date_of,
    day,
    end_tenancy,
    get_space,
    new_space,
    register_tenant,
    space_spec,
    update_space,
)
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster

NAN, INFINITY = float("nan"), float("inf")


async def all_pages(spaces: Api, request: pb.ListSpacesRequest) -> list[pb.Space]:
    """Return the spaces of every page, two at a time."""
    found: list[pb.Space] = []
    request.page_size = 2
    while True:
        page = await spaces.ListSpaces(request)
        assert len(page.spaces) <= 2
        found += page.spaces
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# --- create and read --------------------------------------------------------------------------


async def test_create_then_get(spaces: Api) -> None:
    """A new space is as specified, with a name, times and an etag, wholly free, and is read back so."""
    request = create_space(zone=HIGH_TECH, address="重庆街1号", area_m2=35.62)
    made = await spaces.CreateSpace(request)
    assert re.fullmatch(r"spaces/[0-9a-f]{26}", made.name)
    assert {field.name: getattr(made, field.name) for field in request.space.DESCRIPTOR.fields} == {
        field.name: getattr(request.space, field.name) for field in request.space.DESCRIPTOR.fields
    }
    assert (made.state, made.desks_free, made.area_free_m2) == (pb.Space.STATE_OPERATING, 10, 35.62)
    assert list(made.occupancy) == []
    assert made.etag
    assert made.create_time == made.update_time
    assert abs((made.create_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert await spaces.GetSpace(get_space(made.name)) == made


async def test_every_missing_field_is_reported(spaces: Api) -> None:
    """A space without any field is refused with all that are required."""
    answer = await refused(spaces.CreateSpace(pb.CreateSpaceRequest()))
    assert answer.code is StatusCode.INVALID_ARGUMENT
    assert answer.fields == {f"space.{name}": "REQUIRED" for name in ("display_name", "kind", "district", "operator")}


@pytest.mark.parametrize("area", [35.625, -0.01, NAN, INFINITY, -INFINITY, 10_000_000.01])
async def test_an_area_that_no_space_has_is_refused(spaces: Api, area: float) -> None:
    """More than two decimals, no finite number and what is out of range are refused with the path of the area."""
    answer = await refused(spaces.CreateSpace(create_space(area_m2=area)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"space.area_m2": "OUT_OF_RANGE"})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  松江碳材\u3000", "松江碳材"),
        ("👩\u200d🔬 Labor", "👩\u200d🔬 Labor"),
        ("\U0003158e山孵化器", "\U0003158e山孵化器"),
        ("5μm 光刻工坊", "5μm 光刻工坊"),
        ("\u2ed3春孵化器", "长春孵化器"),
    ],
    ids=["trimmed", "a-joined-emoji", "a-rare-character", "greek-symbols", "a-radical"],
)
async def test_a_display_name_is_kept_in_one_form(spaces: Api, given: str, kept: str) -> None:
    """Rare characters, joined emoji and Greek symbols are accepted, and a radical becomes the character it means."""
    assert (await new_space(spaces, display_name=given)).display_name == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("\u200d", "INVISIBLE_TEXT"),
        ("\u2800", "INVISIBLE_TEXT"),
        ("吉林\ue000孵化器", "PRIVATE_CHARACTER"),
        ("Аpple 工坊", "MIXED_SCRIPTS"),
    ],
    ids=["a-joiner-alone", "a-blank-alone", "a-private-character", "cyrillic-in-latin"],
)
async def test_a_display_name_that_deceives_is_refused(spaces: Api, name: str, reason: str) -> None:
    """An invisible, undisplayable or deceptive name is refused with its path."""
    answer = await refused(spaces.CreateSpace(create_space(display_name=name)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"space.display_name": reason})


async def test_batch_get_keeps_the_order(spaces: Api) -> None:
    """Spaces come in the order of the requested names; a name requested twice comes twice."""
    one, two, three = [await new_space(spaces) for _ in range(3)]
    names = [three.name, one.name, two.name, one.name]
    answer = await spaces.BatchGetSpaces(pb.BatchGetSpacesRequest(names=names))
    assert list(answer.spaces) == [three, one, two, one]


async def test_batch_get_is_all_or_none(spaces: Api) -> None:
    """When one of several is missing, none is returned, and the missing one is named."""
    there = await new_space(spaces)
    answer = await refused(spaces.BatchGetSpaces(pb.BatchGetSpacesRequest(names=[there.name, "spaces/nowhere"])))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    assert answer.metadata["name"] == "spaces/nowhere"


@pytest.mark.parametrize(("count", "reason"), [(0, "REQUIRED"), (201, "TOO_MANY")])
async def test_batch_get_has_bounds(spaces: Api, count: int, reason: str) -> None:
    """1 to 200 spaces are read together."""
    answer = await refused(spaces.BatchGetSpaces(pb.BatchGetSpacesRequest(names=["spaces/a"] * count)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"names": reason})


async def test_list_spaces(spaces: Api) -> None:
    """A list is narrowed by kind and place, sorted by creation or display name, and read page by page."""
    kind = pb.Space.KIND_SCIENCE_PARK
    titles = ("长大", "10号园区", "长春", "2号园区", "北山")
    made = [
        await new_space(spaces, display_name=title, district=FENGMAN, zone=HIGH_TECH, kind=kind) for title in titles
    ]
    await new_space(spaces, district=FENGMAN)
    await new_space(spaces, kind=kind)
    assert await all_pages(spaces, pb.ListSpacesRequest(district=HIGH_TECH, kind=kind)) == made
    by_name = ["2号园区", "10号园区", "北山", "长春", "长大"]
    for order, expected in (("display_name", by_name), ("  display_name   desc  ", by_name[::-1])):
        found = await all_pages(spaces, pb.ListSpacesRequest(district=FENGMAN, kind=kind, order_by=order))
        assert [space.display_name for space in found] == expected


async def test_another_order_is_refused(spaces: Api) -> None:
    """A list is sorted by the fields of the contract only."""
    answer = await refused(spaces.ListSpaces(pb.ListSpacesRequest(order_by="operator")))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"order_by": "MALFORMED"})


async def test_a_page_token_of_another_query_is_refused(spaces: Api) -> None:
    """A page token continues its own query only."""
    await new_space(spaces), await new_space(spaces)
    page = await spaces.ListSpaces(pb.ListSpacesRequest(page_size=1))
    other = pb.ListSpacesRequest(page_token=page.next_page_token, order_by="display_name")
    answer = await refused(spaces.ListSpaces(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"page_token": "MALFORMED"})


# --- update -----------------------------------------------------------------------------------


async def test_an_update_changes_the_masked_fields(spaces: Api) -> None:
    """An update changes the fields of its mask, gives the space a new etag and time, and is read back at once."""
    made = await new_space(spaces)
    changed = await spaces.UpdateSpace(update_space(made.name, ["desks", "address"], desks=12, address="重庆街1号"))
    assert (changed.desks, changed.address, changed.desks_free) == (12, "重庆街1号", 12)
    unchanged = ("display_name", "area_m2", "create_time")
    assert [getattr(changed, field) for field in unchanged] == [getattr(made, field) for field in unchanged]
    assert changed.etag != made.etag
    assert changed.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    assert await spaces.GetSpace(get_space(made.name)) == changed


async def test_a_star_updates_every_field(spaces: Api) -> None:
    """`*` takes every field of the spec, so that those that are not given are emptied."""
    made = await new_space(spaces, zone=HIGH_TECH, address="重庆街1号")
    new = space_spec(kind=pb.Space.KIND_ACCELERATOR, district=FENGMAN, desks=3)
    request = pb.UpdateSpaceRequest(name=made.name, space=new)
    request.update_mask.paths.append("*")
    changed = await spaces.UpdateSpace(request)
    fields = [field.name for field in new.DESCRIPTOR.fields]
    assert [getattr(changed, name) for name in fields] == [getattr(new, name) for name in fields]


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        ([], {"update_mask.paths": "REQUIRED"}),
        (["desks", "occupancy"], {"update_mask.paths[1]": "UNKNOWN_FIELD"}),
        (["space.desks"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
        (["*", "desks"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
        (["display_name"], {"space.display_name": "REQUIRED"}),
    ],
)
async def test_a_wrong_mask_is_refused(spaces: Api, paths: list[str], fields: dict[str, str]) -> None:
    """A mask that is missing, names no field of the spec, or empties a required one is refused and changes nothing."""
    made = await new_space(spaces)
    answer = await refused(spaces.UpdateSpace(update_space(made.name, paths)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, fields)
    unmasked = pb.UpdateSpaceRequest(name=made.name, space=space_spec())
    assert (await refused(spaces.UpdateSpace(unmasked))).fields == {"update_mask": "REQUIRED"}
    assert await spaces.GetSpace(get_space(made.name)) == made


async def test_a_stale_etag_aborts(spaces: Api) -> None:
    """Of two updates of the version that both have read, the second is refused with the current etag."""
    made = await new_space(spaces)
    first = await spaces.UpdateSpace(update_space(made.name, ["desks"], desks=12, etag=made.etag))
    answer = await refused(spaces.UpdateSpace(update_space(made.name, ["desks"], desks=13, etag=made.etag)))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert answer.metadata["etag"] == first.etag
    assert (await spaces.GetSpace(get_space(made.name))).desks == 12


async def test_a_space_cannot_shrink_below_its_tenants(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A capacity below what is occupied on a later day is refused with that day and what is missing."""
    space, startup = await new_space(spaces), await new_startup(startups)
    await tenancies.RegisterTenant(register_tenant(space.name, startup.name, 20, 30, desks=7, area_m2=90.25))
    answer = await refused(spaces.UpdateSpace(update_space(space.name, ["desks", "area_m2"], desks=4, area_m2=85)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NOT_ENOUGH_ROOM")
    assert answer.metadata == {"day": str(day(20)), "desks_missing": "3", "area_missing_m2": "5.25"}
    shrunk = await spaces.UpdateSpace(update_space(space.name, ["desks", "area_m2"], desks=7, area_m2=90.25))
    assert (shrunk.desks_free, shrunk.area_free_m2) == (7, 90.25)


async def test_a_space_with_tenants_does_not_move(spaces: Api, tenancies: Api, startups: Api) -> None:
    """While room is occupied a space stays in its district and zone (SPACE_OCCUPIED); afterwards it may move."""
    space, startup = await new_space(spaces), await new_startup(startups)
    tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name, 0))
    move = update_space(space.name, ["district", "zone"], district=FENGMAN, zone=HIGH_TECH)
    answer = await refused(spaces.UpdateSpace(move))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "SPACE_OCCUPIED")
    await tenancies.EndTenancy(end_tenancy(tenancy.name))
    assert (await spaces.UpdateSpace(move)).district == FENGMAN


# --- occupancy --------------------------------------------------------------------------------


async def test_occupancy_is_given_in_steps(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A space has a step for today and for each later day on which its occupancy changes, and what is free today."""
    space = await new_space(spaces)
    for start, end, desks in ((0, 20, 3), (10, None, 4)):
        startup = await new_startup(startups)
        await tenancies.RegisterTenant(register_tenant(space.name, startup.name, start, end, desks=desks))
    found = await spaces.GetSpace(get_space(space.name))
    steps = [(step.date, step.desks) for step in found.occupancy]
    assert steps == [(date_of(0), 3), (date_of(10), 7), (date_of(20), 4)]
    assert found.desks_free == 7


async def test_sums_of_areas_are_exact(spaces: Api, tenancies: Api, startups: Api) -> None:
    """Three leases of 0.1, 0.2 and 35.62 m² occupy 35.92 m² and leave 64.08 m², without rounding errors."""
    space = await new_space(spaces)
    for area_m2 in (0.1, 0.2, 35.62):
        startup = await new_startup(startups)
        await tenancies.RegisterTenant(register_tenant(space.name, startup.name, desks=0, area_m2=area_m2))
    found = await spaces.GetSpace(get_space(space.name))
    assert ([step.area_m2 for step in found.occupancy], found.area_free_m2) == ([35.92], 64.08)


# --- repeats and scope ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_"),
    [("GetSpace", get_space("spaces/nowhere")), ("UpdateSpace", update_space("spaces/nowhere", ["desks"], desks=1))],
)
async def test_a_missing_space_is_not_found(spaces: Api, method: str, request_: Any) -> None:
    """What does not exist is NOT_FOUND with the kind's own reason and the name."""
    answer = await refused(getattr(spaces, method)(request_))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    assert answer.metadata["name"] == request_.name


async def test_fifty_equal_requests_create_one_space(spaces: Api) -> None:
    """The same request sent fifty times at once creates one space."""
    request = create_space(request_id=os.urandom(8).hex())
    made = await asyncio.gather(*(spaces.CreateSpace(request) for _ in range(50)))
    assert {space.name for space in made} == {made[0].name}


async def test_a_request_id_stands_for_one_request(spaces: Api, cluster: Cluster) -> None:
    """A used id stands for that request of that caller alone."""
    request_id = os.urandom(8).hex()
    request = create_space(request_id=request_id)
    first = await spaces.CreateSpace(request)
    answer = await refused(spaces.CreateSpace(create_space(request_id=request_id)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"request_id": "REQUEST_ID_REUSED"})
    update = update_space(first.name, ["desks"], desks=1, request_id=request_id)
    assert (await refused(spaces.UpdateSpace(update))).fields == {"request_id": "REQUEST_ID_REUSED"}
    mine = await spaces.CreateSpace(request, token=cluster.token(subject="somebody else"))
    assert mine.name != first.name


async def test_an_official_creates_spaces_in_the_own_district(spaces: Api, cluster: Cluster) -> None:
    """An official may create a space in a district in scope and in no other, and nothing is stored of the attempt."""
    official = cluster.token("official", [LONGTAN], subject="official")
    request = create_space(district=FENGMAN, display_name="外区", request_id="abroad")
    answer = await refused(spaces.CreateSpace(request, token=official))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    made = await spaces.CreateSpace(create_space(), token=official)
    assert made.district == LONGTAN
    page = await spaces.ListSpaces(pb.ListSpacesRequest(district=FENGMAN, order_by="display_name", page_size=200))
    assert "外区" not in {space.display_name for space in page.spaces}
