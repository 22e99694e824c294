"""A database and a running store of startups for each test."""

from collections.abc import AsyncIterator

import pytest

from libs.api.hatchery.startups.v1 import facts_pb2
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from services.startups.store import StartupsStore
from tests.support.store_fixtures import new_database, new_store, running


@pytest.fixture
async def database(mongo: Mongo) -> AsyncIterator[Database]:
    """An empty database."""
    async with new_database(mongo) as opened:
        yield opened


@pytest.fixture
async def store(database: Database) -> AsyncIterator[StartupsStore]:
    """The store of startups on the database, running."""
    async with running(new_store(StartupsStore, database, facts_pb2)) as started:
        yield started
