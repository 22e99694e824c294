"""A database and a running store of spaces for each test."""

from collections.abc import AsyncIterator

import pytest

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from services.spaces.store import SpacesStore
from tests.support.store_fixtures import new_database, new_store, running


@pytest.fixture
async def database(mongo: Mongo) -> AsyncIterator[Database]:
    """An empty database."""
    async with new_database(mongo) as opened:
        yield opened


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SpacesStore]:
    """The store of spaces on the database, running."""
    async with running(new_store(SpacesStore, database, facts_pb2)) as started:
        yield started
