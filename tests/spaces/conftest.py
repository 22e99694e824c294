"""What the tests of spaces share: a database for each, and the store on it."""

from collections.abc import AsyncIterator

import pytest

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.cli.servers import Mongo
from libs.common.clock import Clock
from libs.common.documents import Documents
from services.spaces.store import SpacesStore
from tests.spaces.keeping import SETTINGS, database, running


@pytest.fixture
async def documents(mongo: Mongo) -> AsyncIterator[Documents]:
    """A database of the test's own."""
    async with database(mongo) as opened:
        yield opened


@pytest.fixture
async def store(documents: Documents) -> AsyncIterator[SpacesStore]:
    """The store of spaces on it, its loop under way."""
    async with running(SpacesStore(documents, facts_pb2, Clock(), SETTINGS)) as kept:
        yield kept
