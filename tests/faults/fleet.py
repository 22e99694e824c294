"""Servers and services that are killed while others work with them, in a world that has servers of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from grpc import aio

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.cli.servers import Child, start_mongo, start_nats
from tests.conftest import unsettled
from tests.running import Api, Replica, World

T = TypeVar("T")
MONGOD, NATS_SERVER = "mongod", "nats-server"


class Fleet:
    """A world with servers of its own. Whatever blocks is done by one thread that lives as long as the fleet.

    A child gets SIGTERM when the thread that started it ends, and a load must go on while a server starts.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._hand = ThreadPoolExecutor(1, "fleet")
        with pytest.MonkeyPatch.context() as patch:  # servers that were given are not ours to kill
            patch.delenv("MONGODB_URI", raising=False)
            patch.delenv("NATS_URL", raising=False)
            self.mongo = self._hand.submit(start_mongo, folder / "mongo").result()
            self.nats = self._hand.submit(start_nats, folder / "nats").result()
        self.world = World(folder, self.mongo, self.nats, **settings)

    async def do(self, work: Callable[[], T]) -> T:
        """Do what blocks, beside the load."""
        return await asyncio.get_running_loop().run_in_executor(self._hand, work)

    async def start(self, service: str, label: str = "", **settings: str) -> Replica:
        """Start a replica and wait until it serves."""
        return await self.do(lambda: self.world.start(service, label, **settings))

    def child(self, name: str) -> Child:
        """The process of a server, or of a replica by its label."""
        if name in {MONGOD, NATS_SERVER}:
            return self.mongo.child if name == MONGOD else self.nats.child
        return self.world.replicas[name].child

    async def kill(self, name: str) -> None:
        """End it as a crash would; fails when it had ended by itself before."""
        child = self.child(name)
        assert child.running, f"{name} had ended by itself: {child.end}\n{child.last_words(40)}"
        await self.do(child.kill)

    async def revive(self, name: str) -> None:
        """Start it again where it was, and wait until it is ready."""
        start = {MONGOD: self.mongo.start, NATS_SERVER: self.nats.start}.get(name)
        await self.do(start or self.world.replicas[name].start)

    def stop(self) -> None:
        """Stop everything, the services first."""
        self._hand.submit(self.world.stop).result()
        self._hand.submit(self.mongo.stop).result()
        self._hand.shutdown()

    async def status(self, label: str) -> op.Status:
        """How a replica says that it is."""
        async with aio.insecure_channel(self.world.replicas[label].address) as channel:
            operations = Api(channel, operations_pb2_grpc, "OperationsService", self.world.token())
            answer: op.Status = await operations.GetStatus(op.GetStatusRequest())
        return answer

    async def unsettled(self) -> list[str]:
        """What is not told or not heeded yet, replica by replica; empty when all is quiet."""
        found = []
        for label in self.world.replicas:
            try:
                status = await self.status(label)
            except aio.AioRpcError as error:
                found.append(f"{label}: GetStatus answers {error.code().name}")
                continue
            found += [f"{label}: {what}" for what in unsettled(status)]
        return found
