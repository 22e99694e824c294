"""Snapshots of the services' databases, to prove that nothing was changed."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import bson
from pymongo import MongoClient

from libs.api.hatchery.operations.v1 import operations_pb2 as operations
from tests.contracts.calls import Calls
from tests.contracts.contract import SERVICES
from tests.support.processes import Cluster
from tests.support.subscriptions import subscriptions_of
from tests.support.waiting import eventually, holds_repeatedly

#: Written by the service as time passes, without a caller.
BACKGROUND = {"checkpoints"}
#: `service.collection` to the number of documents and a hash of all of them.
Snapshot = dict[str, tuple[int, str]]


class Snapshots:
    """Takes snapshots of the databases of all services."""

    def __init__(self, calls: Calls, cluster: Cluster, client: MongoClient[dict[str, Any]]) -> None:
        self._calls = calls
        self._databases = {service: client[cluster.database(service)] for service in SERVICES}

    async def until_idle(self, seconds: float = 20) -> None:
        """Wait until every committed fact is published and every published fact has taken effect."""

        async def is_idle() -> bool:
            return all([await self._is_idle(service) for service in SERVICES])

        await eventually(holds_repeatedly(is_idle), seconds)

    async def _is_idle(self, service: str) -> bool:
        """Return whether a service has nothing left to publish or to handle. Unknown lags do not count as none."""
        status = await self._calls.call(service, "GetStatus", operations.GetStatusRequest())
        lags = {inbox.source: inbox.pending + inbox.in_flight for inbox in status.inboxes}
        return status.unpublished == 0 and lags == dict.fromkeys(subscriptions_of(service), 0)

    async def take(self) -> Snapshot:
        """Return a snapshot, taken once the services are idle."""
        await self.until_idle()
        return dict(self._sums())

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        """Fail when the block changes any document of any service."""
        before = await self.take()
        yield
        assert await self.take() == before

    def _sums(self) -> Iterator[tuple[str, tuple[int, str]]]:
        for service, database in self._databases.items():
            for name in set(database.list_collection_names()) - BACKGROUND:
                yield f"{service}.{name}", _sum(database[name].find().sort("_id"))


def growth(before: Snapshot, after: Snapshot, service: str) -> dict[str, int]:
    """Return how many documents each collection of the service has gained."""
    own = [name for name in after if name.startswith(f"{service}.")]
    gained = {name.partition(".")[2]: after[name][0] - before.get(name, (0, ""))[0] for name in own}
    return {name: count for name, count in gained.items() if count}


def _sum(documents: Any) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    for document in documents:
        count += 1
        digest.update(bson.encode(document))
    return count, digest.hexdigest()
