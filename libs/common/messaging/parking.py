"""Facts that could not be handled (dead letters): parked, listed, and replayed on request."""

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from prometheus_client import Counter

from libs.common.domain.entity import Page, PageQuery
from libs.common.domain.errors import NotFound
from libs.common.store.database import Database
from libs.common.store.listing import Order, find_page
from libs.common.store.transaction import Document

log = structlog.get_logger()

COLLECTION = "parked"
FACTS_PARKED = Counter("hatchery_facts_parked", "Facts that could not be handled.", ("source",))
_OLDEST_FIRST = Order("at")


class Parking:
    """The parked facts of one service."""

    def __init__(self, database: Database) -> None:
        self._parked = database.collection(COLLECTION)

    async def park(
        self, identifier: str, source: str, headers: Mapping[str, str], body: bytes, error: Exception, tries: int
    ) -> None:
        """Store a fact with its last error."""
        document: Document = {
            "source": source,
            "headers": dict(headers),
            "body": body,
            "error": f"{type(error).__name__}: {error}"[:500],
            "tries": tries,
            "at": datetime.now(UTC),
        }
        await self._parked.replace_one({"_id": identifier}, document, upsert=True)
        FACTS_PARKED.labels(source).inc()
        log.error("fact_parked", source=source, fact=identifier, error=type(error).__name__)

    async def release(self, identifier: str) -> None:
        """Forget a fact that has been handled."""
        await self._parked.delete_one({"_id": identifier})

    async def get(self, identifier: str) -> Document:
        """Return a parked fact. NotFound (PARKED_FACT_NOT_FOUND)."""
        row: Document | None = await self._parked.find_one({"_id": identifier})
        if row is None:
            name = f"parkedFacts/{identifier}"
            raise NotFound("PARKED_FACT_NOT_FOUND", f"{name} is not parked", name=name)
        return row

    async def list(self, query: PageQuery) -> Page[Document]:
        """Return a page of parked facts, oldest first."""
        return await find_page(self._parked, [], query, _OLDEST_FIRST)

    async def count(self) -> int:
        """Return how many facts are parked."""
        return int(await self._parked.count_documents({}))
