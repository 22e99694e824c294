"""The sweeper: runs the timers of entities that are due, once each, however many replicas sweep."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pymongo.errors import PyMongoError
from structlog.contextvars import bound_contextvars

from libs.common.rpc.context import CallContext
from libs.common.store.database import Database, as_refusal

log = structlog.get_logger()

BATCH = 256
DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Timer:
    """Calls `method` with the name of each entity of the collection whose time in `field` has come."""

    collection: str
    method: Callable[[str, CallContext], Awaitable[object]]
    field: str = "due_time"


class Sweeper:
    """Finds due entities by index and calls their method as a command, at a fixed interval."""

    def __init__(
        self,
        database: Database,
        service: str,
        timers: tuple[Timer, ...],
        now: Callable[[], datetime],
        interval_seconds: float,
    ) -> None:
        self._database = database
        self._actor = f"services/{service}/sweeper"
        self._timers = timers
        self._now = now
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Sweep until cancelled."""
        while self._timers:
            for timer in self._timers:
                try:
                    await self.sweep(timer)
                except PyMongoError as error:
                    log.warning("sweep_interrupted", collection=timer.collection, error=type(error).__name__)
            await asyncio.sleep(self._interval_seconds)

    async def sweep(self, timer: Timer) -> None:
        """Call the method for everything that is due now. What fails is tried again in the next round."""
        # A partial index serves only a query that repeats its condition.
        due = {timer.field: {"$lte": self._now(), "$type": "date"}}
        cursor = self._database.collection(timer.collection).find(due, {timer.field: 1}).sort(timer.field, 1)
        while rows := await cursor.to_list(BATCH):
            await asyncio.gather(*(self._fire(timer, row) for row in rows))

    async def _fire(self, timer: Timer, row: Mapping[str, Any]) -> None:
        moment = row[timer.field].isoformat()
        ctx = CallContext(
            actor=self._actor,
            command=f"timer:{timer.collection}",
            request_id=f"{row['_id']}@{moment}",
            digest=hashlib.blake2b(moment.encode(), digest_size=16).digest(),
            deadline=asyncio.get_running_loop().time() + DEADLINE_SECONDS,
            unguarded=True,
        )
        with bound_contextvars(request_id=ctx.request_id):
            try:
                await timer.method(row["_id"], ctx)
            except Exception as error:  # the entity stays due and must not keep the others waiting
                known = as_refusal(error)
                reason, trace = (known.reason, None) if known else (type(error).__name__, error)
                log.warning("timer_failed", name=row["_id"], reason=reason, exc_info=trace)
