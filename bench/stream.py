"""JetStream as an engineer sees it: how many facts a stream keeps, how to put some there, what a publish costs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.js.api import RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import NotFoundError

from libs.cli.servers import Nats

T = TypeVar("T")
Fact = tuple[str, bytes, dict[str, str]]
TOGETHER = 64


def ask(server: Nats, what: Callable[[Client], Awaitable[T]]) -> T:
    """Do something with a connection that may do everything."""

    async def connected() -> T:
        connection = await open_connection(server)
        try:
            return await what(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


async def open_connection(server: Nats) -> Client:
    """A connection that may do everything."""
    seed = server.admin_seed_file
    options = {"nkeys_seed": str(seed)} if seed else {}
    return await nats.connect(server.url, **options)


def kept(server: Nats, stream: str) -> int:
    """How many facts a stream keeps; none while it is not there."""

    async def count(connection: Client) -> int:
        try:
            return (await connection.jetstream().stream_info(stream)).state.messages
        except NotFoundError:
            return 0

    return ask(server, count)


async def make_stream(connection: Client, name: str, subject: str) -> None:
    """A stream as the services make theirs."""
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
    """Put facts into a stream, each acknowledged."""

    async def put(connection: Client) -> None:
        await make_stream(connection, stream, subject)
        said, rest = connection.jetstream(), list(facts)
        for start in range(0, len(rest), TOGETHER):
            some = rest[start : start + TOGETHER]
            await asyncio.gather(*(said.publish(kind, body, headers=headers) for kind, body, headers in some))

    ask(server, put)
