"""All services of a cluster, running."""

from collections.abc import AsyncIterator

import pytest

from tests.flows.services import Services, running_services
from tests.support.processes import Cluster


@pytest.fixture(scope="module")
async def services(cluster: Cluster) -> AsyncIterator[Services]:
    """All services, for the tests of a file."""
    async with running_services(cluster) as running:
        yield running
