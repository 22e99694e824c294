"""The relay: tells the facts of a service's journal to the stream, in order, from one process at a time."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pymongo.errors import OperationFailure

from libs.common import journal, metrics
from libs.common.documents import Document, Documents

log = structlog.get_logger()

POSITIONS = "positions"
#: Clocks of replicas may differ by so much; a scan starts so much before the place last known.
MARGIN = timedelta(minutes=1)
_TOGETHER = 256
_ONLY_FACTS: Sequence[Document] = (
    {"$match": {"operationType": "insert", "fullDocument.facts": {"$exists": True}}},
    {"$project": {"fullDocument._id": 1, "fullDocument.at": 1, "fullDocument.facts": 1, "fullDocument.traceparent": 1}},
)
#: What the server answers when a place has left the oplog, or was none.
_PLACE_LOST = frozenset({260, 280, 286})
_FACTS = {"at": 1, "facts": 1, "traceparent": 1}


class NotToldError(Exception):
    """The stream did not take a fact."""


class LeaseLostError(Exception):
    """Another process tells the facts now."""


class Relay:
    """Follows the journal by a change stream and keeps its place; scans when that place is lost.

    What is told twice bears the same Nats-Msg-Id twice, and takes effect once.
    """

    def __init__(self, documents: Documents, connection: Client, service: str, lease: timedelta) -> None:
        self._documents = documents
        self._connection = connection
        self._source = f"/{service}"
        self._lease = lease
        self._me = os.urandom(6).hex()
        self.is_telling = False

    async def run(self) -> None:
        """Wait for the lease, tell facts while it is held, begin again when anything fails."""
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

    async def _tell_on(self, place: Document) -> None:
        self.is_telling = True
        metrics.RELAYING.set(1)
        token = place.get("token")
        try:
            await self._follow(token, place)
        except OperationFailure as error:
            if token is None or error.code not in _PLACE_LOST:
                raise
            log.warning("relay_place_lost", code=error.code)
            await self._follow(None, place)

    async def _follow(self, token: Document | None, place: Document) -> None:
        """Tell what the feed gives, from our place on; without one, first what was committed before the feed began."""
        async with self._documents.feed(journal.NAME, _ONLY_FACTS, token) as feed:
            log.info("relay_started", resumed=token is not None)
            if token is None:
                await self._scan(place.get("told"))
            renew_at = 0.0
            while True:
                entries = [change["fullDocument"] for change in await feed.next(most=_TOGETHER)]
                if entries:
                    await self._tell(entries)
                now = asyncio.get_running_loop().time()
                if entries or now >= renew_at:
                    await self._keep(feed.token, max((entry["at"] for entry in entries), default=None))
                    renew_at = now + self._lease.total_seconds() / 3

    async def _scan(self, told: datetime | None) -> None:
        """Tell everything since the time last known, or ever, from the journal itself."""
        where: Document = {"facts": {"$exists": True}}
        if told is not None:
            where["at"] = {"$gte": told - MARGIN}
        found = self._documents.collection(journal.NAME).find(where, _FACTS).sort([("at", 1), ("_id", 1)])
        entries: list[Document] = []
        async for entry in found:
            entries.append(entry)
            if len(entries) == _TOGETHER:
                await self._tell_again(entries)
                entries = []
        if entries:
            await self._tell_again(entries)

    async def _tell_again(self, entries: list[Document]) -> None:
        """Within one millisecond only the versions know the order."""
        entries.sort(key=lambda entry: (entry["at"], entry["facts"][0]["sequence"]))
        await self._tell(entries)
        await self._keep(None, entries[-1]["at"])

    async def _tell(self, entries: Sequence[Document]) -> None:
        """Publish the entries' facts in order and wait until the stream has acknowledged every one.

        One inbox for all the acknowledgements of a batch, which are only counted: a future for each, as the library
        offers, costs more than all else about a fact.
        """
        told = [(entry, place, fact) for entry in entries for place, fact in enumerate(entry["facts"])]
        acks, inbox = _Acks(len(told)), self._connection.new_inbox()
        listening = await self._connection.subscribe(inbox, cb=acks.hear)
        try:
            async with asyncio.timeout(3):
                for entry, place, fact in told:
                    headers = self._headers(entry, place, fact)
                    await self._connection.publish(fact["type"], bytes(fact["body"]), inbox, headers)
                await acks.all
        finally:
            await listening.unsubscribe()
        metrics.FACTS_TOLD.inc(len(told))

    def _headers(self, entry: Document, place: int, fact: Document) -> dict[str, str]:
        """CloudEvents in binary mode."""
        name = f"{entry['_id']}.{place}"
        headers = {
            "Nats-Msg-Id": name,
            "ce-specversion": "1.0",
            "ce-id": name,
            "ce-source": self._source,
            "ce-type": fact["type"],
            "ce-subject": fact["subject"],
            "ce-time": entry["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ce-sequence": str(fact["sequence"]),
            "content-type": "application/protobuf",
        }
        if entry.get("traceparent"):
            headers["traceparent"] = entry["traceparent"]
        return headers


class _Acks:
    """Counts the stream's acknowledgements of a batch."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hear(self, ack: Msg) -> None:
        """Take one more; the first that says it was not taken fails the batch."""
        self._missing -= 1
        if self.all.done():
            return
        if b'"error"' in ack.data or not ack.data:
            self.all.set_exception(NotToldError(ack.data.decode() or "nobody keeps the stream"))
        elif not self._missing:
            self.all.set_result(None)


async def untold(documents: Documents) -> int:
    """How many journal entries hold facts that are not told yet, to the millisecond."""
    place = await documents.collection(POSITIONS).find_one({"_id": "relay"}) or {}
    where: Document = {"facts": {"$exists": True}}
    if place.get("told") is not None:
        where["at"] = {"$gt": place["told"]}
    return await documents.collection(journal.NAME).count_documents(where)
