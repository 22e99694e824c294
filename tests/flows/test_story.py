"""From registration to moving out: a startup becomes a tenant, and its own page shows where it stays."""

from datetime import UTC, datetime

from libs.api.hatchery.spaces.v1 import tenancy_pb2
from libs.api.hatchery.startups.v1 import residency_pb2
from tests.flows.services import Services
from tests.spaces.requests import date_of, end_tenancy, get_space, new_space, register_tenant
from tests.startups.requests import get_startup, new_startup
from tests.support.waiting import eventually

CURRENT, ENDED = residency_pb2.Residency.STATE_CURRENT, residency_pb2.Residency.STATE_ENDED


async def test_a_tenant_moves_in_and_out(services: Services) -> None:
    """A tenancy takes desks and area while it lasts, and the startup's own page shows where it stays."""
    spaces, tenancies, startups = services.spaces, services.tenancies, services.startups
    space = await new_space(spaces, desks=20, area_m2=500)
    startup = await new_startup(startups)
    tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name, desks=6, area_m2=35.62))
    assert tenancy.state == tenancy_pb2.Tenancy.STATE_ACTIVE
    assert tenancy.startup_display_name == startup.display_name
    occupied = await spaces.GetSpace(get_space(space.name))
    assert (occupied.desks_free, occupied.area_free_m2) == (14, 464.38)

    async def stays_there() -> bool:
        page = await startups.GetStartup(get_startup(startup.name))
        return bool(page.residency.space == space.name and page.residency.state == CURRENT)

    await eventually(stays_there)
    ended = await tenancies.EndTenancy(end_tenancy(tenancy.name, reason=tenancy_pb2.Tenancy.END_REASON_GRADUATED))
    assert ended.state == tenancy_pb2.Tenancy.STATE_ENDED
    assert ended.update_time.ToDatetime(UTC) <= datetime.now(UTC)
    free = await spaces.GetSpace(get_space(space.name))
    assert (free.desks_free, free.area_free_m2) == (20, 500)
    await services.until_idle()
    page = await startups.GetStartup(get_startup(startup.name))
    # A tenancy that ends on its first day has no days.
    assert not page.HasField("residency")


async def test_a_tenant_of_some_days_has_moved_out(services: Services) -> None:
    """After the end of a tenancy that lasted, the page shows where the startup stayed and until when."""
    space, startup = await new_space(services.spaces), await new_startup(services.startups)
    tenancy = await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name, -30))
    await services.tenancies.EndTenancy(end_tenancy(tenancy.name))

    async def has_moved_out() -> bool:
        residency = (await services.startups.GetStartup(get_startup(startup.name))).residency
        return bool(residency.space == space.name and residency.state == ENDED and residency.end_date == date_of(0))

    await eventually(has_moved_out)


async def test_a_tenancy_ended_before_it_began_leaves_no_residency(services: Services) -> None:
    """A startup whose only tenancy was cancelled before its first day has no residency on its page."""
    space, startup = await new_space(services.spaces), await new_startup(services.startups)
    tenancy = await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name, 20, 40))
    cancelled = await services.tenancies.EndTenancy(end_tenancy(tenancy.name))
    assert (cancelled.state, cancelled.end_date) == (tenancy_pb2.Tenancy.STATE_ENDED, date_of(20))
    await services.until_idle()
    page = await services.startups.GetStartup(get_startup(startup.name))
    assert page.etag == "v2"  # the fact has arrived
    assert not page.HasField("residency")
