"""A durable JetStream pull consumer, named after the subscribing service."""

import contextlib
import json
from collections.abc import AsyncGenerator, Collection

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

log = structlog.get_logger()

#: What the server answers when a pull request has delivered all it could.
_PULL_ENDED = frozenset({"404", "408"})
#: What the server answers about a consumer whose stream does not exist.
_NO_STREAM = 10059
_PULL_SECONDS = 1


class ConsumerLostError(Exception):
    """The server no longer has the consumer; it must be created again."""


class Consumer:
    """Delivers the subscribed subjects of one service's stream."""

    def __init__(self, connection: Client, stream: str, durable: str, subjects: Collection[str], batch: int) -> None:
        self._connection = connection
        self._jetstream = connection.jetstream()
        self._stream, self._durable = stream, durable
        self._subjects = set(subjects)
        self._batch = batch

    async def ensure(self) -> None:
        """Create the consumer, or recreate one that filters out some of the subjects.

        Reading the stream from the start again is harmless, because the journal recognises what was handled.
        Subjects of another version stay in the filter: its replicas may run at the same time. NotFoundError
        while the stream does not exist.
        """
        wanted = set(self._subjects)
        with contextlib.suppress(NotFoundError):
            config = (await self._jetstream.consumer_info(self._stream, self._durable)).config
            delivered = {*(config.filter_subjects or ()), config.filter_subject} - {None, ""}
            if wanted <= delivered:
                return
            wanted |= delivered
            await self._jetstream.delete_consumer(self._stream, self._durable)
            log.info("consumer_recreated", stream=self._stream, subjects=sorted(wanted))
        await self._jetstream.add_consumer(
            self._stream,
            ConsumerConfig(
                durable_name=self._durable,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=10,  # a fact that is redelivered while it is being committed finds the first reply
                max_ack_pending=self._batch * 4,
                filter_subjects=sorted(wanted),
            ),
        )

    async def batches(self) -> AsyncGenerator[list[Msg], None]:
        """Yield what has arrived, batch by batch, keeping one pull request open. ConsumerLostError when it is gone."""
        inbox = self._connection.new_inbox()
        replies = await self._connection.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._durable}"
        request = json.dumps({"batch": self._batch, "expires": _PULL_SECONDS * 1_000_000_000}).encode()
        try:
            while True:
                await self._connection.publish(subject, request, reply=inbox)
                received, ended = 0, False
                while received < self._batch and not ended:
                    messages = [await replies.next_msg(timeout=_PULL_SECONDS + 1)]
                    while replies.pending_msgs:
                        messages.append(await replies.next_msg(timeout=1))
                    facts = [message for message in messages if message.reply]
                    received += len(facts)
                    if facts:
                        yield facts
                    ended = _has_ended(messages)
        finally:
            with contextlib.suppress(NatsError):
                await replies.unsubscribe()

    async def lag(self) -> tuple[int, int] | None:
        """Return how many facts are pending and how many are delivered but not acknowledged.

        Zeros while the other service has no stream; None while it cannot be determined.
        """
        try:
            info = await self._jetstream.consumer_info(self._stream, self._durable, timeout=1)
        except NotFoundError as error:
            return (0, 0) if error.err_code == _NO_STREAM else None
        except NatsError:
            return None
        return info.num_pending or 0, info.num_ack_pending or 0


def _has_ended(messages: list[Msg]) -> bool:
    """Whether the pull request is used up. ConsumerLostError for any other status."""
    statuses = [(message.headers or {}).get("Status") for message in messages if not message.reply]
    if any(status not in _PULL_ENDED for status in statuses):
        raise ConsumerLostError
    return bool(statuses)
