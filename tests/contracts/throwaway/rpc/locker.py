"""LockerService."""

# ruff: noqa: N802 - gRPC dictates the names

from typing import Any

from lockers.v1 import locker_pb2 as pb  # type: ignore[import-not-found]
from lockers.v1.locker_pb2_grpc import LockerServiceServicer  # type: ignore[import-not-found]

from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode
from tests.contracts.throwaway.domain import locker
from tests.contracts.throwaway.service.locker import Lockers


class LockerRpc(LockerServiceServicer):  # type: ignore[misc]
    """Handlers of LockerService. The proto and the service document each method."""

    def __init__(self, lockers: Lockers) -> None:
        self._lockers = lockers

    async def CreateLocker(self, request: pb.CreateLockerRequest, context: Any) -> pb.Locker:
        command = decode(request, locker.CreateLocker)
        created = await self._lockers.create(command, call_context())
        return encode(created, pb.Locker)

    async def GetLocker(self, request: pb.GetLockerRequest, context: Any) -> pb.Locker:
        query = decode(request, locker.GetLocker)
        found = await self._lockers.get(query, call_context())
        return encode(found, pb.Locker)
