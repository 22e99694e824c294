"""JetStream as an administrator uses it: create the stream of halls, count and read what it holds."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import NotFoundError

from libs.cli.servers.nats import Nats
from tests.support.waiting import eventually

STREAM = "HALLS"


async def connect(server: Nats, user: str, **options: Any) -> Client:
    """Connect as one of the server's users, as a service does."""
    seed = server.seed_file(user)
    keys = {"nkeys_seed": str(seed)} if seed else {}
    return await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, **keys, **options)


async def create_empty_stream(stream: JetStreamContext, name: str = STREAM) -> None:
    """Create a stream; one that exists is deleted first."""
    with suppress(NotFoundError):
        await stream.delete_stream(name)
    subjects = [f"hatchery.{name.lower()}.>"]
    await stream.add_stream(StreamConfig(name=name, subjects=subjects, duplicate_window=600))


async def count(connection: Client) -> int:
    """Return how many facts the stream holds."""
    return (await connection.jetstream().stream_info(STREAM)).state.messages


async def until_published(connection: Client, facts: int) -> None:
    """Wait until the stream holds so many facts."""

    async def all_there() -> bool:
        return await count(connection) == facts

    await eventually(all_there, 20)


async def read_all(connection: Client) -> list[Msg]:
    """Return all that the stream holds, in order."""
    stream, wanted = connection.jetstream(), await count(connection)
    if not wanted:
        return []
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    reader = await stream.pull_subscribe("hatchery.>", stream=STREAM, config=config)
    messages: list[Msg] = []
    with suppress(NatsTimeoutError):
        while len(messages) < wanted:
            messages += await reader.fetch(min(wanted - len(messages), 500), timeout=5)
    await reader.unsubscribe()
    return messages


def headers_of(message: Msg) -> Mapping[str, str]:
    """Return a message's headers."""
    return dict(message.headers or {})


async def sequences_by_subject(connection: Client) -> dict[str, list[int]]:
    """Return the versions of each entity in the order in which the stream holds its facts."""
    found: dict[str, list[int]] = {}
    for message in await read_all(connection):
        headers = headers_of(message)
        found.setdefault(headers["ce-subject"], []).append(int(headers["ce-sequence"]))
    return found


async def is_reachable(connection: Client) -> bool:
    """Whether the server answers on this connection and has the stream."""
    with suppress(NatsError):
        return bool(await connection.jetstream().stream_info(STREAM))
    return False


async def configure_consumer(connection: Client, consumer: str, **settings: Any) -> None:
    """Change settings of a consumer, once it exists."""
    stream = connection.jetstream()

    async def changed() -> bool:
        with suppress(NotFoundError):
            config = (await stream.consumer_info(STREAM, consumer)).config
            return bool(await stream.add_consumer(STREAM, config.evolve(**settings)))
        return False

    await eventually(changed)
