"""TenancyService."""

from typing import Any

from libs.api.hatchery.spaces.v1 import tenancy_pb2 as pb
from libs.api.hatchery.spaces.v1.tenancy_pb2_grpc import TenancyServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.spaces.domain import tenancy
from services.spaces.service.tenancy import Tenancies


class TenancyRpc(TenancyServiceServicer):
    """Handlers of TenancyService. The proto and the service document each method."""

    def __init__(self, tenancies: Tenancies) -> None:
        self._tenancies = tenancies

    async def RegisterTenant(self, request: pb.RegisterTenantRequest, context: Any) -> pb.Tenancy:
        command = decode(request, tenancy.RegisterTenant)
        registered = await self._tenancies.register(command, call_context())
        return encode(registered, pb.Tenancy)

    async def GetTenancy(self, request: pb.GetTenancyRequest, context: Any) -> pb.Tenancy:
        query = decode(request, tenancy.GetTenancy)
        found = await self._tenancies.get(query, call_context())
        return encode(found, pb.Tenancy)

    async def ListTenancies(self, request: pb.ListTenanciesRequest, context: Any) -> pb.ListTenanciesResponse:
        query = decode(request, tenancy.ListTenancies)
        page = await self._tenancies.list(query, call_context())
        return encode_page(page, pb.ListTenanciesResponse)

    async def EndTenancy(self, request: pb.EndTenancyRequest, context: Any) -> pb.Tenancy:
        command = decode(request, tenancy.EndTenancy)
        ended = await self._tenancies.end(command, call_context())
        return encode(ended, pb.Tenancy)
