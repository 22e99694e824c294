"""All services, started once for the contract tests, with two populated places."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from grpc import aio
from pymongo import MongoClient

from libs.cli.servers.mongo import Mongo
from tests.contracts.calls import Calls
from tests.contracts.contract import SERVICES
from tests.contracts.contract_fixtures import populated
from tests.contracts.requests import RunningContract
from tests.contracts.snapshots import Snapshots
from tests.support.processes import Cluster


@pytest.fixture(scope="session")
def contract_cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Every service, running; a fact that cannot be handled is parked after one try."""
    cluster = Cluster(tmp_path_factory.mktemp("contracts"), mongo, HATCHERY_FACT_MAX_TRIES="1")
    for service in SERVICES:
        cluster.start(service)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def mongo_client(contract_cluster: Cluster) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the services' MongoDB, to look into their databases."""
    with MongoClient[dict[str, Any]](contract_cluster.mongo.admin_uri) as client:
        yield client


@pytest.fixture(scope="session")
async def contract(contract_cluster: Cluster) -> AsyncIterator[RunningContract]:
    """The running services with two populated places."""
    async with AsyncExitStack() as stack:
        channels = {}
        for service in SERVICES:
            channel = aio.insecure_channel(contract_cluster.replicas[service].address)
            channels[service] = await stack.enter_async_context(channel)
        yield await populated(Calls(channels, f"Bearer {contract_cluster.token()}"), contract_cluster)


@pytest.fixture(scope="session")
def snapshots(
    contract: RunningContract, contract_cluster: Cluster, mongo_client: MongoClient[dict[str, Any]]
) -> Snapshots:
    """Snapshots of the services' databases."""
    return Snapshots(contract.calls, contract_cluster, mongo_client)
