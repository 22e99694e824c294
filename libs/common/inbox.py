"""The inbox: hands the facts of other services to the methods that heed them, once each, and parks what fails."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import structlog
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError, Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from libs.common import metrics
from libs.common.asking import Asked, digest
from libs.common.documents import Document, Documents
from libs.common.errors import Exhausted, NotFound, TooLate, Unavailable
from libs.common.failing import refusal
from libs.common.mapping import decode
from libs.common.values import Value

log = structlog.get_logger()

PARKED = "parked"
#: What says nothing of a fact, only that something it needs is away or busy: it waits.
WAITS = (Unavailable, TooLate, Exhausted)
#: What the server answers when a request for facts has brought all that it could.
_SPENT = frozenset({"404", "408"})
#: Seconds that a heeded fact may wait for its commit before it counts as a failed try.
PATIENCE = 30.0
#: So many facts may be failing at a time, and each have its tries counted.
MOST_FAILING = 10_000
#: So often a kind that only another version of us heeds is left to a replica of that version, before it is let go.
_OFFERS = 30
#: What the server answers of a consumer when it has not even the stream.
_NO_STREAM = 10059


class Told(Value):
    """What a heeder needs to know of every fact: the entity, and the version of it that the fact tells of."""

    name: str
    sequence: int = 0

    def at(self, sequence: int) -> Self:
        """The same, told of this version."""
        return self.model_copy(update={"sequence": sequence})


@dataclass(frozen=True, slots=True)
class Heed:
    """A fact that is heeded: its message, the value it is read into, and the method that is called with it."""

    message: type[Message]
    value: type[Told]
    method: Callable[[Any, Asked], Awaitable[object]]


def sequence(headers: Mapping[str, str]) -> int:
    """The entity's version that a fact tells of; ValueError when the header is no such number."""
    number = int(headers["ce-sequence"])
    if not 0 < number < 1 << 63:
        raise ValueError(f"ce-sequence {number} is no version")
    return number


class ConsumerLostError(Exception):
    """The server knows our consumer no more; it must be made again."""


class Inbox:
    """The facts of one other service, by a durable pull consumer that bears the heeding service's name.

    A fact is acknowledged after its effect is committed. It is tried `tries` times, with a pause of
    `backoff` seconds that doubles, and then parked; meanwhile the facts behind it go on.
    """

    def __init__(
        self,
        documents: Documents,
        connection: Client,
        service: str,
        source: str,
        heeds: Sequence[Heed],
        *,
        tries: int = 5,
        backoff: float = 1.0,
        together: int = 256,
    ) -> None:
        self._documents = documents
        self._connection = connection
        self._stream = connection.jetstream()
        self.service, self.source = service, source
        self._heeds: Mapping[str, Heed] = {heed.message.DESCRIPTOR.full_name: heed for heed in heeds}
        self._tries = tries
        self._backoff = backoff
        self._together = together
        self._failures: Counter[str] = Counter()

    async def run(self) -> None:
        """Fetch and handle until cancelled; begin again when the connection fails."""
        while True:
            try:
                await self._ensure_consumer()
                await self._handle_on()
            except NotFoundError:
                await asyncio.sleep(0.2)  # the other service has not made its stream yet
            except Exception as error:
                log.warning("inbox_interrupted", source=self.source, error=type(error).__name__)
                await asyncio.sleep(0.2)

    async def _ensure_consumer(self) -> None:
        """Have a consumer that brings every kind we heed.

        One that brings fewer is made anew, because it has passed the others by; reading from the start is harmless,
        by the journal. Kinds that another version heeds stay in: its replicas may be running beside us.
        """
        stream, kinds = self.source.upper(), set(self._heeds)
        with contextlib.suppress(NotFoundError):
            known = (await self._stream.consumer_info(stream, self.service)).config
            brought = {*(known.filter_subjects or ()), known.filter_subject} - {None, ""}
            if kinds <= brought:
                return
            kinds |= brought
            await self._stream.delete_consumer(stream, self.service)
            log.info("consumer_remade", source=self.source, kinds=sorted(kinds))
        await self._stream.add_consumer(
            stream,
            ConsumerConfig(
                durable_name=self.service,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=10,  # what is delivered again while it is being committed finds the first answer
                max_ack_pending=self._together * 4,
                filter_subjects=sorted(kinds),
            ),
        )

    async def _handle_on(self) -> None:
        """Keep one request for facts standing; what has come by then is handled together."""
        inbox = self._connection.new_inbox()
        facts = await self._connection.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.source.upper()}.{self.service}"
        request = json.dumps({"batch": self._together, "expires": 1_000_000_000}).encode()
        try:
            while True:
                await self._connection.publish(subject, request, reply=inbox)
                await self._until_spent(facts)
        finally:
            with contextlib.suppress(NatsError):
                await facts.unsubscribe()

    async def _until_spent(self, facts: Subscription) -> None:
        """Handle what one request brings, until it has brought all that it asked for or has expired."""
        got = 0
        while got < self._together:
            messages = [await facts.next_msg(timeout=2)]
            while facts.pending_msgs:
                messages.append(await facts.next_msg(timeout=1))
            told = [message for message in messages if message.reply]
            if told:
                got += len(told)
                await asyncio.gather(*(self._handle(message) for message in told))
            for status in (message for message in messages if not message.reply):
                if (status.headers or {}).get("Status") not in _SPENT:
                    raise ConsumerLostError
                return

    async def _handle(self, message: Msg) -> None:
        if message.subject not in self._heeds:
            await self._leave(message)
            return
        name = f"{self.source}-{message.metadata.sequence.stream}"
        try:
            await self.heed(message.headers or {}, message.data)
        except Exception as error:  # whatever it is, it must not hold up the others
            await self._failed(name, message, error)
            return
        self._failures.pop(name, None)
        if message.metadata.num_delivered > 1:  # a replica may have parked it, and its acknowledgement been lost
            await self._documents.collection(PARKED).delete_one({"_id": name})
        await message.ack()

    async def _leave(self, message: Msg) -> None:
        """Leave a kind that another version of us heeds to one of its replicas, as long as there may be any."""
        if message.metadata.num_delivered < _OFFERS:
            await message.nak(delay=self._backoff)
        else:
            log.warning("fact_passed_over", source=self.source, type=message.subject)
            await message.ack()

    async def heed(self, headers: Mapping[str, str], body: bytes) -> None:
        """Let one fact take effect; a repeat of it takes none."""
        heed = self._heeds[headers["ce-type"]]
        message = heed.message.FromString(body)
        committed = datetime.fromisoformat(headers["ce-time"]).astimezone(UTC)
        told = decode(message, heed.value).at(sequence(headers))
        asked = Asked(
            actor=f"services/{self.service}",
            command=headers["ce-type"],
            request_id=f"{self.source}.{headers['ce-id']}",  # an id is one of its source's only
            digest=digest(headers["ce-type"], message),
            deadline=asyncio.get_running_loop().time() + PATIENCE,
            traceparent=headers.get("traceparent", ""),
        )
        await heed.method(told, asked)
        metrics.FACTS_HEEDED.labels(self.source).inc()
        metrics.FACT_LAG.labels(self.source).observe((datetime.now(UTC) - committed).total_seconds())

    async def _failed(self, name: str, message: Msg, error: Exception) -> None:
        """Have it delivered again, or park it; what only waits for a server to come back is no failure of the fact."""
        waits = refusal(error)
        if isinstance(waits, WAITS):
            log.warning("fact_waits", source=self.source, fact=name, reason=waits.reason)
            await message.nak(delay=self._backoff)
            return
        log.warning("fact_failed", source=self.source, fact=name, exc_info=error)
        self._failures[name] += 1
        if len(self._failures) > MOST_FAILING:
            del self._failures[next(iter(self._failures))]  # the oldest: another replica has finished it, most likely
        tries = self._failures[name]
        if tries < self._tries:
            await message.nak(delay=self._backoff * 2 ** (tries - 1))
            return
        await self._park(name, message, error, tries)
        await message.ack()
        self._failures.pop(name, None)

    async def _park(self, name: str, message: Msg, error: Exception, tries: int) -> None:
        headers = dict(message.headers or {})
        document: Document = {
            "source": self.source,
            "headers": headers,
            "body": message.data,
            "error": f"{type(error).__name__}: {error}"[:500],
            "tries": tries,
            "at": datetime.now(UTC),
        }
        await self._documents.collection(PARKED).replace_one({"_id": name}, document, upsert=True)
        metrics.FACTS_PARKED.labels(self.source).inc()
        log.error("fact_parked", source=self.source, fact=name, error=type(error).__name__)

    async def replay(self, parked: Document) -> None:
        """Handle a parked fact again, and on success forget that it was parked."""
        await self.heed(parked["headers"], bytes(parked["body"]))
        await self._documents.collection(PARKED).delete_one({"_id": parked["_id"]})
        log.info("fact_replayed", source=self.source, fact=parked["_id"])

    def readable(self, parked: Document) -> str:
        """What a parked fact says, as JSON; as hexadecimal digits when it cannot be read."""
        heed = self._heeds.get(parked["headers"].get("ce-type", ""))
        try:
            if heed is not None:
                return MessageToJson(heed.message.FromString(bytes(parked["body"])), preserving_proto_field_name=True)
        except (ValueError, DecodeError):
            pass
        return bytes(parked["body"]).hex()

    async def lag(self) -> tuple[int, int] | None:
        """How many facts wait, and how many are in hand; zeros while the other service has no stream.

        None while nobody can know: NATS does not answer, or our consumer is not made yet.
        """
        try:
            info = await self._stream.consumer_info(self.source.upper(), self.service, timeout=1)
        except NotFoundError as error:
            return (0, 0) if error.err_code == _NO_STREAM else None
        except NatsError:
            return None
        return info.num_pending or 0, info.num_ack_pending or 0


def not_parked(name: str) -> NotFound:
    """What to answer for a parked fact that is not there."""
    return NotFound("PARKED_FACT_NOT_FOUND", f"{name} is not parked", name=name)
