"""What the tests of startups share: a database for each, and the store on it."""

from collections.abc import AsyncIterator

import pytest

from libs.api.hatchery.startups.v1 import facts_pb2
from libs.cli.servers import Mongo
from libs.common.clock import Clock
from libs.common.documents import Documents
from services.startups.store import StartupsStore
from tests.spaces.keeping import SETTINGS, database, running


@pytest.fixture
async def documents(mongo: Mongo) -> AsyncIterator[Documents]:
    """A database of the test's own."""
    async with database(mongo) as opened:
        yield opened


@pytest.fixture
async def store(documents: Documents) -> AsyncIterator[StartupsStore]:
    """The store of startups on it, its loop under way."""
    async with running(StartupsStore(documents, facts_pb2, Clock(), SETTINGS)) as kept:
        yield kept
