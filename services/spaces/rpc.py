"""The contract of spaces: decode, ask, encode."""

from typing import Any

from libs.api.hatchery.spaces.v1 import spaces_pb2 as pb
from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceServicer
from libs.common.interceptors import asked
from libs.common.mapping import decode, encode
from services.spaces.domain import (
    BatchGetSpaces,
    CreateSpace,
    EndTenancy,
    GetSpace,
    GetTenancy,
    ListSpaces,
    ListTenancies,
    RegisterTenant,
    UpdateSpace,
)
from services.spaces.service import Spaces


class SpaceRpc(SpaceServiceServicer):
    """The methods of SpaceService; what each promises stands in the proto and in the service."""

    def __init__(self, spaces: Spaces) -> None:
        self.spaces = spaces

    async def CreateSpace(self, request: pb.CreateSpaceRequest, context: Any) -> pb.Space:
        ask = decode(request, CreateSpace)
        space = await self.spaces.create_space(ask, asked(request))
        return encode(space, pb.Space)

    async def GetSpace(self, request: pb.GetSpaceRequest, context: Any) -> pb.Space:
        ask = decode(request, GetSpace)
        space = await self.spaces.get_space(ask, asked(request))
        return encode(space, pb.Space)

    async def BatchGetSpaces(self, request: pb.BatchGetSpacesRequest, context: Any) -> pb.BatchGetSpacesResponse:
        ask = decode(request, BatchGetSpaces)
        spaces = await self.spaces.batch_get_spaces(ask, asked(request))
        return pb.BatchGetSpacesResponse(spaces=[encode(space, pb.Space) for space in spaces])

    async def ListSpaces(self, request: pb.ListSpacesRequest, context: Any) -> pb.ListSpacesResponse:
        ask = decode(request, ListSpaces)
        page = await self.spaces.list_spaces(ask, asked(request))
        return pb.ListSpacesResponse(
            spaces=[encode(space, pb.Space) for space in page], next_page_token=page.next_page_token
        )

    async def UpdateSpace(self, request: pb.UpdateSpaceRequest, context: Any) -> pb.Space:
        ask = decode(request, UpdateSpace)
        space = await self.spaces.update_space(ask, asked(request))
        return encode(space, pb.Space)

    async def RegisterTenant(self, request: pb.RegisterTenantRequest, context: Any) -> pb.Tenancy:
        ask = decode(request, RegisterTenant)
        tenancy = await self.spaces.register_tenant(ask, asked(request))
        return encode(tenancy, pb.Tenancy)

    async def GetTenancy(self, request: pb.GetTenancyRequest, context: Any) -> pb.Tenancy:
        ask = decode(request, GetTenancy)
        tenancy = await self.spaces.get_tenancy(ask, asked(request))
        return encode(tenancy, pb.Tenancy)

    async def ListTenancies(self, request: pb.ListTenanciesRequest, context: Any) -> pb.ListTenanciesResponse:
        ask = decode(request, ListTenancies)
        page = await self.spaces.list_tenancies(ask, asked(request))
        return pb.ListTenanciesResponse(
            tenancies=[encode(tenancy, pb.Tenancy) for tenancy in page], next_page_token=page.next_page_token
        )

    async def EndTenancy(self, request: pb.EndTenancyRequest, context: Any) -> pb.Tenancy:
        ask = decode(request, EndTenancy)
        tenancy = await self.spaces.end_tenancy(ask, asked(request))
        return encode(tenancy, pb.Tenancy)
