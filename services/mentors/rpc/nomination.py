"""NominationService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import nomination_pb2 as pb
from libs.api.hatchery.mentors.v1.nomination_pb2_grpc import NominationServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode
from services.mentors.domain import nomination
from services.mentors.service.nomination import Nominations


class NominationRpc(NominationServiceServicer):
    """Handlers of NominationService. The proto and the service document each method."""

    def __init__(self, nominations: Nominations) -> None:
        self._nominations = nominations

    async def GetNomination(self, request: pb.GetNominationRequest, context: Any) -> pb.Nomination:
        query = decode(request, nomination.GetNomination)
        found = await self._nominations.get(query, call_context())
        return encode(found, pb.Nomination)

    async def UpdateNomination(self, request: pb.UpdateNominationRequest, context: Any) -> pb.Nomination:
        command = decode(request, nomination.UpdateNomination)
        updated = await self._nominations.update(command, call_context())
        return encode(updated, pb.Nomination)

    async def RejectNomination(self, request: pb.RejectNominationRequest, context: Any) -> pb.Nomination:
        command = decode(request, nomination.RejectNomination)
        rejected = await self._nominations.reject(command, call_context())
        return encode(rejected, pb.Nomination)
