"""JetStream with an administrator's rights: count the facts of a stream, publish facts, measure a publish."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.js.api import RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import NotFoundError

from libs.cli.servers.nats import Nats

T = TypeVar("T")
#: Subject, body and headers.
Fact = tuple[str, bytes, dict[str, str]]
BATCH = 64


def run_connected(server: Nats, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run work with an administrator's connection."""

    async def connected() -> T:
        connection = await open_connection(server)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


async def open_connection(server: Nats) -> Client:
    """Open an administrator's connection."""
    seed = server.admin_seed_file
    options = {"nkeys_seed": str(seed)} if seed else {}
    return await nats.connect(server.url, **options)


def count_facts(server: Nats, stream: str) -> int:
    """Return how many facts a stream holds; 0 while it does not exist."""

    async def count(connection: Client) -> int:
        try:
            return (await connection.jetstream().stream_info(stream)).state.messages
        except NotFoundError:
            return 0

    return run_connected(server, count)


async def create_stream(connection: Client, name: str, subject: str) -> None:
    """Create a stream with the settings that the services use."""
    config = StreamConfig(
        name=name,
        subjects=[subject],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        compression=StoreCompression.S2,
        duplicate_window=600,
    )
    await connection.jetstream().add_stream(config)


def publish(server: Nats, stream: str, subject: str, facts: Iterable[Fact]) -> None:
    """Publish facts to a stream, each acknowledged."""

    async def publish_all(connection: Client) -> None:
        await create_stream(connection, stream, subject)
        jetstream, rest = connection.jetstream(), list(facts)
        for start in range(0, len(rest), BATCH):
            batch = rest[start : start + BATCH]
            await asyncio.gather(*(jetstream.publish(kind, body, headers=headers) for kind, body, headers in batch))

    run_connected(server, publish_all)
