"""Publishes facts, valid or not, in place of another service, and reads what became of them."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from google.protobuf.message import Message
from grpc import aio
from nats.js import JetStreamContext

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.cli.servers.mongo import Mongo
from tests.support.calls import Api
from tests.support.processes import Cluster
from tests.support.waiting import eventually, holds_repeatedly, pending_work

Headers = Mapping[str, str | None]


@dataclass(frozen=True)
class Published:
    """A published fact: its id, and the name under which it would be parked."""

    id: str
    parked_name: str


def cluster_that_parks_quickly(folder: Path, mongo: Mongo) -> Cluster:
    """Return a cluster in which a fact is tried twice and parked within a fraction of a second."""
    return Cluster(folder, mongo, HATCHERY_FACT_MAX_TRIES="2", HATCHERY_FACT_BACKOFF_SECONDS="0.05")


class Publisher:
    """Publishes facts to a stream."""

    def __init__(self, stream: JetStreamContext) -> None:
        self._stream = stream

    async def publish(self, fact: Message, sequence: int = 1, headers: Headers | None = None) -> Published:
        """Publish a fact. Headers are named without `ce-`; None leaves one out."""
        return await self.publish_bytes(fact.DESCRIPTOR.full_name, fact.SerializeToString(), sequence, headers)

    async def publish_bytes(
        self, subject: str, body: bytes, sequence: int = 1, headers: Headers | None = None
    ) -> Published:
        """Publish any bytes on the subject of a fact."""
        attributes: dict[str, str | None] = {
            "id": f"{os.urandom(8).hex()}.0",
            "type": subject,
            "time": "2026-11-24T04:00:00.000Z",
            "sequence": str(sequence),
            "subject": "somebody",
            **(headers or {}),
        }
        given = {f"ce-{key}": value for key, value in attributes.items() if value is not None}
        ack = await self._stream.publish(subject, body, headers=given or None)
        return Published(attributes["id"] or "", f"parkedFacts/{ack.stream.lower()}-{ack.seq}")


@asynccontextmanager
async def publisher(cluster: Cluster, source: str) -> AsyncIterator[Publisher]:
    """Publish in place of a service that is not running, whose stream is created."""
    seed = cluster.nats.admin_seed_file
    options: dict[str, Any] = {"nkeys_seed": str(seed)} if seed else {}
    connection = await nats.connect(cluster.nats.url, **options)
    stream = connection.jetstream()
    await stream.add_stream(name=source.upper(), subjects=[f"hatchery.{source}.>"])
    yield Publisher(stream)
    await connection.close()


@asynccontextmanager
async def operations(cluster: Cluster, service: str) -> AsyncIterator[Api]:
    """Call the operations of a service."""
    async with aio.insecure_channel(cluster.replicas[service].address) as channel:
        yield Api(channel, operations_pb2_grpc, "OperationsService", cluster.token())


async def until_idle(service: Api) -> None:
    """Wait until a service has handled every fact that was published to it."""

    async def idle() -> bool:
        return not pending_work(await service.GetStatus(op.GetStatusRequest()))

    await eventually(holds_repeatedly(idle))


async def parked_facts(service: Api) -> dict[str, op.ParkedFact]:
    """Return the parked facts by name, read page by page."""
    found: dict[str, op.ParkedFact] = {}
    request = op.ListParkedFactsRequest(page_size=3)
    while True:
        page = await service.ListParkedFacts(request)
        assert not set(found) & {fact.name for fact in page.parked_facts}
        found |= {fact.name: fact for fact in page.parked_facts}
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
