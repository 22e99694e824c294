"""Services and servers that are killed and started again while clients use them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from grpc import aio

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.cli.servers.child import Child
from libs.cli.servers.mongo import start_mongo
from libs.cli.servers.nats import start_nats
from tests.support.calls import Api
from tests.support.processes import Cluster, Replica
from tests.support.waiting import pending_work

T = TypeVar("T")
MONGOD, NATS_SERVER = "mongod", "nats-server"


class Fleet:
    """A cluster with a MongoDB of its own.

    Blocking work runs in one thread that lives as long as the fleet: the load must go on meanwhile, and a child
    gets SIGTERM when the thread that started it ends.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._thread = ThreadPoolExecutor(1, "fleet")
        with pytest.MonkeyPatch.context() as patch:  # external servers must not be killed
            patch.delenv("MONGODB_URI", raising=False)
            patch.delenv("NATS_URL", raising=False)
            self.mongo = self._thread.submit(start_mongo, folder / "mongo").result()
            self.nats = self._thread.submit(start_nats, folder / "nats").result()
        self.cluster = Cluster(folder, self.mongo, self.nats, **settings)

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in the fleet's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def start(self, service: str, label: str = "", **settings: str) -> Replica:
        """Start a replica and wait until it serves."""
        return await self.run(lambda: self.cluster.start(service, label, **settings))

    def child(self, name: str) -> Child:
        """Return the process of a server, or of a replica by its label."""
        if name in {MONGOD, NATS_SERVER}:
            return self.mongo.child if name == MONGOD else self.nats.child
        return self.cluster.replicas[name].child

    async def kill(self, name: str) -> None:
        """End a process as a crash would. Fails when it has ended before."""
        child = self.child(name)
        assert child.running, f"{name} ended before it was killed: {child.end}\n{child.log_tail(40)}"
        await self.run(child.kill)

    async def restart(self, name: str) -> None:
        """Start a killed process on the same port and wait until it is ready."""
        start = {MONGOD: self.mongo.start, NATS_SERVER: self.nats.start}.get(name)
        await self.run(start or self.cluster.replicas[name].start)

    def stop(self) -> None:
        """Stop everything, the services first."""
        self._thread.submit(self.cluster.stop).result()
        self._thread.submit(self.mongo.stop).result()
        self._thread.shutdown()

    async def status(self, label: str) -> op.Status:
        """Return the status of a replica."""
        async with aio.insecure_channel(self.cluster.replicas[label].address) as channel:
            operations = Api(channel, operations_pb2_grpc, "OperationsService", self.cluster.token())
            status: op.Status = await operations.GetStatus(op.GetStatusRequest())
        return status

    async def pending_work(self) -> list[str]:
        """List what has not been published or handled yet, replica by replica."""
        found = []
        for label in self.cluster.replicas:
            try:
                status = await self.status(label)
            except aio.AioRpcError as error:
                found.append(f"{label}: GetStatus answers {error.code().name}")
                continue
            found += [f"{label}: {work}" for work in pending_work(status)]
        return found
