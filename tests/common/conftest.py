"""Fixtures for the tests of libs.common: a database for each test, a store on it, a NATS server for each file."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from nats.aio.client import Client
from pymongo.read_concern import ReadConcern

from libs.cli.servers.mongo import Mongo
from libs.cli.servers.nats import Nats, start_nats
from libs.common.store.database import Database
from tests.common.sample_domain import HallsStore, new_halls_store
from tests.common.streams import connect, create_empty_stream
from tests.support.store_fixtures import DRIVER, new_database, running

# These tests provoke many failures, and structlog's default renders each with the variables of all frames.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]
)


@pytest.fixture
async def database(mongo: Mongo) -> AsyncIterator[Database]:
    """An empty database, with the driver of this run."""
    async with new_database(mongo) as opened:
        yield opened


@pytest.fixture
async def other_client(mongo: Mongo, database: Database) -> AsyncIterator[Any]:
    """The same database as another client sees it, which reads only what a majority has."""
    opened = Database(mongo.admin_uri, database.handle.name, DRIVER)
    yield opened.handle.with_options(read_concern=ReadConcern("majority"))
    await opened.close()


@pytest.fixture
async def store(database: Database) -> AsyncIterator[HallsStore]:
    """A store whose commit loop runs."""
    async with running(new_halls_store(database)) as started:
        yield started


@pytest.fixture
async def idle_store(database: Database) -> HallsStore:
    """A store whose commit loop does not run yet, so that commands can be gathered into one batch."""
    made = new_halls_store(database)
    await made.prepare()
    return made


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server whose users are two services, halls and guests."""
    started = start_nats(tmp_path_factory.mktemp("nats"), services=("halls", "guests"))
    yield started
    started.stop()


@pytest.fixture
async def admin(nats_server: Nats) -> AsyncIterator[Client]:
    """A connection that may do everything, and an empty stream of halls."""
    connection = await connect(nats_server, "admin")
    await create_empty_stream(connection.jetstream())
    yield connection
    await connection.close()
