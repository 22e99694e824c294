"""Facts told to the stream as another service would tell them, rightly or wrongly, and what became of them."""

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
from libs.cli.servers import Mongo
from tests.conftest import eventually, lastingly, unsettled
from tests.running import Api, World

Headers = Mapping[str, str | None]


@dataclass(frozen=True)
class Said:
    """A fact that was told: its id, and what it is called when it is parked."""

    id: str
    parked: str


def world_that_soon_parks(folder: Path, mongo: Mongo) -> World:
    """A world in which a fact is tried twice, and parked in a fraction of a second."""
    return World(folder, mongo, HATCHERY_FACT_TRIES="2", HATCHERY_FACT_BACKOFF="0.05")


class Voice:
    """Tells facts."""

    def __init__(self, stream: JetStreamContext) -> None:
        self._stream = stream

    async def tell(self, fact: Message, sequence: int = 1, headers: Headers | None = None) -> Said:
        """Tell a fact. Headers are named without `ce-`; None leaves one out."""
        return await self.tell_bytes(fact.DESCRIPTOR.full_name, fact.SerializeToString(), sequence, headers)

    async def tell_bytes(self, kind: str, body: bytes, sequence: int = 1, headers: Headers | None = None) -> Said:
        """Tell whatever it is on the subject of a kind of fact."""
        told: dict[str, str | None] = {
            "id": f"{os.urandom(8).hex()}.0",
            "type": kind,
            "time": "2026-11-24T04:00:00.000Z",
            "sequence": str(sequence),
            "subject": "somebody",
            **(headers or {}),
        }
        given = {f"ce-{key}": value for key, value in told.items() if value is not None}
        ack = await self._stream.publish(kind, body, headers=given or None)
        return Said(told["id"] or "", f"parkedFacts/{ack.stream.lower()}-{ack.seq}")


@asynccontextmanager
async def voice(world: World, source: str) -> AsyncIterator[Voice]:
    """The voice of a service that is not running: may tell its facts, and has made its stream."""
    seed = world.nats.admin_seed_file
    options: dict[str, Any] = {"nkeys_seed": str(seed)} if seed else {}
    connection = await nats.connect(world.nats.url, **options)
    stream = connection.jetstream()
    await stream.add_stream(name=source.upper(), subjects=[f"hatchery.{source}.>"])
    yield Voice(stream)
    await connection.close()


@asynccontextmanager
async def operations(world: World, service: str) -> AsyncIterator[Api]:
    """What a service answers to those who keep it running."""
    async with aio.insecure_channel(world.replicas[service].address) as channel:
        yield Api(channel, operations_pb2_grpc, "OperationsService", world.token())


async def settled(service: Api) -> None:
    """Wait until a service has dealt with every fact that was told."""

    async def idle() -> bool:
        return not unsettled(await service.GetStatus(op.GetStatusRequest()))

    await eventually(lastingly(idle))


async def parked(service: Api) -> dict[str, op.ParkedFact]:
    """What is parked, by name, read page by page."""
    found: dict[str, op.ParkedFact] = {}
    request = op.ListParkedFactsRequest(page_size=3)
    while True:
        page = await service.ListParkedFacts(request)
        assert not set(found) & {fact.name for fact in page.parked_facts}
        found |= {fact.name: fact for fact in page.parked_facts}
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
