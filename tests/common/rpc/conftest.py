"""Fixtures for the tests of calls: an issuer, and the sample service behind the interceptor."""

from collections.abc import AsyncIterator

import pytest

from libs.cli.issuer import Issuer
from tests.common.rpc.sample_server import SampleServer, serving


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An issuer of tokens."""
    return Issuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
async def sample(issuer: Issuer) -> AsyncIterator[SampleServer]:
    """A running server of the sample service."""
    async with serving(issuer) as running:
        yield running
