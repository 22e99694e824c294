"""What services know of one another: names, moves, and everything that happened while one of them was down."""

import nats
from grpc import StatusCode
from grpc.aio import AioRpcError
from pymongo import MongoClient

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.startups.v1 import residency_pb2
from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from tests.flows.services import Services
from tests.spaces.requests import date_of, end_tenancy, get_tenancy, new_space, register_tenant
from tests.startups.requests import get_startup, new_startup, update_startup
from tests.support.calls import Api
from tests.support.processes import Cluster
from tests.support.waiting import eventually

CURRENT, ENDED = residency_pb2.Residency.STATE_CURRENT, residency_pb2.Residency.STATE_ENDED


async def residency(startups: Api, name: str) -> residency_pb2.Residency:
    """Return where a startup stays, as its own page shows."""
    page: pb.Startup = await startups.GetStartup(get_startup(name))
    return page.residency


async def delete_consumer(cluster: Cluster, source: str, service: str) -> None:
    """Delete the consumer that holds how far a service has read another's facts."""
    seed = cluster.nats.admin_seed_file
    connection = await nats.connect(cluster.nats.url, **({"nkeys_seed": str(seed)} if seed else {}))
    await connection.jetstream().delete_consumer(source.upper(), service)
    await connection.close()


# --- names and moves --------------------------------------------------------------------------


async def test_a_new_name_reaches_the_projection(services: Services) -> None:
    """A renamed startup becomes a tenant under its new name; earlier tenancies keep the old one."""
    space, startup = await new_space(services.spaces), await new_startup(services.startups, display_name="旧名")
    first = await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name, -9, -5))
    await services.startups.UpdateStartup(update_startup(startup.name, ["display_name"], display_name="新名"))
    await services.until_idle()
    second = await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name))
    assert (first.startup_display_name, second.startup_display_name) == ("旧名", "新名")
    unchanged = await services.tenancies.GetTenancy(get_tenancy(first.name))
    assert unchanged.startup_display_name == "旧名"


async def test_a_move_is_followed(services: Services) -> None:
    """A startup that leaves one space and enters another on the same day stays in the second, and in no other list."""
    spaces, tenancies, startups = services.spaces, services.tenancies, services.startups
    one, other, startup = await new_space(spaces), await new_space(spaces), await new_startup(startups)
    first = await tenancies.RegisterTenant(register_tenant(one.name, startup.name, -30))
    await tenancies.EndTenancy(end_tenancy(first.name))
    second = await tenancies.RegisterTenant(register_tenant(other.name, startup.name))
    await services.until_idle()
    now = await residency(startups, startup.name)
    assert (now.tenancy, now.space, now.state) == (second.name, other.name, CURRENT)
    for space, residents in ((one, []), (other, [startup.name])):
        page = await startups.ListStartups(pb.ListStartupsRequest(space=space.name))
        assert [found.name for found in page.startups] == residents


async def test_a_cancelled_move_is_followed(services: Services) -> None:
    """A future tenancy that is cancelled leaves the startup where it stays."""
    spaces, tenancies, startups = services.spaces, services.tenancies, services.startups
    home, away, startup = await new_space(spaces), await new_space(spaces), await new_startup(startups)
    await tenancies.RegisterTenant(register_tenant(home.name, startup.name, -30, 20))
    later = await tenancies.RegisterTenant(register_tenant(away.name, startup.name, 20))
    await tenancies.EndTenancy(end_tenancy(later.name))
    await services.until_idle()
    now = await residency(startups, startup.name)
    assert (now.space, now.state, now.end_date) == (home.name, CURRENT, date_of(20))


# --- after a service was down -----------------------------------------------------------------


async def test_startups_registered_while_spaces_was_down(services: Services) -> None:
    """Startups that were registered and renamed while spaces was down are tenants as soon as it is back."""
    early = await new_startup(services.startups, display_name="旧名")
    await services.until_idle()
    await services.stop("spaces")
    await services.startups.UpdateStartup(update_startup(early.name, ["display_name"], display_name="新名"))
    late = [await new_startup(services.startups) for _ in range(20)]
    services.start("spaces")
    space = await new_space(services.spaces, desks=100)
    for startup in late:
        tenancy = await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name))
        assert tenancy.startup_display_name == startup.display_name
    tenancy = await services.tenancies.RegisterTenant(register_tenant(space.name, early.name))
    assert tenancy.startup_display_name == "新名"


async def test_moves_while_startups_was_down(services: Services) -> None:
    """Spaces leases room while startups is down; when that is back, every page shows where its startup stays."""
    space = await new_space(services.spaces, desks=100)
    teams = [await new_startup(services.startups) for _ in range(6)]
    await services.until_idle()
    await services.stop("startups")
    made = [await services.tenancies.RegisterTenant(register_tenant(space.name, team.name, -30)) for team in teams]
    for tenancy in made[::2]:
        await services.tenancies.EndTenancy(end_tenancy(tenancy.name))
    services.start("startups")
    await services.until_idle()
    seen = [await residency(services.startups, team.name) for team in teams]
    assert [(now.tenancy, now.state) for now in seen] == [
        (tenancy.name, CURRENT if number % 2 else ENDED) for number, tenancy in enumerate(made)
    ]


async def test_a_new_service_builds_its_projections_from_the_start(services: Services, cluster: Cluster) -> None:
    """A spaces with an empty database knows every startup that was ever registered, under its last name."""
    known = [await new_startup(services.startups) for _ in range(30)]
    await services.startups.UpdateStartup(update_startup(known[0].name, ["display_name"], display_name="新名"))
    await services.until_idle()
    await services.stop("spaces")
    client: MongoClient[dict[str, object]] = MongoClient(cluster.mongo.admin_uri)
    client.drop_database(cluster.database("spaces"))
    client.close()
    await delete_consumer(cluster, "startups", "spaces")
    services.start("spaces")
    space = await new_space(services.spaces, desks=100)
    made = [await services.tenancies.RegisterTenant(register_tenant(space.name, each.name)) for each in known]
    names = [tenancy.startup_display_name for tenancy in made]
    assert names == ["新名", *(each.display_name for each in known[1:])]
    await services.until_idle()
    seen = [(await residency(services.startups, each.name)).space for each in known]
    assert seen == [space.name] * len(known)


async def test_a_lost_consumer_is_created_again(services: Services, cluster: Cluster) -> None:
    """When the server loses how far a running service has read, it reads again from the start, without harm."""
    space, before = await new_space(services.spaces), await new_startup(services.startups)
    tenancy = await services.tenancies.RegisterTenant(register_tenant(space.name, before.name))
    await delete_consumer(cluster, "startups", "spaces")
    after = await new_startup(services.startups)

    async def is_known() -> bool:
        try:
            made = await services.tenancies.RegisterTenant(register_tenant(space.name, after.name))
        except AioRpcError as error:
            if error.code() is StatusCode.NOT_FOUND:
                return False
            raise
        return bool(made.startup == after.name)

    await eventually(is_known)
    await services.until_idle()
    assert await services.tenancies.GetTenancy(get_tenancy(tenancy.name)) == tenancy
    status = await services.operations("spaces").GetStatus(op.GetStatusRequest())
    assert status.parked == 0
