"""AvailabilityService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import availability_pb2 as pb
from libs.api.hatchery.mentors.v1.availability_pb2_grpc import AvailabilityServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import availability, block, commitment, free_slots
from services.mentors.service.availability import Availabilities
from services.mentors.service.block import Blocks
from services.mentors.service.commitment import CommitmentQueries


class AvailabilityRpc(AvailabilityServiceServicer):
    """Handlers of AvailabilityService. The proto and the services document each method."""

    def __init__(self, availabilities: Availabilities, blocks: Blocks, commitments: CommitmentQueries) -> None:
        self._availabilities = availabilities
        self._blocks = blocks
        self._commitments = commitments

    async def GetAvailability(self, request: pb.GetAvailabilityRequest, context: Any) -> pb.Availability:
        query = decode(request, availability.GetAvailability)
        found = await self._availabilities.get(query, call_context())
        return encode(found, pb.Availability)

    async def UpdateAvailability(self, request: pb.UpdateAvailabilityRequest, context: Any) -> pb.Availability:
        command = decode(request, availability.UpdateAvailability)
        updated = await self._availabilities.update(command, call_context())
        return encode(updated, pb.Availability)

    async def ListFreeSlots(self, request: pb.ListFreeSlotsRequest, context: Any) -> pb.FreeSlots:
        query = decode(request, free_slots.ListFreeSlots)
        found = await self._availabilities.list_free_slots(query, call_context())
        return encode(found, pb.FreeSlots)

    async def SearchFreeSlots(self, request: pb.SearchFreeSlotsRequest, context: Any) -> pb.SearchFreeSlotsResponse:
        query = decode(request, free_slots.SearchFreeSlots)
        page = await self._availabilities.search_free_slots(query, call_context())
        return encode_page(page, pb.SearchFreeSlotsResponse)

    async def BlockTime(self, request: pb.BlockTimeRequest, context: Any) -> pb.Block:
        command = decode(request, block.BlockTime)
        blocked = await self._blocks.block_time(command, call_context())
        return encode(blocked, pb.Block)

    async def GetBlock(self, request: pb.GetBlockRequest, context: Any) -> pb.Block:
        query = decode(request, block.GetBlock)
        found = await self._blocks.get(query, call_context())
        return encode(found, pb.Block)

    async def UnblockTime(self, request: pb.UnblockTimeRequest, context: Any) -> pb.Block:
        command = decode(request, block.UnblockTime)
        unblocked = await self._blocks.unblock_time(command, call_context())
        return encode(unblocked, pb.Block)

    async def ListCommitments(self, request: pb.ListCommitmentsRequest, context: Any) -> pb.Commitments:
        query = decode(request, commitment.ListCommitments)
        found = await self._commitments.list(query, call_context())
        return encode(found, pb.Commitments)

    async def ExportCalendar(self, request: pb.ExportCalendarRequest, context: Any) -> pb.CalendarFile:
        query = decode(request, commitment.ExportCalendar)
        exported = await self._commitments.export(query, call_context())
        return encode(exported, pb.CalendarFile)
