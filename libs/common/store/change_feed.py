"""The changes of a collection, batch by batch.

The drivers' change streams return one change per call, and with motor each call costs a hop to a thread.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pymongo.errors import ConnectionFailure, PyMongoError

from libs.common.store.database import Database
from libs.common.store.transaction import Document

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession


class ChangeFeed:
    """An open feed. `token` resumes after everything that was returned."""

    def __init__(
        self, database: Database, collection: str, session: "AsyncClientSession", cursor: Mapping[str, Any]
    ) -> None:
        self._database = database
        self._collection = collection
        self._session = session
        self._cursor = cursor["id"]
        self._first: list[Document] | None = cursor["firstBatch"]
        self.token: Document = cursor["postBatchResumeToken"]

    async def next(self, *, wait_seconds: float = 0.5, limit: int = 256) -> list[Document]:
        """Return the next changes; none when none came within the wait."""
        if self._first:
            batch, self._first = self._first, None
            return batch
        command = {
            "getMore": self._cursor,
            "collection": self._collection,
            "batchSize": limit,
            "maxTimeMS": int(wait_seconds * 1000),
        }
        cursor = (await self._database.command(command, self._session))["cursor"]
        if not cursor["id"]:
            raise ConnectionFailure("the server closed the change feed")
        self.token = cursor["postBatchResumeToken"]
        return list(cursor["nextBatch"])

    async def close(self) -> None:
        """Close the server's cursor. One that cannot be closed expires by itself."""
        with contextlib.suppress(PyMongoError):
            kill = {"killCursors": self._collection, "cursors": [self._cursor]}
            await self._database.command(kill, self._session)


@asynccontextmanager
async def open_feed(
    database: Database, collection: str, pipeline: Sequence[Document], token: Document | None
) -> AsyncIterator[ChangeFeed]:
    """Open a feed after a resume token, or from what a reader sees now."""
    since = {"resumeAfter": token} if token else {"startAtOperationTime": await _majority_time(database)}
    stage: Document = {"$changeStream": since}
    async with database.session() as session:
        opened = await database.command(
            {
                "aggregate": collection,
                "pipeline": [stage, *pipeline],
                "cursor": {},
                "readConcern": {"level": "majority"},
            },
            session,
        )
        feed = ChangeFeed(database, collection, session, opened["cursor"])
        try:
            yield feed
        finally:
            await feed.close()


async def _majority_time(database: Database) -> object:
    """Return the time up to which everything is majority-committed; later reads see at least as much."""
    return (await database.ping())["lastWrite"]["majorityOpTime"]["ts"]
