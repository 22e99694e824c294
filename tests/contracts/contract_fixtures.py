"""Two populated places and parked facts, for tests that call every method of every service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from graphlib import TopologicalSorter
from typing import Any

import nats
from nats.js import JetStreamContext

from libs.api.hatchery.operations.v1 import operations_pb2 as operations
from tests.contracts.calls import Calls
from tests.contracts.contract import SERVICES
from tests.contracts.requests import Place, RunningContract, service_contract
from tests.support.processes import Cluster
from tests.support.publisher import Publisher
from tests.support.subscriptions import subscriptions_of
from tests.support.waiting import eventually

HOME = ("江城孵化器 Hub", "districts/220203", "districts/220271")
FOREIGN = ("船营加速器 Dock", "districts/220204", "districts/220272")


async def populated(calls: Calls, cluster: Cluster) -> RunningContract:
    """Create the resources of every service in both places, and park two facts in every service."""
    contract = RunningContract(calls, Place(*HOME), Place(*FOREIGN))
    order = TopologicalSorter({service: service_contract(service).after for service in SERVICES})
    for service in order.static_order():
        for place in (contract.home, contract.foreign):
            await service_contract(service).populate(calls, place)
    async with _administrator(cluster) as stream:
        for service in SERVICES:
            contract.parked[service] = await _park(calls, stream, service)
    return contract


async def _park(calls: Calls, stream: JetStreamContext, service: str) -> tuple[str, ...]:
    """Publish two facts that the service cannot read; return the names under which they are parked."""
    subject = next(each.type for subscriptions in subscriptions_of(service).values() for each in subscriptions)
    published = [await Publisher(stream).publish_bytes(subject, b"\xff") for _ in range(2)]
    names = tuple(fact.parked_name for fact in published)

    async def are_parked() -> bool:
        page = await calls.call(service, "ListParkedFacts", operations.ListParkedFactsRequest(page_size=200))
        return {fact.name for fact in page.parked_facts} >= set(names)

    await eventually(are_parked)
    return names


@asynccontextmanager
async def _administrator(cluster: Cluster) -> AsyncIterator[JetStreamContext]:
    """Connect as the user that may publish on every subject."""
    seed = cluster.nats.admin_seed_file
    options: dict[str, Any] = {"nkeys_seed": str(seed)} if seed else {}
    connection = await nats.connect(cluster.nats.url, **options)
    yield connection.jetstream()
    await connection.close()
