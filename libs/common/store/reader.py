"""Reads by name. Names that are requested during a find are read together by the next."""

import asyncio
from collections.abc import Sequence

from prometheus_client import Histogram

from libs.common.domain.entity import Entity
from libs.common.domain.errors import Exhausted
from libs.common.store.commit_loop import wait_for_batch
from libs.common.store.database import Database
from libs.common.store.schema import EntitySchema, from_document

#: Names after which a find waits for no more, and names that may be queued.
MAX_BATCH, MAX_QUEUED = 256, 4096
READ_NAMES = Histogram(
    "hatchery_read_names",
    "Entities read together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
Futures = list["asyncio.Future[Entity | None]"]


class Reader:
    """Reads the entities of one kind."""

    def __init__(self, database: Database, schema: EntitySchema) -> None:
        self._database = database
        self._schema = schema
        self._queue: dict[str, Futures] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, name: str) -> Entity | None:
        """Return the entity, or None. Exhausted (TOO_BUSY) when too many reads are waiting."""
        if len(self._queue) >= MAX_QUEUED:
            raise Exhausted("TOO_BUSY", "too many reads are waiting", retry_after=0.5)
        future: asyncio.Future[Entity | None] = asyncio.get_running_loop().create_future()
        self._queue.setdefault(name, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._queue:
                await wait_for_batch(self._queue, MAX_BATCH)
                batch, self._queue = self._queue, {}
                await self._read_batch(batch)
        finally:
            self._task = None

    async def _read_batch(self, batch: dict[str, Futures]) -> None:
        READ_NAMES.observe(len(batch))
        schema = self._schema
        try:
            cursor = self._database.collection(schema.collection).find({"_id": {"$in": list(batch)}})
            rows = {row["_id"]: row for row in await cursor.to_list(None)}
        except Exception as error:  # every caller in the batch gets it
            for futures in batch.values():
                _resolve(futures, error)
            return
        for name, futures in batch.items():
            try:
                _resolve(futures, from_document(schema.kind, rows[name]) if name in rows else None)
            except Exception as error:  # an unreadable document fails only the calls that named it
                _resolve(futures, error)


def _resolve(futures: Sequence["asyncio.Future[Entity | None]"], result: Entity | Exception | None) -> None:
    for future in futures:
        if future.done():
            continue  # the caller is gone
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
