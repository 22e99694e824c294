"""A small town in which spaces and startups run, go down and come back, and what has passed between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from grpc import aio

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.api.hatchery.spaces.v1 import spaces_pb2_grpc
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from libs.api.hatchery.startups.v1 import startups_pb2_grpc
from tests.conftest import eventually, lastingly, unsettled
from tests.running import Api, World

CONTRACTS: dict[str, tuple[ModuleType, str]] = {
    "spaces": (spaces_pb2_grpc, "SpaceService"),
    "startups": (startups_pb2_grpc, "StartupService"),
}


class Town:
    """The services of a world, each asked over a channel that is made anew when the service comes back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._channels: dict[str, aio.Channel] = {}

    def ask(self, service: str) -> Api:
        """The methods of a service."""
        stubs, name = CONTRACTS[service]
        return Api(self._channel(service), stubs, name, self.world.token())

    def operate(self, service: str) -> Api:
        """What the service answers to those who keep it running."""
        return Api(self._channel(service), operations_pb2_grpc, "OperationsService", self.world.token())

    async def stop(self, service: str) -> None:
        """Stop a service cleanly."""
        if channel := self._channels.pop(service, None):
            await channel.close()
        self.world.replicas[service].child.stop()

    def start(self, service: str) -> None:
        """Start a service, for the first time or again."""
        if service in self.world.replicas:
            self.world.replicas[service].start()
        else:
            self.world.start(service)

    async def settled(self) -> None:
        """Wait until everything that was committed has been told, and everything told has taken effect."""

        async def quiet() -> bool:
            found = [unsettled(await self.operate(service).GetStatus(op.GetStatusRequest())) for service in CONTRACTS]
            return not any(found)

        await eventually(lastingly(quiet), 40)

    async def close(self) -> None:
        """Let go of the channels."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, service: str) -> aio.Channel:
        if service not in self._channels:
            self._channels[service] = aio.insecure_channel(self.world.replicas[service].address)
        return self._channels[service]


@asynccontextmanager
async def town(world: World) -> AsyncIterator[Town]:
    """Both services of a world, running."""
    made = Town(world)
    for service in CONTRACTS:
        made.start(service)
    yield made
    await made.close()


async def residency(startups: Api, name: str) -> st.Residency:
    """Where a startup lives, as its own page says."""
    page: st.Startup = await startups.GetStartup(st.GetStartupRequest(name=name))
    return page.residency
