"""SecondmentService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import secondment_pb2 as pb
from libs.api.hatchery.mentors.v1.secondment_pb2_grpc import SecondmentServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import secondment
from services.mentors.service.secondment import Secondments


class SecondmentRpc(SecondmentServiceServicer):
    """Handlers of SecondmentService. The proto and the service document each method."""

    def __init__(self, secondments: Secondments) -> None:
        self._secondments = secondments

    async def ProposeSecondment(self, request: pb.ProposeSecondmentRequest, context: Any) -> pb.Secondment:
        command = decode(request, secondment.ProposeSecondment)
        proposed = await self._secondments.propose(command, call_context())
        return encode(proposed, pb.Secondment)

    async def RecordConsent(self, request: pb.RecordConsentRequest, context: Any) -> pb.Secondment:
        command = decode(request, secondment.RecordConsent)
        changed = await self._secondments.record_consent(command, call_context())
        return encode(changed, pb.Secondment)

    async def EndSecondment(self, request: pb.EndSecondmentRequest, context: Any) -> pb.Secondment:
        command = decode(request, secondment.EndSecondment)
        ended = await self._secondments.end(command, call_context())
        return encode(ended, pb.Secondment)

    async def GetSecondment(self, request: pb.GetSecondmentRequest, context: Any) -> pb.Secondment:
        query = decode(request, secondment.GetSecondment)
        found = await self._secondments.get(query, call_context())
        return encode(found, pb.Secondment)

    async def ListSecondments(self, request: pb.ListSecondmentsRequest, context: Any) -> pb.ListSecondmentsResponse:
        query = decode(request, secondment.ListSecondments)
        page = await self._secondments.list(query, call_context())
        return encode_page(page, pb.ListSecondmentsResponse)
