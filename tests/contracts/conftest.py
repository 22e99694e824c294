"""One world for all tests of the contract, with every service running and two places in it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from grpc import aio

from libs.cli.servers import Mongo
from tests.contracts.contract import HOMES
from tests.contracts.land import Land, settle
from tests.contracts.reasons import documented
from tests.contracts.town import Town
from tests.running import World


@pytest.fixture(scope="session")
def world(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which a fact that cannot be handled is parked at its first try."""
    made = World(tmp_path_factory.mktemp("contracts"), mongo, HATCHERY_FACT_TRIES="1")
    yield made
    made.stop()


@pytest.fixture(scope="session")
async def town(world: World) -> AsyncIterator[Town]:
    """Every service of the house, running."""
    async with AsyncExitStack() as open_channels:
        channels = {}
        for home in HOMES:
            channel = aio.insecure_channel(world.start(home).address)
            channels[home] = await open_channels.enter_async_context(channel)
        yield Town(world, channels)


@pytest.fixture(scope="session")
async def land(town: Town) -> Land:
    """Two places with their tenants, after all that they caused has taken effect."""
    return await settle(town)


@pytest.fixture(scope="session")
def reasons() -> frozenset[str]:
    """Every reason that docs/errors.md tells integrators of."""
    return frozenset(documented())
