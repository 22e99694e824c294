"""TenancyService through a real channel: what each method answers, and how it refuses."""

import asyncio
import re
from typing import Any

import pytest
from grpc import StatusCode

from libs.api.hatchery.spaces.v1 import tenancy_pb2 as pb
from tests.spaces.requests import (
    date_of,
    day,
    end_tenancy,
    get_space,
    get_tenancy,
    new_space,
    register_tenant,
    space_of,
    update_space,
)
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster

T = pb.Tenancy
NAN, INFINITY = float("nan"), float("inf")


async def moved_in(
    spaces: Api, tenancies: Api, startups: Api, start: int | None = None, end: int | None = None
) -> pb.Tenancy:
    """Return a new tenancy of a new startup in a new space."""
    space, startup = await new_space(spaces), await new_startup(startups)
    made: pb.Tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name, start, end))
    return made


async def all_pages(tenancies: Api, request: pb.ListTenanciesRequest) -> list[pb.Tenancy]:
    """Return the tenancies of every page, two at a time."""
    found: list[pb.Tenancy] = []
    request.page_size = 2
    while True:
        page = await tenancies.ListTenancies(request)
        assert len(page.tenancies) <= 2
        found += page.tenancies
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# --- register ---------------------------------------------------------------------------------


async def test_a_startup_can_be_a_tenant_right_after_its_registration(
    spaces: Api, tenancies: Api, startups: Api
) -> None:
    """A command that names a startup waits until the fact of its registration has reached spaces."""
    space = await new_space(spaces)
    for _ in range(10):
        startup = await new_startup(startups)
        tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name))
        assert tenancy.startup_display_name == startup.display_name


async def test_register_then_get(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A new tenancy is as requested, ACTIVE and open, under its space, and is read back so."""
    space, startup = await new_space(spaces), await new_startup(startups)
    tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name, desks=3, area_m2=35.62))
    assert re.fullmatch(rf"{space.name}/tenancies/[0-9a-f]{{26}}", tenancy.name)
    assert (tenancy.startup, tenancy.desks, tenancy.area_m2) == (startup.name, 3, 35.62)
    assert (tenancy.state, tenancy.start_date, tenancy.HasField("end_date")) == (T.STATE_ACTIVE, date_of(0), False)
    assert await tenancies.GetTenancy(get_tenancy(tenancy.name)) == tenancy


@pytest.mark.parametrize("area", [35.625, -0.01, NAN, INFINITY, -INFINITY, 10_000_000.01])
async def test_an_area_that_cannot_be_leased_is_refused(tenancies: Api, area: float) -> None:
    """More than two decimals, no finite number and what is out of range are refused with the path of the area."""
    answer = await refused(tenancies.RegisterTenant(register_tenant("spaces/s1", "startups/a1", area_m2=area)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"area_m2": "OUT_OF_RANGE"})


async def test_an_unknown_startup_is_waited_for_in_vain(spaces: Api, tenancies: Api) -> None:
    """A startup that was never registered is NOT_FOUND after some two seconds, not at once and not much later."""
    space, clock = await new_space(spaces), asyncio.get_running_loop().time
    begun = clock()
    answer = await refused(tenancies.RegisterTenant(register_tenant(space.name, "startups/nobody")))
    took = clock() - begun
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
    assert answer.metadata["name"] == "startups/nobody"
    assert 1.5 < took < 4


async def test_an_unknown_space_is_not_waited_for(tenancies: Api, startups: Api) -> None:
    """A space is spaces' own entity: one that does not exist is NOT_FOUND at once."""
    startup, clock = await new_startup(startups), asyncio.get_running_loop().time
    begun = clock()
    answer = await refused(tenancies.RegisterTenant(register_tenant("spaces/nowhere", startup.name)))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    assert clock() - begun < 1.5


async def test_not_enough_room_says_when_and_how_much(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A space that is too full on a later day refuses with the first such day, and the desks and m² missing."""
    space = await new_space(spaces)
    one, two = await new_startup(startups), await new_startup(startups)
    await tenancies.RegisterTenant(register_tenant(space.name, one.name, 40, 50, desks=8, area_m2=70))
    request = register_tenant(space.name, two.name, 0, None, desks=5, area_m2=30.01)
    answer = await refused(tenancies.RegisterTenant(request))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NOT_ENOUGH_ROOM")
    assert answer.metadata == {"day": str(day(40)), "desks_missing": "3", "area_missing_m2": "0.01"}
    await tenancies.RegisterTenant(register_tenant(space.name, two.name, 0, 40, desks=10, area_m2=100))


@pytest.mark.parametrize("end", [30, None])
async def test_a_startup_is_in_one_place_at_a_time(spaces: Api, tenancies: Api, startups: Api, end: int | None) -> None:
    """A tenant elsewhere is refused without the days, a tenant here with them; the day of moving out is free."""
    one, other, startup = await new_space(spaces), await new_space(spaces), await new_startup(startups)
    await tenancies.RegisterTenant(register_tenant(one.name, startup.name, 10, end))
    answer = await refused(tenancies.RegisterTenant(register_tenant(other.name, startup.name, 29, 40)))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "ALREADY_TENANT")
    assert not {"start_date", "end_date"} & answer.metadata.keys()
    answer = await refused(tenancies.RegisterTenant(register_tenant(one.name, startup.name, 29, 40)))
    assert answer.metadata["start_date"] == str(day(10))
    assert answer.metadata["end_date"] == ("" if end is None else str(day(end)))
    before = await tenancies.RegisterTenant(register_tenant(other.name, startup.name, 0, 10))
    assert before.state == T.STATE_ACTIVE


# --- list -------------------------------------------------------------------------------------


async def test_list_tenancies(spaces: Api, tenancies: Api, startups: Api) -> None:
    """Tenancies are listed by space, startup and state, in the order in which they were registered."""
    space = await new_space(spaces)
    tenants = [await new_startup(startups) for _ in range(5)]
    made = [await tenancies.RegisterTenant(register_tenant(space.name, tenant.name)) for tenant in tenants]
    over = await tenancies.EndTenancy(end_tenancy(made[2].name))
    inside = [*made[:2], *made[3:]]
    expected = [
        (pb.ListTenanciesRequest(parent=space.name), [*made[:2], over, *made[3:]]),
        (pb.ListTenanciesRequest(parent=space.name, states=[T.STATE_ACTIVE]), inside),
        (pb.ListTenanciesRequest(parent=space.name, states=[T.STATE_ENDED, T.STATE_SIGNED]), [over]),
        (pb.ListTenanciesRequest(parent="spaces/-", startup=tenants[4].name), [made[4]]),
        (pb.ListTenanciesRequest(parent=space.name, startup=tenants[4].name, states=[T.STATE_ENDED]), []),
    ]
    for request, found in expected:
        assert await all_pages(tenancies, request) == found


# --- end --------------------------------------------------------------------------------------


async def test_end_today(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A tenancy ended without a day is over today, and its desks are free at once."""
    tenancy = await moved_in(spaces, tenancies, startups, -30)
    ended = await tenancies.EndTenancy(end_tenancy(tenancy.name, etag=tenancy.etag))
    assert (ended.state, ended.end_date, ended.end_reason) == (T.STATE_ENDED, date_of(0), T.END_REASON_LEFT)
    assert ended.etag != tenancy.etag
    assert await tenancies.GetTenancy(get_tenancy(tenancy.name)) == ended
    space = await spaces.GetSpace(get_space(space_of(tenancy)))
    assert (space.desks_free, list(space.occupancy)) == (10, [])


async def test_end_with_notice(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A tenancy under notice goes on, with its day and reason; from that day on its desks can be leased again."""
    tenancy = await moved_in(spaces, tenancies, startups, 0)
    noticed = await tenancies.EndTenancy(end_tenancy(tenancy.name, 60))
    assert (noticed.state, noticed.end_date, noticed.end_reason) == (T.STATE_ACTIVE, date_of(60), T.END_REASON_LEFT)
    space, next_tenant = space_of(tenancy), await new_startup(startups)
    answer = await refused(tenancies.RegisterTenant(register_tenant(space, next_tenant.name, 59, desks=10)))
    assert answer.reason == "NOT_ENOUGH_ROOM"
    later = await tenancies.RegisterTenant(register_tenant(space, next_tenant.name, 60, desks=10))
    assert later.state == T.STATE_SIGNED


async def test_a_wrong_end_is_refused(spaces: Api, tenancies: Api, startups: Api) -> None:
    """An end out of range, a reason that callers cannot give, an old etag, and a second end are refused."""
    tenancy = await moved_in(spaces, tenancies, startups, 0, 30)
    for end in (-1, 31):
        answer = await refused(tenancies.EndTenancy(end_tenancy(tenancy.name, end)))
        assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"end_date": "DATE_OUT_OF_RANGE"})
    for reason in (T.END_REASON_EXPIRED, T.END_REASON_UNSPECIFIED):
        answer = await refused(tenancies.EndTenancy(end_tenancy(tenancy.name, reason=reason)))
        assert (answer.code, list(answer.fields)) == (StatusCode.INVALID_ARGUMENT, ["end_reason"])
    answer = await refused(tenancies.EndTenancy(end_tenancy(tenancy.name, etag="v7")))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await tenancies.GetTenancy(get_tenancy(tenancy.name)) == tenancy
    await tenancies.EndTenancy(end_tenancy(tenancy.name))
    answer = await refused(tenancies.EndTenancy(end_tenancy(tenancy.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "TENANCY_ENDED")
    assert answer.metadata["end_date"] == str(day(0))


# --- repeats and scope ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetTenancy", get_tenancy("spaces/nowhere/tenancies/none")),
        ("EndTenancy", end_tenancy("spaces/nowhere/tenancies/none")),
    ],
)
async def test_a_missing_tenancy_is_not_found(tenancies: Api, method: str, request_: Any) -> None:
    """What does not exist is NOT_FOUND with the kind's own reason and the name."""
    answer = await refused(getattr(tenancies, method)(request_))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "TENANCY_NOT_FOUND")
    assert answer.metadata["name"] == request_.name


async def test_a_repeat_gets_the_first_answer(spaces: Api, tenancies: Api, startups: Api) -> None:
    """A change requested again under its request id happens once, and is answered as the first time."""
    space, startup = await new_space(spaces), await new_startup(startups)
    request = register_tenant(space.name, startup.name, desks=4, request_id="move-in")
    tenancy = await tenancies.RegisterTenant(request)
    end = end_tenancy(tenancy.name, request_id="move-out")
    update = update_space(space.name, ["desks"], desks=11, request_id="grow")
    first = [await tenancies.EndTenancy(end), await spaces.UpdateSpace(update)]
    again = await asyncio.gather(*(tenancies.RegisterTenant(request) for _ in range(20)))
    assert again == [tenancy] * 20
    assert [await tenancies.EndTenancy(end), await spaces.UpdateSpace(update)] == first
    assert (await spaces.GetSpace(get_space(space.name))).etag == first[1].etag


async def test_an_operator_is_limited_to_the_own_spaces(
    spaces: Api, tenancies: Api, startups: Api, cluster: Cluster
) -> None:
    """An operator leases, lists and ends in the spaces in scope, and learns nothing about tenancies elsewhere."""
    home = await moved_in(spaces, tenancies, startups)
    away = await moved_in(spaces, tenancies, startups)
    mine = cluster.token("operator", [space_of(home)])
    page = await tenancies.ListTenancies(pb.ListTenanciesRequest(parent="spaces/-"), token=mine)
    assert list(page.tenancies) == [home]
    for call in (
        tenancies.GetTenancy(get_tenancy(away.name), token=mine),
        tenancies.GetTenancy(get_tenancy(f"{away.name}x"), token=mine),
        tenancies.EndTenancy(end_tenancy(away.name), token=mine),
        tenancies.RegisterTenant(register_tenant(space_of(away), "startups/nobody"), token=mine),
        spaces.UpdateSpace(update_space(space_of(away), ["desks"], desks=1), token=mine),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    startup = await new_startup(startups)
    made = await tenancies.RegisterTenant(register_tenant(space_of(home), startup.name), token=mine)
    assert (await tenancies.EndTenancy(end_tenancy(made.name), token=mine)).state == T.STATE_ENDED
