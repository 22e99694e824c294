"""What all tests share: one real MongoDB for a run, a world of services for a file, ways to wait and to read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from hypothesis import HealthCheck, settings

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.spaces.v1 import spaces_pb2_grpc
from libs.api.hatchery.startups.v1 import startups_pb2_grpc
from libs.cli.servers import Mongo, start_mongo
from libs.common.clock import Clock
from tests.running import Api, World

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("house")

SERVERS = {"mongo", "world", "town", "land", "spaces", "startups", "documents"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers, by the fixtures that it asks for."""
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    """A real MongoDB for the whole run."""
    server = start_mongo(tmp_path_factory.mktemp("mongo"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def world(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A NATS server and databases of their own for the tests of a file."""
    made = World(tmp_path_factory.mktemp("world"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def spaces(world: World) -> AsyncIterator[Api]:
    """A running spaces, asked as an admin unless a token is given."""
    replica = world.start("spaces")
    async with aio.insecure_channel(replica.address) as channel:
        yield Api(channel, spaces_pb2_grpc, "SpaceService", world.token())


@pytest.fixture(scope="module")
async def startups(world: World) -> AsyncIterator[Api]:
    """A running startups, asked as an admin unless a token is given."""
    replica = world.start("startups")
    async with aio.insecure_channel(replica.address) as channel:
        yield Api(channel, startups_pb2_grpc, "StartupService", world.token())


class Refused:
    """What a refused call says: its code, its reason, and the fields that are wrong with their reasons."""

    def __init__(self, error: aio.AioRpcError) -> None:
        self.code: StatusCode = error.code()
        self.message = error.details() or ""
        self.reason, self.fields, self.metadata = "", {}, {}
        trailing = error.trailing_metadata() or ()
        packed: Any = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
        for detail in Status.FromString(packed).details:
            info, wrong = ErrorInfo(), BadRequest()
            if detail.Unpack(info):
                self.reason, self.metadata = info.reason, dict(info.metadata)
            if detail.Unpack(wrong):
                self.fields = {violation.field: violation.reason for violation in wrong.field_violations}


async def refused(call: Awaitable[object]) -> Refused:
    """The refusal of a call; fails when it succeeds."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return Refused(caught.value)


async def eventually(holds: Callable[[], Awaitable[object]], seconds: float = 10) -> None:
    """Wait until the condition holds; fails with the last error when it does not in time."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            if await holds():
                return
        except AssertionError:
            if asyncio.get_running_loop().time() > until:
                raise
        if asyncio.get_running_loop().time() > until:
            pytest.fail("the condition did not come to hold in time")
        await asyncio.sleep(0.02)


def lastingly(holds: Callable[[], Awaitable[object]], looks: int = 3) -> Callable[[], Awaitable[bool]]:
    """Whether the condition held each of the last times that it was looked at.

    For what a server learns of a moment late: a consumer counts a fact shortly after the stream has acknowledged it.
    """
    held = 0

    async def held_on() -> bool:
        nonlocal held
        before, held = held, 0  # a look that fails counts as one that found nothing
        held = before + 1 if await holds() else 0
        return held >= looks

    return held_on


def unsettled(status: op.Status) -> list[str]:
    """What a service has yet to tell, or to heed of the one other; an inbox that its status leaves out may be busy."""
    found = [f"{status.untold} untold"] if status.untold else []
    found += ["an inbox that nobody can look into"] if len(status.inboxes) != 1 else []
    return found + [
        f"{inbox.waiting} waiting, {inbox.in_hand} in hand from {inbox.source}"
        for inbox in status.inboxes
        if inbox.waiting or inbox.in_hand
    ]


@asynccontextmanager
async def under_way(coroutine: Any) -> AsyncIterator["asyncio.Task[None]"]:
    """A coroutine that runs as long as the block does."""
    task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        while not task.done():
            task.cancel()  # again, for a client that has its answer at this very moment loses a cancellation
            await asyncio.wait([task], timeout=0.5)
        if not task.cancelled():
            task.result()


class Given(Clock):
    """A clock that stands where it was put."""

    def __init__(self, instant: datetime = datetime(2026, 3, 1, 8, tzinfo=UTC)) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, **time: float) -> None:
        """Let so much time go by, in the words of timedelta."""
        self.instant += timedelta(**time)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).parent.parent
