"""(a) Echo: answers with a message that was built at the start. The cost of gRPC and of the interceptor."""

from typing import Any

from google.type.date_pb2 import Date

from bench.baselines.serving import Parts, serve
from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.api.hatchery.spaces.v1.space_pb2_grpc import SpaceServiceServicer
from libs.api.hatchery.spaces.v1.tenancy_pb2_grpc import TenancyServiceServicer


class SpaceEcho(SpaceServiceServicer):
    """Answers GetSpace."""

    def __init__(self, parts: Parts) -> None:
        now, today = parts.clock.now(), parts.clock.today(parts.zone)
        day = Date(year=today.year, month=today.month, day=today.day)
        self._space = space_pb2.Space(
            name=parts.names.new("spaces"),
            display_name="江城孵化器",
            kind=space_pb2.Space.KIND_INCUBATOR,
            district="districts/220203",
            operator="江城孵化器运营公司",
            desks=100_000,
            area_m2=1_000_000,
            address="解放大路 1 号",
            state=space_pb2.Space.STATE_OPERATING,
            desks_free=99_999,
            area_free_m2=999_990,
            occupancy=[space_pb2.Space.OccupancyStep(date=day, desks=1, area_m2=10)],
            etag="v1",
        )
        self._space.create_time.FromDatetime(now)
        self._space.update_time.FromDatetime(now)

    async def GetSpace(self, request: space_pb2.GetSpaceRequest, context: Any) -> space_pb2.Space:
        return self._space


class TenancyEcho(TenancyServiceServicer):
    """Answers RegisterTenant."""

    def __init__(self, parts: Parts) -> None:
        now, today = parts.clock.now(), parts.clock.today(parts.zone)
        self._tenancy = tenancy_pb2.Tenancy(
            name=parts.names.new("tenancies", parent=parts.names.new("spaces")),
            startup=parts.names.new("startups"),
            startup_display_name="松江碳材",
            desks=1,
            area_m2=10,
            start_date=Date(year=today.year, month=today.month, day=today.day),
            state=tenancy_pb2.Tenancy.STATE_ACTIVE,
            etag="v1",
        )
        self._tenancy.create_time.FromDatetime(now)
        self._tenancy.update_time.FromDatetime(now)

    async def RegisterTenant(self, request: tenancy_pb2.RegisterTenantRequest, context: Any) -> tenancy_pb2.Tenancy:
        return self._tenancy


if __name__ == "__main__":
    serve("echo", SpaceEcho, TenancyEcho)
