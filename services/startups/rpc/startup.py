"""StartupService."""

from typing import Any

from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from libs.api.hatchery.startups.v1.startup_pb2_grpc import StartupServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.startups.domain import startup
from services.startups.service.startup import Startups


class StartupRpc(StartupServiceServicer):
    """Handlers of StartupService. The proto and the service document each method."""

    def __init__(self, startups: Startups) -> None:
        self._startups = startups

    async def RegisterStartup(self, request: pb.RegisterStartupRequest, context: Any) -> pb.Startup:
        command = decode(request, startup.RegisterStartup)
        registered = await self._startups.register(command, call_context())
        return encode(registered, pb.Startup)

    async def GetStartup(self, request: pb.GetStartupRequest, context: Any) -> pb.Startup:
        query = decode(request, startup.GetStartup)
        found = await self._startups.get(query, call_context())
        return encode(found, pb.Startup)

    async def BatchGetStartups(self, request: pb.BatchGetStartupsRequest, context: Any) -> pb.BatchGetStartupsResponse:
        query = decode(request, startup.BatchGetStartups)
        found = await self._startups.batch_get(query, call_context())
        return encode_page(found, pb.BatchGetStartupsResponse)

    async def ListStartups(self, request: pb.ListStartupsRequest, context: Any) -> pb.ListStartupsResponse:
        query = decode(request, startup.ListStartups)
        page = await self._startups.list(query, call_context())
        return encode_page(page, pb.ListStartupsResponse)

    async def UpdateStartup(self, request: pb.UpdateStartupRequest, context: Any) -> pb.Startup:
        command = decode(request, startup.UpdateStartup)
        updated = await self._startups.update(command, call_context())
        return encode(updated, pb.Startup)

    async def ConfirmCreditCode(self, request: pb.ConfirmCreditCodeRequest, context: Any) -> pb.Startup:
        command = decode(request, startup.ConfirmCreditCode)
        confirmed = await self._startups.confirm_credit_code(command, call_context())
        return encode(confirmed, pb.Startup)

    async def CorrectCreditCode(self, request: pb.CorrectCreditCodeRequest, context: Any) -> pb.Startup:
        command = decode(request, startup.CorrectCreditCode)
        corrected = await self._startups.correct_credit_code(command, call_context())
        return encode(corrected, pb.Startup)
