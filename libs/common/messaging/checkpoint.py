"""The relay's lease and its position in the journal, in one document that replicas compete for."""

import contextlib
import os
from datetime import datetime
from typing import Any

from pymongo.errors import PyMongoError

from libs.common.store import journal
from libs.common.store.database import Database
from libs.common.store.transaction import Document

COLLECTION = "checkpoints"
_ID = "relay"


class LeaseLostError(Exception):
    """Another process holds the lease now."""


class Checkpoint:
    """The lease and position of one service's relay. All times are the database server's."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._checkpoints = database.collection(COLLECTION)
        self._holder = os.urandom(6).hex()
        self._until = {"$add": ["$$NOW", int(lease_seconds * 1000)]}

    async def acquire(self) -> Document | None:
        """Take the lease if it is free; returns the checkpoint, or None while another process holds it."""
        free = {"$or": [{"$eq": ["$holder", self._holder]}, {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}]}
        fields = {
            "holder": {"$cond": [free, self._holder, "$holder"]},
            "until": {"$cond": [free, self._until, "$until"]},
        }
        found: Document | None = await self._checkpoints.find_one_and_update(
            {"_id": _ID}, [{"$set": fields}], upsert=True, return_document=True
        )
        return found if found is not None and found["holder"] == self._holder else None

    async def save(self, token: Any, published_until: datetime | None) -> None:
        """Renew the lease and store the position. LeaseLostError when another process holds the lease."""
        fields: Document = {"until": self._until}
        if token is not None:
            fields["token"] = {"$literal": token}
        if published_until is not None:
            fields["published_until"] = {"$max": ["$published_until", published_until]}
        saved = await self._checkpoints.update_one({"_id": _ID, "holder": self._holder}, [{"$set": fields}])
        if not saved.matched_count:
            raise LeaseLostError

    async def forget_token(self) -> None:
        """Drop a resume token that the server no longer accepts."""
        await self._checkpoints.update_one({"_id": _ID, "holder": self._holder}, {"$unset": {"token": 1}})

    async def release(self) -> None:
        """Give the lease up, so that another process need not wait for it to expire."""
        with contextlib.suppress(PyMongoError):
            await self._checkpoints.update_one({"_id": _ID, "holder": self._holder}, {"$unset": {"until": 1}})


async def unpublished(database: Database) -> int:
    """Count the journal entries whose facts are not published yet, to the millisecond."""
    checkpoint = await database.collection(COLLECTION).find_one({"_id": _ID}) or {}
    where: Document = {"facts": {"$exists": True}}
    if checkpoint.get("published_until") is not None:
        where["at"] = {"$gt": checkpoint["published_until"]}
    return int(await database.collection(journal.COLLECTION).count_documents(where))
