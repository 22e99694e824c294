"""SpaceService through a real channel: what each method answers, and how it refuses."""

import asyncio
import os
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from tests.conftest import refused
from tests.running import Api, World
from tests.spaces.calls import (
    FENGMAN,
    HIGH_TECH,
    LONGTAN,
    day,
    ending,
    on,
    opened,
    registered,
    space_spec,
    space_update,
    tenant,
)

T = sp.Tenancy


async def moved_in(spaces: Api, startups: Api, start: int | None = None, end: int | None = None) -> sp.Tenancy:
    """A new tenancy of a new startup in a new space."""
    space, startup = await opened(spaces), await registered(startups)
    made: sp.Tenancy = await spaces.RegisterTenant(tenant(space.name, startup.name, start, end))
    return made


async def every(spaces: Api, method: str, request: Any, rows: str) -> list[Any]:
    """The rows of every page, two at a time."""
    found: list[Any] = []
    request.page_size = 2
    while True:
        page = await getattr(spaces, method)(request)
        assert len(getattr(page, rows)) <= 2
        found += getattr(page, rows)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# --- spaces ------------------------------------------------------------------------------------


async def test_create_then_get(spaces: Api) -> None:
    """A new space comes back as it was said, with a name, times and an etag, wholly free, and stays so."""
    spec = space_spec(zone=HIGH_TECH, address="重庆街1号")
    made = await spaces.CreateSpace(sp.CreateSpaceRequest(space=spec))
    assert re.fullmatch(r"spaces/[0-9a-f]{26}", made.name)
    assert {field.name: getattr(made, field.name) for field in spec.DESCRIPTOR.fields} == {
        field.name: getattr(spec, field.name) for field in spec.DESCRIPTOR.fields
    }
    assert (made.state, made.desks_free, made.area_free_m2, list(made.lets)) == (sp.Space.STATE_OPERATING, 10, 100, [])
    assert made.etag
    assert made.create_time == made.update_time
    assert abs((made.create_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert await spaces.GetSpace(sp.GetSpaceRequest(name=made.name)) == made


async def test_all_that_is_missing_is_said_at_once(spaces: Api) -> None:
    """A space without anything is refused with every field that it needs."""
    answer = await refused(spaces.CreateSpace(sp.CreateSpaceRequest()))
    assert answer.code is StatusCode.INVALID_ARGUMENT
    assert answer.fields == {f"space.{name}": "REQUIRED" for name in ("display_name", "kind", "district", "operator")}


async def test_batch_get_keeps_the_order(spaces: Api) -> None:
    """Spaces asked for together come in the order of their names, one asked for twice twice."""
    one, two, three = [await opened(spaces) for _ in range(3)]
    names = [three.name, one.name, two.name, one.name]
    answer = await spaces.BatchGetSpaces(sp.BatchGetSpacesRequest(names=names))
    assert list(answer.spaces) == [three, one, two, one]


async def test_batch_get_is_all_or_none(spaces: Api) -> None:
    """When one of several is missing, none is given, and the missing one is named."""
    there = await opened(spaces)
    answer = await refused(spaces.BatchGetSpaces(sp.BatchGetSpacesRequest(names=[there.name, "spaces/nowhere"])))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    assert answer.metadata["name"] == "spaces/nowhere"


@pytest.mark.parametrize(("count", "reason"), [(0, "REQUIRED"), (201, "TOO_MANY")])
async def test_batch_get_has_bounds(spaces: Api, count: int, reason: str) -> None:
    """At least one and at most 200 may be asked for together."""
    answer = await refused(spaces.BatchGetSpaces(sp.BatchGetSpacesRequest(names=["spaces/a"] * count)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"names": reason})


async def test_list_spaces(spaces: Api) -> None:
    """A list is narrowed by kind and place, sorted as asked for, and read page by page."""
    made = [
        await opened(spaces, display_name=title, district=FENGMAN, zone=HIGH_TECH, kind=sp.Space.KIND_SCIENCE_PARK)
        for title in ("中新", "北山", "丰满", "松江", "江城")
    ]
    await opened(spaces, district=FENGMAN)
    await opened(spaces, kind=sp.Space.KIND_SCIENCE_PARK)
    request = sp.ListSpacesRequest(district=HIGH_TECH, kind=sp.Space.KIND_SCIENCE_PARK)
    assert await every(spaces, "ListSpaces", request, "spaces") == made
    request = sp.ListSpacesRequest(district=FENGMAN, kind=sp.Space.KIND_SCIENCE_PARK, order_by="display_name desc")
    found = await every(spaces, "ListSpaces", request, "spaces")
    assert [space.display_name for space in found] == ["中新", "松江", "江城", "丰满", "北山"]


async def test_a_foreign_page_token_is_refused(spaces: Api) -> None:
    """A page token goes on with its own query only."""
    await opened(spaces), await opened(spaces)
    page = await spaces.ListSpaces(sp.ListSpacesRequest(page_size=1))
    other = sp.ListSpacesRequest(page_token=page.next_page_token, order_by="display_name")
    answer = await refused(spaces.ListSpaces(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"page_token": "MALFORMED"})


async def test_update_takes_what_the_mask_names(spaces: Api) -> None:
    """An update changes the fields of its mask, gives the space a new etag and time, and is seen at once."""
    made = await opened(spaces)
    changed = await spaces.UpdateSpace(space_update(made.name, ["desks", "address"], desks=12, address="重庆街1号"))
    assert (changed.desks, changed.address, changed.desks_free) == (12, "重庆街1号", 12)
    assert (changed.display_name, changed.area_m2, changed.create_time) == (
        made.display_name,
        made.area_m2,
        made.create_time,
    )
    assert changed.etag != made.etag
    assert changed.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    assert await spaces.GetSpace(sp.GetSpaceRequest(name=made.name)) == changed


async def test_update_with_a_star_takes_everything(spaces: Api) -> None:
    """`*` takes every field as it is said, so that what is not said is emptied."""
    made = await opened(spaces, zone=HIGH_TECH, address="重庆街1号")
    said = space_spec(kind=sp.Space.KIND_ACCELERATOR, district=FENGMAN, desks=3)
    request = sp.UpdateSpaceRequest(name=made.name, space=said)
    request.update_mask.paths.append("*")
    changed = await spaces.UpdateSpace(request)
    fields = [field.name for field in said.DESCRIPTOR.fields]
    assert [getattr(changed, name) for name in fields] == [getattr(said, name) for name in fields]


WRONG_MASKS = [
    ([], {"update_mask.paths": "REQUIRED"}),
    (["desks", "lets"], {"update_mask.paths[1]": "UNKNOWN_FIELD"}),
    (["space.desks"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
    (["*", "desks"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
    (["display_name"], {"space.display_name": "REQUIRED"}),
]


@pytest.mark.parametrize(("paths", "fields"), WRONG_MASKS)
async def test_a_wrong_mask_is_refused(spaces: Api, paths: list[str], fields: dict[str, str]) -> None:
    """A mask that is missing, names no field, or empties what is needed, is refused and changes nothing."""
    made = await opened(spaces)
    answer = await refused(spaces.UpdateSpace(space_update(made.name, paths)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, fields)
    unmasked = sp.UpdateSpaceRequest(name=made.name, space=space_spec())
    assert (await refused(spaces.UpdateSpace(unmasked))).fields == {"update_mask": "REQUIRED"}
    assert await spaces.GetSpace(sp.GetSpaceRequest(name=made.name)) == made


async def test_a_stale_etag_aborts(spaces: Api) -> None:
    """Of two who change what both have read, the second is told that it has changed, and to what."""
    made = await opened(spaces)
    first = await spaces.UpdateSpace(space_update(made.name, ["desks"], desks=12, etag=made.etag))
    answer = await refused(spaces.UpdateSpace(space_update(made.name, ["desks"], desks=13, etag=made.etag)))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert answer.metadata["etag"] == first.etag
    assert (await spaces.GetSpace(sp.GetSpaceRequest(name=made.name))).desks == 12


async def test_a_space_cannot_shrink_below_its_tenants(spaces: Api, startups: Api) -> None:
    """Fewer desks or m² than are let on a coming day are refused with that day and what is missing."""
    space, startup = await opened(spaces), await registered(startups)
    await spaces.RegisterTenant(tenant(space.name, startup.name, 20, 30, desks=7, area_m2=90))
    answer = await refused(spaces.UpdateSpace(space_update(space.name, ["desks", "area_m2"], desks=4, area_m2=85)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NOT_ENOUGH_ROOM")
    assert answer.metadata == {"day": str(day(20)), "desks_missing": "3", "area_missing_m2": "5"}
    shrunk = await spaces.UpdateSpace(space_update(space.name, ["desks", "area_m2"], desks=7, area_m2=90))
    assert (shrunk.desks_free, shrunk.area_free_m2) == (7, 90)


async def test_a_space_with_tenants_does_not_move(spaces: Api, startups: Api) -> None:
    """While room is let a space stays in its district and zone (SPACE_OCCUPIED); afterwards it may move."""
    tenancy = await moved_in(spaces, startups, 0)
    space = tenancy.name.partition("/tenancies/")[0]
    move = space_update(space, ["district", "zone"], district=FENGMAN, zone=HIGH_TECH)
    answer = await refused(spaces.UpdateSpace(move))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "SPACE_OCCUPIED")
    await spaces.EndTenancy(ending(tenancy.name))
    assert (await spaces.UpdateSpace(move)).district == FENGMAN


# --- tenancies -----------------------------------------------------------------------------------


async def test_register_right_after_the_startup(spaces: Api, startups: Api) -> None:
    """A startup can be a tenant the moment it is registered: who names it waits until spaces has heard of it."""
    space = await opened(spaces)
    for _ in range(10):
        startup = await registered(startups)
        tenancy = await spaces.RegisterTenant(tenant(space.name, startup.name))
        assert tenancy.startup_display_name == startup.display_name


async def test_register_then_get(spaces: Api, startups: Api) -> None:
    """A new tenancy comes back as it was asked for, ACTIVE and open, under its space, and stays so."""
    space, startup = await opened(spaces), await registered(startups)
    tenancy = await spaces.RegisterTenant(tenant(space.name, startup.name, desks=3, area_m2=40))
    assert re.fullmatch(rf"{space.name}/tenancies/[0-9a-f]{{26}}", tenancy.name)
    assert (tenancy.startup, tenancy.desks, tenancy.area_m2) == (startup.name, 3, 40)
    assert (tenancy.state, tenancy.start_date, tenancy.HasField("end_date")) == (T.STATE_ACTIVE, on(0), False)
    assert await spaces.GetTenancy(sp.GetTenancyRequest(name=tenancy.name)) == tenancy


async def test_a_startup_that_does_not_exist_is_waited_for_in_vain(spaces: Api) -> None:
    """A startup of which nobody has told is NOT_FOUND after some two seconds, not at once and not much later."""
    space, clock = await opened(spaces), asyncio.get_running_loop().time
    begun = clock()
    answer = await refused(spaces.RegisterTenant(tenant(space.name, "startups/nobody")))
    took = clock() - begun
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
    assert answer.metadata["name"] == "startups/nobody"
    assert 1.5 < took < 4


async def test_a_space_that_does_not_exist_is_not_waited_for(spaces: Api, startups: Api) -> None:
    """A space is spaces' own: one that is not there is NOT_FOUND at once."""
    startup, clock = await registered(startups), asyncio.get_running_loop().time
    begun = clock()
    answer = await refused(spaces.RegisterTenant(tenant("spaces/nowhere", startup.name)))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    assert clock() - begun < 1.5


async def test_not_enough_room_says_when_and_how_much(spaces: Api, startups: Api) -> None:
    """A space that is too full on a coming day refuses with the first such day, and the desks and m² missing."""
    space = await opened(spaces)
    one, two = await registered(startups), await registered(startups)
    await spaces.RegisterTenant(tenant(space.name, one.name, 40, 50, desks=8, area_m2=70))
    answer = await refused(spaces.RegisterTenant(tenant(space.name, two.name, 0, None, desks=5, area_m2=31)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NOT_ENOUGH_ROOM")
    assert answer.metadata == {"day": str(day(40)), "desks_missing": "3", "area_missing_m2": "1"}
    await spaces.RegisterTenant(tenant(space.name, two.name, 0, 40, desks=10, area_m2=100))


@pytest.mark.parametrize(("end", "told"), [(30, 30), (None, None)])
async def test_a_startup_sits_in_one_place(spaces: Api, startups: Api, end: int | None, told: int | None) -> None:
    """Who is a tenant is refused, told the days in the same space only, and may come on the day on which it ends."""
    one, other, startup = await opened(spaces), await opened(spaces), await registered(startups)
    await spaces.RegisterTenant(tenant(one.name, startup.name, 10, end))
    answer = await refused(spaces.RegisterTenant(tenant(other.name, startup.name, 29, 40)))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "ALREADY_TENANT")
    assert not {"start_date", "end_date"} & answer.metadata.keys()
    answer = await refused(spaces.RegisterTenant(tenant(one.name, startup.name, 29, 40)))
    assert answer.metadata["start_date"] == str(day(10))
    assert answer.metadata["end_date"] == ("" if told is None else str(day(told)))
    before = await spaces.RegisterTenant(tenant(other.name, startup.name, 0, 10))
    assert before.state == T.STATE_ACTIVE


async def test_steps_of_what_is_let(spaces: Api, startups: Api) -> None:
    """A space shows what is let as steps, one for each coming day on which it changes, and what is free today."""
    space = await opened(spaces)
    for start, end, desks in ((0, 20, 3), (10, None, 4)):
        startup = await registered(startups)
        await spaces.RegisterTenant(tenant(space.name, startup.name, start, end, desks=desks))
    seen = await spaces.GetSpace(sp.GetSpaceRequest(name=space.name))
    assert [(let.day, let.desks) for let in seen.lets] == [(on(0), 3), (on(10), 7), (on(20), 4)]
    assert seen.desks_free == 7


async def test_list_tenancies(spaces: Api, startups: Api) -> None:
    """Tenancies are listed by space, startup and state, in the order in which they were registered."""
    space = await opened(spaces)
    guests = [await registered(startups) for _ in range(5)]
    made = [await spaces.RegisterTenant(tenant(space.name, guest.name)) for guest in guests]
    over = await spaces.EndTenancy(ending(made[2].name))
    inside = [*made[:2], *made[3:]]
    expected = [
        (sp.ListTenanciesRequest(parent=space.name), [*made[:2], over, *made[3:]]),
        (sp.ListTenanciesRequest(parent=space.name, states=[T.STATE_ACTIVE]), inside),
        (sp.ListTenanciesRequest(parent=space.name, states=[T.STATE_ENDED, T.STATE_SIGNED]), [over]),
        (sp.ListTenanciesRequest(parent="spaces/-", startup=guests[4].name), [made[4]]),
        (sp.ListTenanciesRequest(parent=space.name, startup=guests[4].name, states=[T.STATE_ENDED]), []),
    ]
    for request, found in expected:
        assert await every(spaces, "ListTenancies", request, "tenancies") == found


async def test_end_now(spaces: Api, startups: Api) -> None:
    """A tenancy ended without a day is over today, and its desks are free at once."""
    tenancy = await moved_in(spaces, startups, -30)
    ended = await spaces.EndTenancy(ending(tenancy.name, etag=tenancy.etag))
    assert (ended.state, ended.end_date, ended.end_reason) == (T.STATE_ENDED, on(0), T.END_REASON_LEFT)
    assert ended.etag != tenancy.etag
    assert await spaces.GetTenancy(sp.GetTenancyRequest(name=tenancy.name)) == ended
    space = await spaces.GetSpace(sp.GetSpaceRequest(name=tenancy.name.partition("/tenancies/")[0]))
    assert (space.desks_free, list(space.lets)) == (10, [])


async def test_end_with_notice(spaces: Api, startups: Api) -> None:
    """A tenancy under notice goes on, with its day and reason shown; from that day on the desks can be let again."""
    tenancy = await moved_in(spaces, startups, 0)
    noticed = await spaces.EndTenancy(ending(tenancy.name, 60))
    assert (noticed.state, noticed.end_date, noticed.end_reason) == (T.STATE_ACTIVE, on(60), T.END_REASON_LEFT)
    space, next_one = tenancy.name.partition("/tenancies/")[0], await registered(startups)
    answer = await refused(spaces.RegisterTenant(tenant(space, next_one.name, 59, desks=10)))
    assert answer.reason == "NOT_ENOUGH_ROOM"
    later = await spaces.RegisterTenant(tenant(space, next_one.name, 60, desks=10))
    assert later.state == T.STATE_SIGNED


async def test_end_refusals(spaces: Api, startups: Api) -> None:
    """An end out of range, for a reason that is not people's to give, on an old etag, or twice, is refused."""
    tenancy = await moved_in(spaces, startups, 0, 30)
    for end in (-1, 31):
        answer = await refused(spaces.EndTenancy(ending(tenancy.name, end)))
        assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"end_date": "DATE_OUT_OF_RANGE"})
    for reason in (T.END_REASON_EXPIRED, T.END_REASON_UNSPECIFIED):
        answer = await refused(spaces.EndTenancy(sp.EndTenancyRequest(name=tenancy.name, end_reason=reason)))
        assert (answer.code, list(answer.fields)) == (StatusCode.INVALID_ARGUMENT, ["end_reason"])
    answer = await refused(spaces.EndTenancy(ending(tenancy.name, etag="v7")))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await spaces.GetTenancy(sp.GetTenancyRequest(name=tenancy.name)) == tenancy
    await spaces.EndTenancy(ending(tenancy.name))
    answer = await refused(spaces.EndTenancy(ending(tenancy.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "TENANCY_ENDED")


MISSING: list[tuple[str, Message, str]] = [
    ("GetSpace", sp.GetSpaceRequest(name="spaces/nowhere"), "SPACE_NOT_FOUND"),
    ("UpdateSpace", space_update("spaces/nowhere", ["desks"], desks=1), "SPACE_NOT_FOUND"),
    ("GetTenancy", sp.GetTenancyRequest(name="spaces/nowhere/tenancies/none"), "TENANCY_NOT_FOUND"),
    ("EndTenancy", ending("spaces/nowhere/tenancies/none"), "TENANCY_NOT_FOUND"),
]


@pytest.mark.parametrize(("method", "request_", "reason"), MISSING)
async def test_what_is_not_there(spaces: Api, method: str, request_: Any, reason: str) -> None:
    """What does not exist is NOT_FOUND with the kind's own reason and the name."""
    answer = await refused(getattr(spaces, method)(request_))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, reason)
    assert answer.metadata["name"] == request_.name


# --- repeats and reach -----------------------------------------------------------------------------


async def test_a_repeat_gets_the_first_answer(spaces: Api, startups: Api) -> None:
    """Every change asked for again under its request id happens once, and is answered as the first time."""
    space, startup = await opened(spaces), await registered(startups)
    request = tenant(space.name, startup.name, desks=4)
    request.request_id = "move-in"
    tenancy = await spaces.RegisterTenant(request)
    end, update = ending(tenancy.name), space_update(space.name, ["desks"], desks=11)
    end.request_id, update.request_id = "move-out", "grow"
    first = [await spaces.EndTenancy(end), await spaces.UpdateSpace(update)]
    again = await asyncio.gather(*(spaces.RegisterTenant(request) for _ in range(20)))
    assert again == [tenancy] * 20
    assert [await spaces.EndTenancy(end), await spaces.UpdateSpace(update)] == first
    assert (await spaces.GetSpace(sp.GetSpaceRequest(name=space.name))).etag == first[1].etag


async def test_many_at_once_under_one_id(spaces: Api) -> None:
    """The same request sent fifty times at once opens one space."""
    request = sp.CreateSpaceRequest(space=space_spec(), request_id=os.urandom(8).hex())
    made = await asyncio.gather(*(spaces.CreateSpace(request) for _ in range(50)))
    assert {space.name for space in made} == {made[0].name}


async def test_another_request_under_the_same_id(spaces: Api, world: World) -> None:
    """An id once used stands for that request alone, of that caller alone."""
    request = sp.CreateSpaceRequest(space=space_spec(), request_id=os.urandom(8).hex())
    first = await spaces.CreateSpace(request)
    other = sp.CreateSpaceRequest(space=space_spec(), request_id=request.request_id)
    answer = await refused(spaces.CreateSpace(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"request_id": "REQUEST_ID_REUSED"})
    update = space_update(first.name, ["desks"], desks=1)
    update.request_id = request.request_id
    answer = await refused(spaces.UpdateSpace(update))
    assert answer.fields == {"request_id": "REQUEST_ID_REUSED"}
    mine = await spaces.CreateSpace(request, token=world.token(subject="somebody else"))
    assert mine.name != first.name


async def test_an_operator_stays_at_home(spaces: Api, startups: Api, world: World) -> None:
    """An operator lets, lists and ends in the spaces in scope, and is told nothing of tenancies elsewhere."""
    home, away = await moved_in(spaces, startups), await moved_in(spaces, startups)
    house = home.name.partition("/tenancies/")[0]
    mine = world.token("operator", [house])
    page = await spaces.ListTenancies(sp.ListTenanciesRequest(parent="spaces/-"), token=mine)
    assert list(page.tenancies) == [home]
    denied = [
        spaces.GetTenancy(sp.GetTenancyRequest(name=away.name), token=mine),
        spaces.GetTenancy(sp.GetTenancyRequest(name=f"{away.name}x"), token=mine),
        spaces.EndTenancy(ending(away.name), token=mine),
        spaces.RegisterTenant(tenant(away.name.partition("/tenancies/")[0], "startups/nobody"), token=mine),
        spaces.UpdateSpace(space_update(away.name.partition("/tenancies/")[0], ["desks"], desks=1), token=mine),
    ]
    for call in denied:
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    startup = await registered(startups)
    made = await spaces.RegisterTenant(tenant(house, startup.name), token=mine)
    assert (await spaces.EndTenancy(ending(made.name), token=mine)).state == T.STATE_ENDED


async def test_an_official_opens_spaces_in_the_own_district(spaces: Api, world: World) -> None:
    """An official may open a space in a district in scope and in no other, and nothing is kept of the attempt."""
    official = world.token("official", [LONGTAN], subject="official")
    request = sp.CreateSpaceRequest(space=space_spec(district=FENGMAN, display_name="外区"), request_id="abroad")
    answer = await refused(spaces.CreateSpace(request, token=official))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    made = await spaces.CreateSpace(sp.CreateSpaceRequest(space=space_spec()), token=official)
    assert made.district == LONGTAN
    page = await spaces.ListSpaces(sp.ListSpacesRequest(district=FENGMAN, order_by="display_name", page_size=200))
    assert "外区" not in {space.display_name for space in page.spaces}
