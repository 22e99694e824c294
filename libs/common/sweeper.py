"""The sweeper: hands what has become due to the method that deals with it, once, however many replicas sweep."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from libs.common.asking import Asked
from libs.common.clock import Clock
from libs.common.documents import Documents
from libs.common.failing import refusal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """A kind of entity that carries the moment at which it must change by itself, in `field`, and what changes it."""

    collection: str
    method: Callable[[str, Asked], Awaitable[object]]
    field: str = "due_time"


class Sweeper:
    """Looks for what is due by its index, every so many seconds, and asks for the change as any caller would."""

    def __init__(self, documents: Documents, service: str, dues: tuple[Due, ...], clock: Clock, every: float) -> None:
        self._documents = documents
        self._actor = f"services/{service}/sweeper"
        self._dues = dues
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Sweep until cancelled."""
        while self._dues:
            for due in self._dues:
                try:
                    await self.sweep(due)
                except PyMongoError as error:
                    log.warning("sweep_interrupted", collection=due.collection, error=type(error).__name__)
            await asyncio.sleep(self._every)

    async def sweep(self, due: Due, together: int = 256) -> None:
        """Ask for the change of all that is due now, so many at a time; what fails is passed until the next round."""
        # A partial index serves only a query that says its condition again.
        ready = {due.field: {"$lte": self._clock.now(), "$type": "date"}}
        found = self._documents.collection(due.collection).find(ready, {due.field: 1}).sort(due.field, 1)
        while rows := await found.to_list(together):
            await asyncio.gather(*(self._ask(due, row) for row in rows))

    async def _ask(self, due: Due, row: Mapping[str, Any]) -> None:
        moment = row[due.field].isoformat()
        asked = Asked(
            actor=self._actor,
            command=f"due:{due.collection}",
            request_id=f"{row['_id']}@{moment}",
            digest=hashlib.blake2b(moment.encode(), digest_size=16).digest(),
            deadline=asyncio.get_running_loop().time() + 30,
        )
        try:
            await due.method(row["_id"], asked)
        except Exception as error:  # it stays due, and must not keep the others from their turn
            known = refusal(error)
            reason, trace = (known.reason, None) if known else (type(error).__name__, error)
            log.warning("due_failed", name=row["_id"], reason=reason, exc_info=trace)
