"""A database of a test's own, stores on it whose loops run, and what the server says of the queries they make."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import SecretStr

from libs.cli.servers import Mongo
from libs.common.asking import EVERYWHERE, Asked, Reach
from libs.common.collections import to_document
from libs.common.documents import Documents, Driver
from libs.common.settings import Settings
from libs.common.store import Store
from libs.common.values import Entity
from tests.conftest import under_way

DRIVER = cast("Driver", os.environ.get("HATCHERY_MONGO_DRIVER", "motor"))
SETTINGS = Settings(mongo_uri=SecretStr("mongodb://given"), nats_url="nats://given", jwks="given")

S = TypeVar("S", bound=Store)


@asynccontextmanager
async def database(mongo: Mongo) -> AsyncIterator[Documents]:
    """An empty database by the driver that the run is told to use; gone afterwards."""
    opened = Documents(mongo.admin_uri, f"t{os.urandom(5).hex()}", DRIVER)
    yield opened
    await opened.database.command("dropDatabase")
    await opened.close()


@asynccontextmanager
async def running(store: S) -> AsyncIterator[S]:
    """The store, prepared, and its loop under way."""
    await store.prepare()
    async with under_way(store.loop.run()):
        yield store
        await store.loop.close()


def asked(*scopes: str, request_id: str = "") -> Asked:
    """A caller who reaches everything, or only what the scopes name."""
    return Asked(
        actor="tester",
        command="test",
        request_id=request_id or os.urandom(8).hex(),
        digest=b"the same",
        deadline=asyncio.get_running_loop().time() + 30,
        reach=Reach(frozenset(scopes)) if scopes else EVERYWHERE,
    )


async def keep(documents: Documents, collection: str, entities: Iterable[Entity]) -> None:
    """Put entities into a collection as they are."""
    await documents.collection(collection).insert_many([to_document(entity) for entity in entities])


@dataclass(frozen=True)
class Plan:
    """How the server answered a query: by which way, and how many entries and documents it looked at."""

    summary: str
    keys: int
    documents: int
    sorted_in_memory: bool
    found: int


@asynccontextmanager
async def watched(documents: Documents, collection: str) -> AsyncIterator[list[Plan]]:
    """The plans of the queries made inside, of which the server keeps a record meanwhile."""
    plans: list[Plan] = []
    await documents.database.command("profile", 2)
    yield plans
    await documents.database.command("profile", 0)
    records = documents.collection("system.profile").find({"op": "query", "command.find": collection})
    plans += [_plan(record) for record in await records.to_list(None)]
    await documents.database.command("drop", "system.profile")


def _plan(record: dict[str, Any]) -> Plan:
    return Plan(
        record["planSummary"],
        record["keysExamined"],
        record["docsExamined"],
        record.get("hasSortStage", False),
        record["nreturned"],
    )
