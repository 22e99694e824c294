"""A database and a running store of mentors for each test."""

from collections.abc import AsyncIterator

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from services.mentors.store import MentorsStore
from tests.mentors.samples import NOW
from tests.support.clock import FixedClock
from tests.support.store_fixtures import new_database, new_store, running


@pytest.fixture
def clock() -> FixedClock:
    """A clock at noon of a day in Jilin."""
    return FixedClock(NOW)


@pytest.fixture
async def database(mongo: Mongo) -> AsyncIterator[Database]:
    """An empty database."""
    async with new_database(mongo) as opened:
        yield opened


@pytest.fixture
async def store(database: Database) -> AsyncIterator[MentorsStore]:
    """The store of mentors on the database, running."""
    async with running(new_store(MentorsStore, database, facts_pb2)) as started:
        yield started
