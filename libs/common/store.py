"""What a service keeps its entities with: commit a command, get by name, list page by page."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar, cast

from libs.common import journal
from libs.common.asking import Asked, out_of_scope
from libs.common.batch import Decide, Missing, Want
from libs.common.clock import Clock
from libs.common.collections import Collection, ensure, from_document
from libs.common.commit import CommitLoop, gathered
from libs.common.documents import Document, Documents
from libs.common.errors import Exhausted
from libs.common.listing import Order, resume, seek
from libs.common.metrics import READ_NAMES
from libs.common.settings import Settings
from libs.common.values import Change, Entity, Listing, Paged

E = TypeVar("E", bound=Entity)
R = TypeVar("R")

#: Collections that the house keeps beside a service's own: name and indexes.
OURS = {journal.NAME: (journal.BY_TIME,), "parked": (), "positions": ()}

#: Names that one find is held back for, and names that may wait for the next.
TOGETHER, MOST_ASKED = 256, 4096


def maybe(kind: type[Entity], name: str) -> Want:
    """An entity that a decision wants to see if it is there; it gets None if it is not."""
    return kind, name, True


class Store:
    """The entities of one service. Subclasses add the queries that are more than get and list."""

    collections: tuple[Collection, ...] = ()

    def __init__(self, documents: Documents, facts: ModuleType, clock: Clock, settings: Settings) -> None:
        self.documents = documents
        self._by_kind = {collection.kind: collection for collection in self.collections}
        self._card_wait = settings.card_wait
        self.loop = CommitLoop(
            documents,
            self._by_kind,
            journal.Teller(facts),
            clock,
            most_waiting=settings.most_waiting,
            most_together=settings.most_together,
        )
        self._readers = {c.kind: _Reader(documents, c) for c in self.collections}

    async def prepare(self) -> None:
        """Make what is not there yet: collections and indexes."""
        ours = tuple(Collection(Entity, name, "", indexes) for name, indexes in OURS.items())
        await ensure(self.documents, (*self.collections, *ours))

    async def commit(self, asked: Asked, *wants: Want, decide: Callable[..., Change[R]]) -> R:
        """Run the decision on the entities it wants and keep what it changed, with its facts, durably.

        The first entity named, and the reply, must be within the caller's reach. What is named and not
        there is NotFound; a card that has not arrived is waited for, 2 s at the most.
        """
        patience = min(self._card_wait, asked.left())
        until = asyncio.get_running_loop().time() + patience
        pause = 0.01
        while True:
            try:
                return cast("R", await self.loop.submit(asked, wants, cast("Decide", decide)))
            except Missing as missing:
                if not missing.card or asyncio.get_running_loop().time() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    async def get(self, kind: type[E], name: str, asked: Asked) -> E:
        """One entity as it is now; NotFound, or Denied when it is out of the caller's reach."""
        entity = await self._readers[kind].read(name)
        if entity is None:
            if not asked.reach.covers_name(name):
                raise out_of_scope()
            raise Missing(self._by_kind[kind], name)
        asked.reach.must_cover(entity)
        return cast("E", entity)

    async def get_all(self, kind: type[E], names: Sequence[str], asked: Asked) -> tuple[E, ...]:
        """Several entities in the order of their names; all or none."""
        return tuple(await asyncio.gather(*(self.get(kind, name, asked) for name in names)))

    async def list(
        self,
        kind: type[E],
        where: Mapping[str, Any],
        ask: Listing,
        asked: Asked,
        order: Order = Order(),  # noqa: B008 - a value that never changes
    ) -> Paged[E]:
        """A page of what matches and is within the caller's reach; a filter that is None or empty is no filter.

        Raises Invalid for a page token of another query.
        """
        wanted = {path: given for path, given in where.items() if given not in (None, "", {})}
        clauses: list[Mapping[str, Any]] = [wanted]
        if asked.reach.scopes is not None:
            scopes = sorted(asked.reach.scopes)
            paths = ("_id" if path == "name" else path for path in kind.reached_by)
            clauses.append({"$or": [{path: {"$in": scopes}} for path in paths]})
        name = self._by_kind[kind].name
        after = resume(ask.page_token, order, (name, clauses))
        query = {"$and": [*clauses, after] if after else clauses}
        found = order.sort(self.documents.collection(name).find(query)).limit(ask.limit + 1)
        rows: list[Document] = await found.to_list(None)
        token = seek(rows[ask.limit - 1], order, (name, clauses)) if len(rows) > ask.limit else ""
        return Paged(tuple(from_document(kind, row) for row in rows[: ask.limit]), token)


class _Reader:
    """Reads by name of one kind: what is asked for while one find is under way goes into the next."""

    def __init__(self, documents: Documents, collection: Collection) -> None:
        self._documents = documents
        self._collection = collection
        self._asked: dict[str, list[asyncio.Future[Entity | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, name: str) -> Entity | None:
        """The entity, or None."""
        if len(self._asked) >= MOST_ASKED:
            raise Exhausted("TOO_BUSY", "too many reads are waiting", retry_after=0.5)
        future: asyncio.Future[Entity | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(name, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._read_on())
        return await future

    async def _read_on(self) -> None:
        try:
            while self._asked:
                await gathered(self._asked, TOGETHER)
                asked, self._asked = self._asked, {}
                await self._read_together(asked)
        finally:
            self._task = None

    async def _read_together(self, asked: dict[str, list[asyncio.Future[Entity | None]]]) -> None:
        READ_NAMES.observe(len(asked))
        kind = self._collection.kind
        try:
            found = self._documents.collection(self._collection.name).find({"_id": {"$in": list(asked)}})
            rows = {row["_id"]: row for row in await found.to_list(None)}
        except Exception as error:  # every one who asked is told, whatever it is
            for futures in asked.values():
                _answer(futures, error)
            return
        for name, futures in asked.items():
            try:
                _answer(futures, from_document(kind, rows[name]) if name in rows else None)
            except Exception as error:  # a document that cannot be read is the matter of who asked for it
                _answer(futures, error)


def _answer(futures: Sequence[asyncio.Future[Entity | None]], found: Entity | Exception | None) -> None:
    for future in futures:
        if future.done():
            continue  # the caller has gone
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)
