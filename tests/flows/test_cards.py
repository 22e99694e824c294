"""What services know of one another: names, moves, and everything that was said while one of them was away."""

from collections.abc import AsyncIterator

import nats
import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError
from pymongo import MongoClient

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from tests.conftest import eventually
from tests.flows.town import Town, residency, town
from tests.running import World
from tests.spaces.calls import ending, on, opened, registered, startup_update, tenant

CURRENT, ENDED = st.Residency.STATE_CURRENT, st.Residency.STATE_ENDED


@pytest.fixture(scope="module")
async def both(world: World) -> AsyncIterator[Town]:
    """Spaces and startups, running."""
    async with town(world) as made:
        yield made


async def forget_consumer(world: World, source: str, service: str) -> None:
    """Take away the server's memory of how far a service has read another's facts."""
    seed = world.nats.admin_seed_file
    connection = await nats.connect(world.nats.url, **({"nkeys_seed": str(seed)} if seed else {}))
    await connection.jetstream().delete_consumer(source.upper(), service)
    await connection.close()


async def test_a_new_name_follows_into_the_card(both: Town) -> None:
    """A startup that was renamed is a tenant under its new name from then on; older tenancies keep the old one."""
    spaces, startups = both.ask("spaces"), both.ask("startups")
    space, startup = await opened(spaces), await registered(startups, display_name="旧名")
    first = await spaces.RegisterTenant(tenant(space.name, startup.name, -9, -5))
    await startups.UpdateStartup(startup_update(startup.name, ["display_name"], display_name="新名"))
    await both.settled()
    second = await spaces.RegisterTenant(tenant(space.name, startup.name))
    assert (first.startup_display_name, second.startup_display_name) == ("旧名", "新名")
    unchanged = await spaces.GetTenancy(sp.GetTenancyRequest(name=first.name))
    assert unchanged.startup_display_name == "旧名"


async def test_a_move_is_followed(both: Town) -> None:
    """Who leaves one space and enters another on the same day is seen to live in the second, and in no other list."""
    spaces, startups = both.ask("spaces"), both.ask("startups")
    one, other, startup = await opened(spaces), await opened(spaces), await registered(startups)
    first = await spaces.RegisterTenant(tenant(one.name, startup.name, -30))
    await spaces.EndTenancy(ending(first.name))
    second = await spaces.RegisterTenant(tenant(other.name, startup.name))
    await both.settled()
    now = await residency(startups, startup.name)
    assert (now.tenancy, now.space, now.state) == (second.name, other.name, CURRENT)
    for space, living in ((one, []), (other, [startup.name])):
        page = await startups.ListStartups(st.ListStartupsRequest(space=space.name))
        assert [found.name for found in page.startups] == living


async def test_a_change_of_mind_is_followed(both: Town) -> None:
    """A tenancy to come that is given up leaves a startup where it lives, and moving in and out in a day is seen."""
    spaces, startups = both.ask("spaces"), both.ask("startups")
    home, away, startup = await opened(spaces), await opened(spaces), await registered(startups)
    await spaces.RegisterTenant(tenant(home.name, startup.name, -30, 20))
    later = await spaces.RegisterTenant(tenant(away.name, startup.name, 20))
    await spaces.EndTenancy(ending(later.name))
    await both.settled()
    now = await residency(startups, startup.name)
    assert (now.space, now.state, now.end_date) == (home.name, CURRENT, on(20))
    brief = await registered(startups)
    tenancy = await spaces.RegisterTenant(tenant(home.name, brief.name))
    await spaces.EndTenancy(ending(tenancy.name))
    await both.settled()
    assert (await residency(startups, brief.name)).state == ENDED


async def test_what_was_registered_while_spaces_was_away(both: Town) -> None:
    """Startups that were registered and renamed while spaces was down are tenants as soon as it is back."""
    startups = both.ask("startups")
    early = await registered(startups, display_name="旧名")
    await both.settled()
    await both.stop("spaces")
    await startups.UpdateStartup(startup_update(early.name, ["display_name"], display_name="新名"))
    late = [await registered(startups) for _ in range(20)]
    both.start("spaces")
    spaces = both.ask("spaces")
    space = await opened(spaces, desks=100)
    for startup in late:
        tenancy = await spaces.RegisterTenant(tenant(space.name, startup.name))
        assert tenancy.startup_display_name == startup.display_name
    tenancy = await spaces.RegisterTenant(tenant(space.name, early.name))
    assert tenancy.startup_display_name == "新名"


async def test_who_moved_while_startups_was_away(both: Town) -> None:
    """Spaces lets rooms while startups is down; when that is back, every page says where its startup lives."""
    startups, spaces = both.ask("startups"), both.ask("spaces")
    space = await opened(spaces, desks=100)
    teams = [await registered(startups) for _ in range(6)]
    await both.settled()
    await both.stop("startups")
    made = [await spaces.RegisterTenant(tenant(space.name, team.name, -30)) for team in teams]
    for tenancy in made[::2]:
        await spaces.EndTenancy(ending(tenancy.name))
    both.start("startups")
    startups = both.ask("startups")
    await both.settled()
    seen = [await residency(startups, team.name) for team in teams]
    assert [(now.tenancy, now.state) for now in seen] == [
        (tenancy.name, CURRENT if number % 2 else ENDED) for number, tenancy in enumerate(made)
    ]


async def test_a_new_service_builds_its_cards_from_the_start(both: Town, world: World) -> None:
    """A spaces with an empty database knows every startup that there ever was, under its last name."""
    startups = both.ask("startups")
    known = [await registered(startups) for _ in range(30)]
    await startups.UpdateStartup(startup_update(known[0].name, ["display_name"], display_name="新名"))
    await both.settled()
    await both.stop("spaces")
    client: MongoClient[dict[str, object]] = MongoClient(world.mongo.admin_uri)
    client.drop_database(world.database("spaces"))
    client.close()
    await forget_consumer(world, "startups", "spaces")
    both.start("spaces")
    spaces = both.ask("spaces")
    space = await opened(spaces, desks=100)
    names = [(await spaces.RegisterTenant(tenant(space.name, one.name))).startup_display_name for one in known]
    assert names == ["新名", *(one.display_name for one in known[1:])]
    await both.settled()
    assert [(await residency(startups, one.name)).space for one in known] == [space.name] * len(known)


async def test_a_consumer_that_was_lost_is_made_again(both: Town, world: World) -> None:
    """When the server forgets how far a running service has read, it reads again from the start, without harm."""
    startups, spaces = both.ask("startups"), both.ask("spaces")
    space, before = await opened(spaces), await registered(startups)
    tenancy = await spaces.RegisterTenant(tenant(space.name, before.name))
    await forget_consumer(world, "startups", "spaces")
    after = await registered(startups)

    async def is_known() -> bool:
        try:
            made = await spaces.RegisterTenant(tenant(space.name, after.name))
        except AioRpcError as error:
            if error.code() is StatusCode.NOT_FOUND:
                return False
            raise
        return bool(made.startup == after.name)

    await eventually(is_known)
    await both.settled()
    assert await spaces.GetTenancy(sp.GetTenancyRequest(name=tenancy.name)) == tenancy
    status = await both.operate("spaces").GetStatus(op.GetStatusRequest())
    assert status.parked == 0
