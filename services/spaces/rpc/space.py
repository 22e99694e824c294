"""SpaceService."""

from typing import Any

from libs.api.hatchery.spaces.v1 import space_pb2 as pb
from libs.api.hatchery.spaces.v1.space_pb2_grpc import SpaceServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.spaces.domain import space
from services.spaces.service.space import Spaces


class SpaceRpc(SpaceServiceServicer):
    """Handlers of SpaceService. The proto and the service document each method."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    async def CreateSpace(self, request: pb.CreateSpaceRequest, context: Any) -> pb.Space:
        command = decode(request, space.CreateSpace)
        created = await self._spaces.create(command, call_context())
        return encode(created, pb.Space)

    async def GetSpace(self, request: pb.GetSpaceRequest, context: Any) -> pb.Space:
        query = decode(request, space.GetSpace)
        found = await self._spaces.get(query, call_context())
        return encode(found, pb.Space)

    async def BatchGetSpaces(self, request: pb.BatchGetSpacesRequest, context: Any) -> pb.BatchGetSpacesResponse:
        query = decode(request, space.BatchGetSpaces)
        found = await self._spaces.batch_get(query, call_context())
        return encode_page(found, pb.BatchGetSpacesResponse)

    async def ListSpaces(self, request: pb.ListSpacesRequest, context: Any) -> pb.ListSpacesResponse:
        query = decode(request, space.ListSpaces)
        page = await self._spaces.list(query, call_context())
        return encode_page(page, pb.ListSpacesResponse)

    async def UpdateSpace(self, request: pb.UpdateSpaceRequest, context: Any) -> pb.Space:
        command = decode(request, space.UpdateSpace)
        updated = await self._spaces.update(command, call_context())
        return encode(updated, pb.Space)
