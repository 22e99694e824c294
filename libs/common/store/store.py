"""A service's entities: commit a command, get by name, list page by page."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast, overload

from libs.common.domain.entity import Change, Entity, Page, PageQuery
from libs.common.domain.sort_key import sort_key
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import out_of_scope
from libs.common.store import journal
from libs.common.store.command import Load, Missing
from libs.common.store.commit_loop import CommitLoop
from libs.common.store.database import Database
from libs.common.store.journal import FactEncoder
from libs.common.store.listing import Order, find_page
from libs.common.store.reader import Reader
from libs.common.store.schema import EntitySchema, Index, ensure_collections, from_document

L1 = TypeVar("L1")
L2 = TypeVar("L2")
L3 = TypeVar("L3")
L4 = TypeVar("L4")
L5 = TypeVar("L5")
L6 = TypeVar("L6")
E = TypeVar("E", bound=Entity)
R = TypeVar("R")

#: Collections that every service has besides its own.
SHARED_COLLECTIONS: Mapping[str, tuple[Index, ...]] = {
    journal.COLLECTION: (journal.BY_TIME,),
    "parked": (),
    "checkpoints": (),
}


class Store:
    """The entities of one service. Subclasses name the schemas and add queries beyond get and list."""

    schemas: tuple[EntitySchema, ...] = ()

    def __init__(
        self,
        database: Database,
        encoder: FactEncoder,
        now: Callable[[], datetime],
        *,
        projection_wait_seconds: float = 2.0,
        max_queued: int = 4096,
        max_batch: int = 256,
    ) -> None:
        self.database = database
        self._schemas = {schema.kind: schema for schema in self.schemas}
        self._projection_wait_seconds = projection_wait_seconds
        self.loop = CommitLoop(database, self._schemas, encoder, now, max_queued=max_queued, max_batch=max_batch)
        self._readers = {schema.kind: Reader(database, schema) for schema in self.schemas}

    async def prepare(self) -> None:
        """Create missing collections and indexes."""
        if any(schema.sorted_by for schema in self.schemas):
            sort_key("春")  # reads the pinyin dictionaries now instead of in the first command
        own = {schema.collection: schema.indexes for schema in self.schemas}
        await ensure_collections(self.database, {**own, **SHARED_COLLECTIONS})

    @overload
    async def commit(self, ctx: CallContext, *, decide: Callable[[], Change[R]]) -> R: ...
    @overload
    async def commit(self, ctx: CallContext, l1: Load[L1], /, *, decide: Callable[[L1], Change[R]]) -> R: ...
    @overload
    async def commit(
        self,
        ctx: CallContext,
        l1: Load[L1],
        l2: Load[L2],
        /,
        *,
        decide: Callable[[L1, L2], Change[R]],
    ) -> R: ...
    @overload
    async def commit(
        self,
        ctx: CallContext,
        l1: Load[L1],
        l2: Load[L2],
        l3: Load[L3],
        /,
        *,
        decide: Callable[[L1, L2, L3], Change[R]],
    ) -> R: ...
    @overload
    async def commit(
        self,
        ctx: CallContext,
        l1: Load[L1],
        l2: Load[L2],
        l3: Load[L3],
        l4: Load[L4],
        /,
        *,
        decide: Callable[[L1, L2, L3, L4], Change[R]],
    ) -> R: ...
    @overload
    async def commit(
        self,
        ctx: CallContext,
        l1: Load[L1],
        l2: Load[L2],
        l3: Load[L3],
        l4: Load[L4],
        l5: Load[L5],
        /,
        *,
        decide: Callable[[L1, L2, L3, L4, L5], Change[R]],
    ) -> R: ...
    @overload
    async def commit(
        self,
        ctx: CallContext,
        l1: Load[L1],
        l2: Load[L2],
        l3: Load[L3],
        l4: Load[L4],
        l5: Load[L5],
        l6: Load[L6],
        /,
        *,
        decide: Callable[[L1, L2, L3, L4, L5, L6], Change[R]],
    ) -> R: ...

    async def commit(self, ctx: CallContext, *loads: Load[Any], decide: Callable[..., Change[Any]]) -> Any:
        """Load entities, decide on them, and commit the change with its facts, durably.

        A context commits once; `ctx.step(…)` gives one for a further commit. Denied (OUT_OF_SCOPE) when a
        guard or the reply is not in the caller's scope. NotFound when a required entity does not
        exist; a projection that has not arrived is waited for, up to two seconds.
        """
        ctx.begin_commit()
        until = asyncio.get_running_loop().time() + min(self._projection_wait_seconds, ctx.remaining())
        pause = 0.01
        while True:
            try:
                return await self.loop.submit(ctx, loads, decide)
            except Missing as missing:
                if not missing.may_arrive or asyncio.get_running_loop().time() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    async def get(self, kind: type[E], name: str, ctx: CallContext) -> E:
        """Return one entity. NotFound, or Denied when the caller's scope does not reach it."""
        entity = await self._readers[kind].read(name)
        if entity is None:
            if not ctx.scope.covers_name(name):
                raise out_of_scope()
            raise Missing(self._schemas[kind], name)
        ctx.scope.ensure_in_scope(entity)
        return cast("E", entity)

    async def get_all(self, kind: type[E], names: Sequence[str], ctx: CallContext) -> tuple[E, ...]:
        """Return several entities in the order of their names; all or none."""
        return tuple(await asyncio.gather(*(self.get(kind, name, ctx) for name in names)))

    async def list(
        self,
        kind: type[E],
        where: Mapping[str, Any],
        query: PageQuery,
        ctx: CallContext,
        order: Order = Order(),  # noqa: B008 - immutable
    ) -> Page[E]:
        """Return a page of what matches and is in the caller's scope. A filter that is None or empty is ignored.

        Raises Invalid for a page token of another query.
        """
        clauses: list[Mapping[str, Any]] = [
            {path: given for path, given in where.items() if given not in (None, "", {})}
        ]
        if ctx.scope.names is not None:
            names = sorted(ctx.scope.names)
            paths = ("_id" if path == "name" else path for path in kind.scoped_by)
            clauses.append({"$or": [{path: {"$in": names}} for path in paths]})
        collection = self.database.collection(self._schemas[kind].collection)
        page = await find_page(collection, clauses, query, order)
        return Page(tuple(from_document(kind, row) for row in page), page.next_page_token)
