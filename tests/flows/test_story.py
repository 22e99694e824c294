"""The story that runs through the house: a startup is registered, moves in, is seen to live there, moves out."""

from datetime import UTC, datetime

from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from tests.conftest import eventually
from tests.running import Api


async def test_a_tenant_moves_in_and_out(spaces: Api, startups: Api) -> None:
    """A tenancy takes desks while it lasts, and the startup's own page says where it lives."""
    spec = sp.SpaceSpec(
        display_name="江城孵化器",
        kind=sp.Space.KIND_INCUBATOR,
        district="districts/220203",
        operator="江城孵化器运营公司",
        desks=20,
        area_m2=500,
    )
    space = await spaces.CreateSpace(sp.CreateSpaceRequest(space=spec))
    startup = await startups.RegisterStartup(
        st.RegisterStartupRequest(
            startup=st.StartupSpec(
                display_name="松江碳材", district="districts/220203", technology_field="new-materials"
            )
        )
    )
    tenancy = await spaces.RegisterTenant(
        sp.RegisterTenantRequest(space=space.name, startup=startup.name, desks=6, area_m2=80)
    )
    assert tenancy.state == sp.Tenancy.STATE_ACTIVE
    assert tenancy.startup_display_name == "松江碳材"
    assert (await spaces.GetSpace(sp.GetSpaceRequest(name=space.name))).desks_free == 14

    async def lives_there() -> bool:
        page = await startups.GetStartup(st.GetStartupRequest(name=startup.name))
        return bool(page.residency.space == space.name and page.residency.state == st.Residency.STATE_CURRENT)

    await eventually(lives_there)
    ended = await spaces.EndTenancy(sp.EndTenancyRequest(name=tenancy.name, end_reason=sp.Tenancy.END_REASON_GRADUATED))
    assert ended.state == sp.Tenancy.STATE_ENDED
    assert ended.update_time.ToDatetime(UTC) <= datetime.now(UTC)
    assert (await spaces.GetSpace(sp.GetSpaceRequest(name=space.name))).desks_free == 20

    async def has_moved_out() -> bool:
        page = await startups.GetStartup(st.GetStartupRequest(name=startup.name))
        return bool(page.residency.state == st.Residency.STATE_ENDED)

    await eventually(has_moved_out)
