"""The contract of startups: decode, ask, encode."""

from typing import Any

from libs.api.hatchery.startups.v1 import startups_pb2 as pb
from libs.api.hatchery.startups.v1.startups_pb2_grpc import StartupServiceServicer
from libs.common.interceptors import asked
from libs.common.mapping import decode, encode
from services.startups.domain import BatchGetStartups, GetStartup, ListStartups, RegisterStartup, UpdateStartup
from services.startups.service import Startups


class StartupRpc(StartupServiceServicer):
    """The methods of StartupService; what each promises stands in the proto and in the service."""

    def __init__(self, startups: Startups) -> None:
        self.startups = startups

    async def RegisterStartup(self, request: pb.RegisterStartupRequest, context: Any) -> pb.Startup:
        ask = decode(request, RegisterStartup)
        startup = await self.startups.register_startup(ask, asked(request))
        return encode(startup, pb.Startup)

    async def GetStartup(self, request: pb.GetStartupRequest, context: Any) -> pb.Startup:
        ask = decode(request, GetStartup)
        startup = await self.startups.get_startup(ask, asked(request))
        return encode(startup, pb.Startup)

    async def BatchGetStartups(self, request: pb.BatchGetStartupsRequest, context: Any) -> pb.BatchGetStartupsResponse:
        ask = decode(request, BatchGetStartups)
        startups = await self.startups.batch_get_startups(ask, asked(request))
        return pb.BatchGetStartupsResponse(startups=[encode(startup, pb.Startup) for startup in startups])

    async def ListStartups(self, request: pb.ListStartupsRequest, context: Any) -> pb.ListStartupsResponse:
        ask = decode(request, ListStartups)
        page = await self.startups.list_startups(ask, asked(request))
        return pb.ListStartupsResponse(
            startups=[encode(startup, pb.Startup) for startup in page], next_page_token=page.next_page_token
        )

    async def UpdateStartup(self, request: pb.UpdateStartupRequest, context: Any) -> pb.Startup:
        ask = decode(request, UpdateStartup)
        startup = await self.startups.update_startup(ask, asked(request))
        return encode(startup, pb.Startup)
