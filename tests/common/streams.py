"""The stream of spaces' facts in the tests: made as the house makes it, written to and read as an engineer would."""

from contextlib import suppress
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import NotFoundError

from libs.cli.servers import Nats

STREAM = "SPACES"


async def connect(server: Nats, user: str, **options: Any) -> Client:
    """A connection of one user, as a service opens it."""
    seed = server.seed_file(user)
    keys = {"nkeys_seed": str(seed)} if seed else {}
    return await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, **keys, **options)


async def make_stream(stream: JetStreamContext) -> None:
    """An empty stream, whatever was there before."""
    with suppress(NotFoundError):
        await stream.delete_stream(STREAM)
    await stream.add_stream(StreamConfig(name=STREAM, subjects=["hatchery.spaces.>"], duplicate_window=600))


async def count(stream: JetStreamContext) -> int:
    """How many facts the stream keeps."""
    return (await stream.stream_info(STREAM)).state.messages


async def told(stream: JetStreamContext) -> list[Msg]:
    """All that the stream keeps, in order."""
    most = await count(stream)
    if not most:
        return []
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    reader = await stream.pull_subscribe("hatchery.>", stream=STREAM, config=config)
    messages: list[Msg] = []
    with suppress(NatsTimeoutError):
        while len(messages) < most:
            messages += await reader.fetch(min(most - len(messages), 500), timeout=5)
    await reader.unsubscribe()
    return messages
