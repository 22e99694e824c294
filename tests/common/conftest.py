"""What the tests of the house share: a database for each test, a store on it whose loop runs, a NATS server."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
import structlog
from nats.aio.client import Client
from pymongo.read_concern import ReadConcern

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.cli.servers import Mongo, Nats, start_nats
from libs.common.clock import Clock
from libs.common.documents import Documents, Driver
from tests.common.halls import SETTINGS, Halls, running
from tests.common.streams import connect, make_stream

# Failures are provoked here by the dozen; structlog's own default draws each with all that its frames hold.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]
)

DRIVER = cast("Driver", os.environ.get("HATCHERY_MONGO_DRIVER", "motor"))


@pytest.fixture
async def documents(mongo: Mongo) -> AsyncIterator[Documents]:
    """A database of the test's own, by the driver that the run is told to use."""
    opened = Documents(mongo.admin_uri, f"t{os.urandom(5).hex()}", DRIVER)
    yield opened
    await opened.database.client.drop_database(opened.database.name)
    await opened.close()


@pytest.fixture
async def witness(mongo: Mongo, documents: Documents) -> AsyncIterator[Any]:
    """The same database as another client sees it, who is told only what a majority has."""
    opened = Documents(mongo.admin_uri, documents.database.name, DRIVER)
    yield opened.database.with_options(read_concern=ReadConcern("majority"))
    await opened.close()


@pytest.fixture
async def halls(documents: Documents) -> AsyncIterator[Halls]:
    """A store whose loop runs."""
    async with running(documents) as store:
        yield store


@pytest.fixture
async def still(documents: Documents) -> Halls:
    """A store whose loop does not run yet, so that what is asked for arrives together."""
    store = Halls(documents, facts_pb2, Clock(), SETTINGS)
    await store.prepare()
    return store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server for the tests of a file."""
    started = start_nats(tmp_path_factory.mktemp("nats"))
    yield started
    started.stop()


@pytest.fixture
async def admin(server: Nats) -> AsyncIterator[Client]:
    """A connection of the one who may do everything, beside an empty stream of spaces."""
    connection = await connect(server, "admin")
    await make_stream(connection.jetstream())
    yield connection
    await connection.close()
