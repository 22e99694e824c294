"""(a) Echo: answers a message of the same shape, made once, and does nothing else. What gRPC and the road cost."""

from typing import Any

from bench.baselines.serving import Ground, serve
from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.api.hatchery.spaces.v1 import spaces_pb2 as pb
from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceServicer


class Echo(SpaceServiceServicer):
    """The two methods that are measured."""

    def __init__(self, ground: Ground) -> None:
        now, today = ground.clock.now(), ground.clock.today(ground.zone)
        day = Date(year=today.year, month=today.month, day=today.day)
        self._space = pb.Space(
            name=ground.names.new("spaces"),
            display_name="江城孵化器",
            kind=pb.Space.KIND_INCUBATOR,
            district="districts/220203",
            operator="江城孵化器运营公司",
            desks=100_000,
            area_m2=1_000_000,
            address="解放大路 1 号",
            state=pb.Space.STATE_OPERATING,
            desks_free=99_999,
            area_free_m2=999_990,
            lets=[pb.Space.Let(day=day, desks=1, area_m2=10)],
            etag="v1",
        )
        self._space.create_time.FromDatetime(now)
        self._space.update_time.FromDatetime(now)
        self._tenancy = pb.Tenancy(
            name=ground.names.new("tenancies", under=self._space.name),
            startup=ground.names.new("startups"),
            startup_display_name="松江碳材",
            desks=1,
            area_m2=10,
            start_date=day,
            state=pb.Tenancy.STATE_ACTIVE,
            etag="v1",
        )
        self._tenancy.create_time.FromDatetime(now)
        self._tenancy.update_time.FromDatetime(now)

    async def GetSpace(self, request: pb.GetSpaceRequest, context: Any) -> pb.Space:
        """The one space."""
        return self._space

    async def RegisterTenant(self, request: pb.RegisterTenantRequest, context: Any) -> pb.Tenancy:
        """The one tenancy."""
        return self._tenancy


if __name__ == "__main__":
    serve("echo", Echo)
