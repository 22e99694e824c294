"""The relay: publishes the facts of a service's journal to its stream, in order, from one process at a time."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from nats.aio.client import Client
from nats.js.api import Header, RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import BadRequestError
from prometheus_client import Counter, Gauge
from pymongo.errors import OperationFailure

from libs.common.messaging.checkpoint import Checkpoint
from libs.common.messaging.cloud_events import write_headers
from libs.common.store import journal
from libs.common.store.change_feed import open_feed
from libs.common.store.database import Database
from libs.common.store.transaction import Document

log = structlog.get_logger()

#: Clocks of replicas may differ by this much; a scan starts this much before the last known time.
CLOCK_SKEW = timedelta(minutes=1)
#: Seconds between two checkpoints while facts keep coming; after a crash this much is published again.
CHECKPOINT_SECONDS = 0.1
BATCH = 256
_ONLY_FACTS: Sequence[Document] = (
    {"$match": {"operationType": "insert", "fullDocument.facts": {"$exists": True}}},
    {"$project": {"fullDocument._id": 1, "fullDocument.at": 1, "fullDocument.facts": 1, "fullDocument.traceparent": 1}},
)
_FACT_FIELDS = {"at": 1, "facts": 1, "traceparent": 1}
#: What MongoDB answers to a resume token that has left the oplog, or is not one.
_TOKEN_LOST = frozenset({9, 260, 280, 286})
#: What JetStream answers when a stream of that name exists with other settings.
_STREAM_DIFFERS = 10058
#: What JetStream answers to a message that does not directly follow the one it names.
_WRONG_LAST_ID = 10070

FACTS_PUBLISHED = Counter("hatchery_facts_published", "Facts that the stream has acknowledged.")
RELAY_ACTIVE = Gauge("hatchery_relay_active", "1 while this process publishes the service's facts.")


class Relay:
    """Follows the journal by a change feed from its checkpoint; scans when the resume token is lost.

    A fact that is published again has the same Nats-Msg-Id and takes effect once.
    """

    def __init__(
        self,
        database: Database,
        connection: Client,
        service: str,
        *,
        lease_seconds: float,
        stream_replicas: int = 1,
    ) -> None:
        self._database = database
        self._connection = connection
        self._jetstream = connection.jetstream()
        self._service = service
        self._lease_seconds = lease_seconds
        self._stream_replicas = stream_replicas
        self._checkpoint = Checkpoint(database, lease_seconds)
        self.is_active = False

    async def run(self) -> None:
        """Publish while holding the lease, start again after any failure, and release the lease at the end."""
        try:
            while True:
                try:
                    checkpoint = await self._checkpoint.acquire() if self._connection.is_connected else None
                    if checkpoint is not None:
                        await self._publish_from(checkpoint)
                    await asyncio.sleep(self._lease_seconds / 3)
                except Exception as error:
                    log.warning("relay_interrupted", error=type(error).__name__)
                    await asyncio.sleep(0.2)
                finally:
                    self.is_active = False
                    RELAY_ACTIVE.set(0)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._checkpoint.release()

    async def _ensure_stream(self) -> None:
        """Create the stream, without an age limit. An existing stream with other settings is left unchanged."""
        config = StreamConfig(
            name=self._service.upper(),
            subjects=[f"hatchery.{self._service}.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            compression=StoreCompression.S2,
            num_replicas=self._stream_replicas,
            duplicate_window=600,
        )
        try:
            await self._jetstream.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _STREAM_DIFFERS:
                raise
            log.warning("stream_differs", error=error.description)

    async def _publish_from(self, checkpoint: Document) -> None:
        await self._ensure_stream()
        self.is_active = True
        RELAY_ACTIVE.set(1)
        try:
            await self._follow(checkpoint.get("token"), checkpoint.get("published_until"))
        except OperationFailure as error:
            if checkpoint.get("token") is None or error.code not in _TOKEN_LOST:
                raise
            log.warning("relay_token_lost", code=error.code)
            await self._checkpoint.forget_token()

    async def _follow(self, token: Document | None, published_until: datetime | None) -> None:
        """Publish what the feed returns. Without a token, first scan what was committed before the feed began."""
        async with open_feed(self._database, journal.COLLECTION, _ONLY_FACTS, token) as feed:
            log.info("relay_started", resumed=token is not None)
            if token is None:
                await self._scan(published_until)
            unsaved: datetime | None = None
            saved_at = float("-inf")
            while True:
                changes = await feed.next(wait_seconds=CHECKPOINT_SECONDS if unsaved else 0.5, limit=BATCH)
                entries = [change["fullDocument"] for change in changes]
                if entries:
                    await self._publish(entries)
                    # Replicas may commit in another order than they decide, so the last entry need not be the latest.
                    latest = max(entry["at"] for entry in entries)
                    unsaved = latest if unsaved is None else max(unsaved, latest)
                now = asyncio.get_running_loop().time()
                interval = CHECKPOINT_SECONDS if entries else 0.0
                if unsaved is None:
                    interval = self._lease_seconds / 3  # only the lease needs renewal
                if now >= saved_at + interval:
                    await self._checkpoint.save(feed.token, unsaved)
                    unsaved, saved_at = None, now

    async def _scan(self, published_until: datetime | None) -> None:
        """Publish everything since the last known time, or from the start, by reading the journal."""
        where: Document = {"facts": {"$exists": True}}
        if published_until is not None:
            where["at"] = {"$gte": published_until - CLOCK_SKEW}
        cursor = self._database.collection(journal.COLLECTION).find(where, _FACT_FIELDS).sort([("at", 1), ("_id", 1)])
        entries: list[Document] = []
        async for entry in cursor:
            if len(entries) >= BATCH and entry["at"] != entries[-1]["at"]:
                await self._publish_scanned(entries)
                entries = []
            entries.append(entry)
        if entries:
            await self._publish_scanned(entries)

    async def _publish_scanned(self, entries: list[Document]) -> None:
        """Publish in order. Entries of the same millisecond are ordered by the versions in their facts."""
        entries.sort(key=lambda entry: (entry["at"], entry["facts"][0]["sequence"]))
        await self._publish(entries)
        await self._checkpoint.save(None, entries[-1]["at"])

    async def _publish(self, entries: Sequence[Document]) -> None:
        """Publish the entries' facts in order; when this returns, the stream has all of them.

        Each message names the one before it, and the stream accepts it only directly behind that one. So no
        failure changes the order, and the acknowledgement of the last stands for all; one for each costs as
        much as the fact. Where the stream has some already, they may be there in another order, and all are
        published one by one.
        """
        messages = [
            (fact["type"], bytes(fact["body"]), write_headers(self._service, entry, index))
            for entry in entries
            for index, fact in enumerate(entry["facts"])
        ]
        async with asyncio.timeout(3):  # while NATS is away, even handing a message to the client may block
            complete = await self._publish_chained(messages)
        if not complete:
            for subject, body, headers in messages:
                async with asyncio.timeout(3):
                    await self._jetstream.publish(subject, body, timeout=3, headers=headers)
        FACTS_PUBLISHED.inc(len(messages))

    async def _publish_chained(self, messages: Sequence[tuple[str, bytes, dict[str, str]]]) -> bool:
        """Return whether the acknowledgement of the last message proves that the stream has all of them."""
        expected: dict[str, str] = {}
        for subject, body, headers in messages[:-1]:
            await self._connection.publish(subject, body, headers=headers | expected)
            expected = {Header.EXPECTED_LAST_MSG_ID: headers["Nats-Msg-Id"]}
        subject, body, headers = messages[-1]
        try:
            ack = await self._jetstream.publish(subject, body, timeout=3, headers=headers | expected)
        except BadRequestError as error:
            if error.err_code != _WRONG_LAST_ID:
                raise
            return False
        # The stream acknowledges a duplicate without looking at the message that it should follow.
        return not ack.duplicate or len(messages) == 1
