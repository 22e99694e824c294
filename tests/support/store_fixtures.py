"""Databases, running stores and call contexts for tests of stores, and query plans."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar, cast

from libs.cli.servers.mongo import Mongo
from libs.common.domain.entity import Entity
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED, Scope
from libs.common.runtime.clock import Clock
from libs.common.store.database import Database, Driver
from libs.common.store.journal import FactEncoder
from libs.common.store.schema import EntitySchema
from libs.common.store.store import Store
from tests.support.waiting import running_task

DRIVER = cast("Driver", os.environ.get("HATCHERY_MONGO_DRIVER", "motor"))
S = TypeVar("S", bound=Store)


@asynccontextmanager
async def new_database(mongo: Mongo) -> AsyncIterator[Database]:
    """Open an empty database with the driver of this run, and drop it afterwards."""
    database = Database(mongo.admin_uri, f"t{os.urandom(5).hex()}", DRIVER)
    yield database
    await database.handle.command("dropDatabase")
    await database.close()


def new_store(kind: type[S], database: Database, facts: ModuleType, clock: Clock | None = None, **limits: Any) -> S:
    """Create a store whose commit loop does not run yet."""
    return kind(database, FactEncoder(facts), (clock or Clock()).now, **limits)


@asynccontextmanager
async def running(store: S) -> AsyncIterator[S]:
    """Prepare a store and run its commit loop."""
    await store.prepare()
    async with running_task(store.loop.run()):
        yield store
        await store.loop.close()


def new_context(*scopes: str, request_id: str = "", **fields: Any) -> CallContext:
    """Return a context that reaches everything, or only the scopes."""
    values: dict[str, Any] = {
        "actor": "tester",
        "command": "test.Command",
        "request_id": request_id or os.urandom(8).hex(),
        "digest": b"the same",
        "deadline": asyncio.get_running_loop().time() + 30,
        "scope": Scope(frozenset(scopes)) if scopes else UNLIMITED,
    }
    return CallContext(**values | fields)


async def insert(database: Database, schema: EntitySchema, entities: Iterable[Entity]) -> None:
    """Insert entities as they are."""
    await database.collection(schema.collection).insert_many([schema.to_document(entity) for entity in entities])


@dataclass(frozen=True)
class Plan:
    """How the server executed a query: the plan, and how many index entries and documents it examined."""

    summary: str
    keys: int
    documents: int
    sorted_in_memory: bool
    found: int


@asynccontextmanager
async def query_plans(database: Database, collection: str) -> AsyncIterator[list[Plan]]:
    """Collect the plans of the queries that the block makes."""
    plans: list[Plan] = []
    await database.handle.command("profile", 2)
    yield plans
    await database.handle.command("profile", 0)
    records = database.collection("system.profile").find({"op": "query", "command.find": collection})
    plans += [_plan(record) for record in await records.to_list(None)]
    await database.handle.command("drop", "system.profile")


def _plan(record: dict[str, Any]) -> Plan:
    return Plan(
        record["planSummary"],
        record["keysExamined"],
        record["docsExamined"],
        record.get("hasSortStage", False),
        record["nreturned"],
    )
