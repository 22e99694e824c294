"""The relay: tells the facts of a service's journal to the stream, in order, from one process at a time."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from nats.aio.client import Client
from nats.js.api import Header, RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import BadRequestError
from pymongo.errors import OperationFailure, PyMongoError

from libs.common import journal, metrics
from libs.common.documents import Document, Documents

log = structlog.get_logger()

POSITIONS = "positions"
#: Clocks of replicas may differ by so much; a scan starts so much before the place last known.
MARGIN = timedelta(minutes=1)
#: Seconds between two looks back while facts come without a pause; after a crash so much is told twice.
KEPT_EVERY = 0.1
_TOGETHER = 256
_ONLY_FACTS: Sequence[Document] = (
    {"$match": {"operationType": "insert", "fullDocument.facts": {"$exists": True}}},
    {"$project": {"fullDocument._id": 1, "fullDocument.at": 1, "fullDocument.facts": 1, "fullDocument.traceparent": 1}},
)
#: What the server answers when a place has left the oplog, or was none.
_PLACE_LOST = frozenset({9, 260, 280, 286})
#: What JetStream answers when a stream of that name is there with other settings.
_STREAM_DIFFERS = 10058
#: What it answers to a fact that does not come right behind the one it names.
_NOT_BEHIND = 10070
_FACTS = {"at": 1, "facts": 1, "traceparent": 1}


class LeaseLostError(Exception):
    """Another process tells the facts now."""


class Relay:
    """Follows the journal by a change stream and keeps its place; scans when that place is lost.

    What is told twice bears the same Nats-Msg-Id twice, and takes effect once.
    """

    def __init__(
        self, documents: Documents, connection: Client, service: str, lease: timedelta, *, stream_replicas: int = 1
    ) -> None:
        self._documents = documents
        self._connection = connection
        self._service = service
        self._lease = lease
        self._stream_replicas = stream_replicas
        self._me = os.urandom(6).hex()
        self._stream = connection.jetstream()
        self.is_telling = False

    async def run(self) -> None:
        """Wait for the lease, tell facts while it is held, begin again when anything fails; leave the lease behind."""
        try:
            while True:
                try:
                    place = await self._take_lease() if self._connection.is_connected else None
                    if place is not None:
                        await self._tell_on(place)
                    await asyncio.sleep(self._lease.total_seconds() / 3)
                except Exception as error:
                    log.warning("relay_interrupted", error=type(error).__name__)
                    await asyncio.sleep(0.2)
                finally:
                    self.is_telling = False
                    metrics.RELAYING.set(0)
        finally:
            with contextlib.suppress(PyMongoError, TimeoutError):
                async with asyncio.timeout(1):
                    mine = {"_id": "relay", "holder": self._me}
                    await self._documents.collection(POSITIONS).update_one(mine, {"$unset": {"until": 1}})

    async def _take_lease(self) -> Document | None:
        """Our place in the journal, if nobody else holds the lease; by the server's clock, not by ours."""
        free = {"$or": [{"$eq": ["$holder", self._me]}, {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}]}
        until = {"$add": ["$$NOW", int(self._lease.total_seconds() * 1000)]}
        taken = {
            "holder": {"$cond": [free, self._me, "$holder"]},
            "until": {"$cond": [free, until, "$until"]},
        }
        place = await self._documents.collection(POSITIONS).find_one_and_update(
            {"_id": "relay"}, [{"$set": taken}], upsert=True, return_document=True
        )
        return place if place is not None and place["holder"] == self._me else None

    async def _keep(self, token: Any, at: datetime | None) -> None:
        """Renew the lease and remember how far we are, as long as the lease is ours."""
        fields: Document = {"until": {"$add": ["$$NOW", int(self._lease.total_seconds() * 1000)]}}
        if token is not None:
            fields["token"] = {"$literal": token}
        if at is not None:
            fields["told"] = {"$max": ["$told", at]}
        kept = await self._documents.collection(POSITIONS).update_one(
            {"_id": "relay", "holder": self._me}, [{"$set": fields}]
        )
        if not kept.matched_count:
            raise LeaseLostError

    async def _ensure_stream(self) -> None:
        """Make the stream that keeps our facts, without an age limit; one that an engineer has set up is let be."""
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
            await self._stream.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _STREAM_DIFFERS:
                raise
            log.warning("stream_differs", error=error.description)

    async def _tell_on(self, place: Document) -> None:
        await self._ensure_stream()
        self.is_telling = True
        metrics.RELAYING.set(1)
        try:
            await self._follow(place.get("token"), place.get("told"))
        except OperationFailure as error:
            if place.get("token") is None or error.code not in _PLACE_LOST:
                raise
            log.warning("relay_place_lost", code=error.code)
            positions = self._documents.collection(POSITIONS)
            await positions.update_one({"_id": "relay", "holder": self._me}, {"$unset": {"token": 1}})

    async def _follow(self, token: Document | None, told: datetime | None) -> None:
        """Tell what the feed gives, from our place on; without one, first what was committed before the feed began."""
        async with self._documents.feed(journal.NAME, _ONLY_FACTS, token) as feed:
            log.info("relay_started", resumed=token is not None)
            if token is None:
                await self._scan(told)
            unkept: datetime | None = None
            kept_at = float("-inf")
            while True:
                changes = await feed.next(wait=KEPT_EVERY if unkept else 0.5, most=_TOGETHER)
                entries = [change["fullDocument"] for change in changes]
                if entries:
                    await self._tell(entries)
                    unkept = entries[-1]["at"] if unkept is None else max(unkept, entries[-1]["at"])
                now = asyncio.get_running_loop().time()
                rest = KEPT_EVERY if entries else 0.0
                if unkept is None:
                    rest = self._lease.total_seconds() / 3  # only the lease is to be renewed
                if now >= kept_at + rest:
                    await self._keep(feed.token, unkept)
                    unkept, kept_at = None, now

    async def _scan(self, told: datetime | None) -> None:
        """Tell everything since the time last known, or ever, from the journal itself."""
        where: Document = {"facts": {"$exists": True}}
        if told is not None:
            where["at"] = {"$gte": told - MARGIN}
        found = self._documents.collection(journal.NAME).find(where, _FACTS).sort([("at", 1), ("_id", 1)])
        entries: list[Document] = []
        async for entry in found:
            if len(entries) >= _TOGETHER and entry["at"] != entries[-1]["at"]:
                await self._tell_again(entries)
                entries = []
            entries.append(entry)
        if entries:
            await self._tell_again(entries)

    async def _tell_again(self, entries: list[Document]) -> None:
        """Within one millisecond only the versions know the order."""
        entries.sort(key=lambda entry: (entry["at"], entry["facts"][0]["sequence"]))
        await self._tell(entries)
        await self._keep(None, entries[-1]["at"])

    async def _tell(self, entries: Sequence[Document]) -> None:
        """Publish the entries' facts in order; when this returns, the stream has them all.

        Each names the one before it, and the stream takes it only right behind that one. So no failure turns two facts
        round, and the acknowledgement of the last, which alone is asked for, is one of all: an answer for each costs as
        much as the fact. Where the stream has some already, in another order, they are told one by one.
        """
        told = [
            (fact["type"], bytes(fact["body"]), self._headers(entry, place, fact))
            for entry in entries
            for place, fact in enumerate(entry["facts"])
        ]
        try:
            async with asyncio.timeout(3):  # while NATS is away, even handing a message to the client may not end
                await self._tell_chained(told)
        except BadRequestError as error:
            if error.err_code != _NOT_BEHIND:
                raise
            for subject, body, headers in told:
                async with asyncio.timeout(3):
                    await self._stream.publish(subject, body, timeout=3, headers=headers)
        metrics.FACTS_TOLD.inc(len(told))

    async def _tell_chained(self, told: Sequence[tuple[str, bytes, dict[str, str]]]) -> None:
        behind: dict[str, str] = {}
        for subject, body, headers in told[:-1]:
            await self._connection.publish(subject, body, headers=headers | behind)
            behind = {Header.EXPECTED_LAST_MSG_ID: headers["Nats-Msg-Id"]}
        subject, body, headers = told[-1]
        await self._stream.publish(subject, body, timeout=3, headers=headers | behind)

    def _headers(self, entry: Document, place: int, fact: Document) -> dict[str, str]:
        """CloudEvents in binary mode."""
        name = f"{entry['_id']}.{place}"
        headers = {
            "Nats-Msg-Id": name,
            "ce-specversion": "1.0",
            "ce-id": name,
            "ce-source": f"/{self._service}",
            "ce-type": fact["type"],
            "ce-subject": fact["subject"],
            "ce-time": entry["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ce-sequence": str(fact["sequence"]),
            "content-type": "application/protobuf",
        }
        if entry.get("traceparent"):
            headers["traceparent"] = entry["traceparent"]
        return headers


async def untold(documents: Documents) -> int:
    """How many journal entries hold facts that are not told yet, to the millisecond."""
    place = await documents.collection(POSITIONS).find_one({"_id": "relay"}) or {}
    where: Document = {"facts": {"$exists": True}}
    if place.get("told") is not None:
        where["at"] = {"$gt": place["told"]}
    return await documents.collection(journal.NAME).count_documents(where)
