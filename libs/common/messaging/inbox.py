"""The inbox: hands the facts of another service to the subscribed methods, once each, and parks what keeps failing."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import prometheus_client
import structlog
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from structlog.contextvars import bound_contextvars

from libs.common.domain.errors import Exhausted, TooLate, Unavailable
from libs.common.messaging.cloud_events import read_sequence, read_time
from libs.common.messaging.consumer import Consumer
from libs.common.messaging.parking import Parking
from libs.common.messaging.subscription import Subscription
from libs.common.rpc.context import CallContext, digest_bytes
from libs.common.rpc.mapping import decode
from libs.common.store.database import Database, as_refusal
from libs.common.store.transaction import Document

log = structlog.get_logger()

#: Refusals that say nothing about the fact, only that a dependency is away or busy: the fact is retried for ever.
TRANSIENT = (Unavailable, TooLate, Exhausted)
#: A handled fact may wait this long for its commit before that counts as a failed try.
DEADLINE_SECONDS = 30.0
#: Facts whose failed tries are counted at the same time.
MAX_FAILING = 10_000
#: NAKs of an unknown message type, for replicas of another version, before it is acknowledged unhandled.
MAX_UNKNOWN_DELIVERIES = 30
BATCH = 256

FACTS_HANDLED = prometheus_client.Counter("hatchery_facts_handled", "Facts that took effect.", ("source",))
FACT_LAG = prometheus_client.Histogram(
    "hatchery_fact_lag_seconds",
    "From a fact's commit to its effect.",
    ("source",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class Inbox:
    """Handles the facts of one other service.

    A fact is acknowledged after its effect is committed. It is tried `max_tries` times, with a pause of
    `backoff_seconds` that doubles, and then parked; the facts behind it are not held up.
    """

    def __init__(
        self,
        database: Database,
        connection: Client,
        service: str,
        source: str,
        subscriptions: Sequence[Subscription],
        *,
        max_tries: int = 5,
        backoff_seconds: float = 1.0,
    ) -> None:
        self.service, self.source = service, source
        self._parking = Parking(database)
        self._subscriptions: Mapping[str, Subscription] = {each.type: each for each in subscriptions}
        self._max_tries = max_tries
        self._backoff_seconds = backoff_seconds
        self._failures: Counter[str] = Counter()
        self.consumer = Consumer(connection, source.upper(), service, self._subscriptions, BATCH)

    async def run(self) -> None:
        """Fetch and handle facts until cancelled; start again when the connection fails."""
        while True:
            try:
                await self.consumer.ensure()
                async with aclosing(self.consumer.batches()) as batches:
                    async for messages in batches:
                        await asyncio.gather(*(self._handle(message) for message in messages))
            except NotFoundError:
                await asyncio.sleep(0.2)  # the other service has not created its stream yet
            except Exception as error:
                log.warning("inbox_interrupted", source=self.source, error=type(error).__name__)
                await asyncio.sleep(0.2)

    async def _handle(self, message: Msg) -> None:
        if message.subject not in self._subscriptions:
            await self._pass_on(message)
            return
        identifier = f"{self.source}-{message.metadata.sequence.stream}"
        try:
            await self.apply(message.headers or {}, message.data)
        except Exception as error:  # whatever it is, it must not hold up the others
            await self._retry_or_park(identifier, message, error)
            return
        self._failures.pop(identifier, None)
        if message.metadata.num_delivered > 1:  # a replica may have parked it, and its acknowledgement been lost
            await self._parking.release(identifier)
        await message.ack()

    async def _pass_on(self, message: Msg) -> None:
        """Leave an unknown type to replicas of the version that subscribes to it, as long as there may be any."""
        if message.metadata.num_delivered < MAX_UNKNOWN_DELIVERIES:
            await message.nak(delay=self._backoff_seconds)
        else:
            log.warning("fact_unhandled", source=self.source, type=message.subject)
            await message.ack()

    async def apply(self, headers: Mapping[str, str], body: bytes) -> None:
        """Apply one fact. A repeat has no further effect."""
        subscription = self._subscriptions[headers["ce-type"]]
        committed = read_time(headers)
        payload = decode(subscription.message.FromString(body), subscription.payload).at(read_sequence(headers))
        ctx = CallContext(
            actor=f"services/{self.service}",
            command=headers["ce-type"],
            request_id=f"{self.source}.{headers['ce-id']}",  # ids are unique within their source only
            # Of the bytes as published: a version that knows more fields would serialize the message otherwise.
            digest=digest_bytes(headers["ce-type"], body),
            deadline=asyncio.get_running_loop().time() + DEADLINE_SECONDS,
            traceparent=headers.get("traceparent", ""),
            unguarded=True,
        )
        with bound_contextvars(request_id=ctx.request_id, trace_id=ctx.trace_id):
            await subscription.method(payload, ctx)
        FACTS_HANDLED.labels(self.source).inc()
        FACT_LAG.labels(self.source).observe((datetime.now(UTC) - committed).total_seconds())

    async def _retry_or_park(self, identifier: str, message: Msg, error: Exception) -> None:
        """Have the fact redelivered, or park it. While a dependency is away, tries do not count."""
        refusal = as_refusal(error)
        if isinstance(refusal, TRANSIENT):
            log.warning("fact_waits", source=self.source, fact=identifier, reason=refusal.reason)
            await message.nak(delay=self._backoff_seconds)
            return
        log.warning("fact_failed", source=self.source, fact=identifier, exc_info=error)
        self._failures[identifier] += 1
        if len(self._failures) > MAX_FAILING:
            del self._failures[next(iter(self._failures))]  # the oldest: most likely another replica finished it
        tries = self._failures[identifier]
        if tries < self._max_tries:
            await message.nak(delay=self._backoff_seconds * 2 ** (tries - 1))
            return
        await self._parking.park(identifier, self.source, message.headers or {}, message.data, error, tries)
        await message.ack()
        self._failures.pop(identifier, None)

    async def replay(self, parked: Document) -> None:
        """Handle a parked fact again, and release it on success."""
        await self.apply(parked["headers"], bytes(parked["body"]))
        await self._parking.release(parked["_id"])
        log.info("fact_replayed", source=self.source, fact=parked["_id"])

    def to_json(self, parked: Document) -> str:
        """Return a parked fact's message as JSON, or its bytes in hexadecimal when it cannot be read."""
        subscription = self._subscriptions.get(parked["headers"].get("ce-type", ""))
        body = bytes(parked["body"])
        try:
            if subscription is not None:
                return MessageToJson(subscription.message.FromString(body), preserving_proto_field_name=True)
        except (ValueError, DecodeError):
            pass
        return body.hex()
