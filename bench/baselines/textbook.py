"""(b) Textbook: one `find_one` a read; one multi-document transaction a write, tried again when it lost a race.

The rules, the mapping and the road are Hatchery's own; only how documents are read and written differs.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, cast

import structlog
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from bench.baselines.serving import Ground, next_version, serve_spaces
from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common import journal
from libs.common.asking import Asked
from libs.common.collections import from_document, to_document
from libs.common.errors import NotFound, Refusal
from libs.common.values import Change
from services.spaces.domain import GetSpace, Occupant, RegisterTenant, Space, Tenancy, register_tenant
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES

log = structlog.get_logger()

DURABLE = WriteConcern("majority", j=True)
SNAPSHOT = ReadConcern("snapshot")
KINDS = {collection.kind: collection for collection in (SPACES, OCCUPANTS, TENANCIES)}
T = TypeVar("T")


class Textbook:
    """The two things that are measured."""

    def __init__(self, ground: Ground) -> None:
        self._client = ground.client
        self._spaces = ground.database["spaces"]
        self._occupants = ground.database["occupants"]
        self._tenancies = ground.database["tenancies"]
        self._outbox = ground.database["outbox"]
        self._teller = journal.Teller(facts_pb2)
        self._clock, self._names, self._zone = ground.clock, ground.names, ground.zone

    async def get_space(self, ask: GetSpace, asked: Asked) -> Space:
        """One space as it is now."""
        document = await self._spaces.find_one({"_id": ask.name})
        if document is None:
            raise NotFound(SPACES.missing, f"{ask.name} does not exist", name=ask.name)
        space = from_document(Space, document)
        asked.reach.must_cover(space)
        return space.on(self._clock.today(self._zone))

    async def register_tenant(self, ask: RegisterTenant, asked: Asked) -> Tenancy:
        """Let room to a startup."""
        try:
            tenancy = await self._transact(partial(self._register, ask, asked))
        except (DuplicateKeyError, Refusal):  # the same request was answered before, or it cannot be done
            entry = await self._outbox.find_one({"_id": asked.entry_id})
            if entry is None:
                raise
            tenancy = cast("Tenancy", journal.first_answer(entry, asked, KINDS))
        log.info("tenancy_registered", tenancy=tenancy.name, startup=tenancy.startup, state=tenancy.state)
        return tenancy

    async def _register(self, ask: RegisterTenant, asked: Asked, session: AsyncIOMotorClientSession) -> Tenancy:
        """Load, decide, write. The outbox entry is also the memory of the request: its `_id` admits no second."""
        held = await self._spaces.find_one({"_id": ask.space}, session=session)
        card = await self._occupants.find_one({"_id": ask.startup}, session=session)
        if held is None or card is None:
            kind, name = (SPACES, ask.space) if held is None else (OCCUPANTS, ask.startup)
            raise NotFound(kind.missing, f"{name} does not exist", name=name)
        space, occupant = from_document(Space, held), from_document(Occupant, card)
        asked.reach.must_cover(space)
        today, name = self._clock.today(self._zone), self._names.new("tenancies", under=ask.space)
        change = register_tenant(space, occupant, ask, name=name, today=today, zone=self._zone)
        return await self._keep(change, asked, session)

    async def _keep(self, change: Change[Tenancy], asked: Asked, session: AsyncIOMotorClientSession) -> Tenancy:
        now = self._clock.now()
        space, occupant, tenancy = (next_version(entity, now) for entity in change.saves)
        assert isinstance(space, Space)
        assert isinstance(occupant, Occupant)
        assert isinstance(tenancy, Tenancy)
        facts = [self._teller.tell(fact, tenancy.version) for fact in change.facts]
        entry = journal.entry(asked, now, (space, occupant, tenancy), facts, tenancy, to_document(tenancy))
        lets, stays = [let.model_dump() for let in space.lets], [stay.model_dump() for stay in occupant.stays]
        stamp = {"version": space.version, "update_time": now}
        await self._spaces.update_one({"_id": space.name}, {"$set": {"lets": lets, **stamp}}, session=session)
        stamp = {"version": occupant.version, "update_time": now}
        await self._occupants.update_one({"_id": occupant.name}, {"$set": {"stays": stays, **stamp}}, session=session)
        await self._tenancies.insert_one(to_document(tenancy), session=session)
        await self._outbox.insert_one(entry, session=session)
        return tenancy

    async def _transact(self, work: Callable[[AsyncIOMotorClientSession], Awaitable[T]]) -> T:
        """The driver's `with_transaction`, with the pause between tries that newer drivers make and motor not."""
        tries = 0

        async def attempt(session: AsyncIOMotorClientSession) -> T:
            nonlocal tries
            if tries:
                await asyncio.sleep(random.random() * min(0.005 * 1.5**tries, 0.5))
            tries += 1
            return await work(session)

        async with await self._client.start_session() as session:
            return await session.with_transaction(attempt, SNAPSHOT, DURABLE, ReadPreference.PRIMARY)


if __name__ == "__main__":
    serve_spaces("textbook", Textbook)
