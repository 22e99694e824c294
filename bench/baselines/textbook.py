"""(b) Textbook: one `find_one` per read; one multi-document transaction per write, retried when it loses a race.

Rules, mapping and interceptor are Hatchery's own; only reading and writing documents differs.
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

from bench.baselines.serving import Parts, next_version, serve_spaces
from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.domain.entity import Change
from libs.common.domain.errors import NotFound, Refusal
from libs.common.rpc.context import CallContext
from libs.common.store import journal
from libs.common.store.schema import from_document
from services.spaces.domain import tenancy
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import GetSpace, Space
from services.spaces.domain.tenancy import RegisterTenant, Tenancy
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES

log = structlog.get_logger()

DURABLE = WriteConcern("majority", j=True)
SNAPSHOT = ReadConcern("snapshot")
SCHEMAS = {schema.kind: schema for schema in (SPACES, OCCUPANTS, TENANCIES)}
T = TypeVar("T")


class Textbook:
    """The two methods that are measured."""

    def __init__(self, parts: Parts) -> None:
        self._client = parts.client
        self._spaces = parts.database["spaces"]
        self._occupants = parts.database["occupants"]
        self._tenancies = parts.database["tenancies"]
        self._outbox = parts.database["outbox"]
        self._encoder = journal.FactEncoder(facts_pb2)
        self._clock, self._names, self._zone = parts.clock, parts.names, parts.zone

    async def get(self, query: GetSpace, ctx: CallContext) -> Space:
        """Return one space with what is free today."""
        document = await self._spaces.find_one({"_id": query.name})
        if document is None:
            raise NotFound(SPACES.missing, f"{query.name} does not exist", name=query.name)
        space = from_document(Space, document)
        ctx.scope.ensure_in_scope(space)
        return space.on(self._clock.today(self._zone))

    async def register(self, command: RegisterTenant, ctx: CallContext) -> Tenancy:
        """Lease room to a startup."""
        try:
            registered = await self._transact(partial(self._register, command, ctx))
        except (DuplicateKeyError, Refusal):  # the same request was answered before, or it is refused
            entry = await self._outbox.find_one({"_id": ctx.entry_id})
            if entry is None:
                raise
            journal.ensure_same_request(entry, ctx)
            registered = cast("Tenancy", journal.stored_reply(entry, SCHEMAS))
        log.info("tenancy_registered", tenancy=registered.name, startup=registered.startup, state=registered.state)
        return registered

    async def _register(self, command: RegisterTenant, ctx: CallContext, session: AsyncIOMotorClientSession) -> Tenancy:
        """Load, decide, write. The outbox entry also stores the request: its `_id` prevents a second one."""
        found = await self._spaces.find_one({"_id": command.space}, session=session)
        projection = await self._occupants.find_one({"_id": command.startup}, session=session)
        if found is None or projection is None:
            schema, name = (SPACES, command.space) if found is None else (OCCUPANTS, command.startup)
            raise NotFound(schema.missing, f"{name} does not exist", name=name)
        space, occupant = from_document(Space, found), from_document(Occupant, projection)
        ctx.scope.ensure_in_scope(space)
        today, name = self._clock.today(self._zone), self._names.new("tenancies", parent=command.space)
        change = tenancy.register(space, occupant, command, name=name, today=today, zone=self._zone)
        return await self._write(change, ctx, session)

    async def _write(self, change: Change[Tenancy], ctx: CallContext, session: AsyncIOMotorClientSession) -> Tenancy:
        now = self._clock.now()
        space, occupant, registered = (next_version(entity, now) for entity in change.saves)
        assert isinstance(space, Space)
        assert isinstance(occupant, Occupant)
        assert isinstance(registered, Tenancy)
        facts = [self._encoder.encode(fact, registered.version) for fact in change.facts]
        document = TENANCIES.to_document(registered)
        reply = journal.reply_of(registered, document, TENANCIES)
        entry = journal.new_entry(ctx, now, (space, occupant, registered), (), facts, reply)
        occupancy = [step.model_dump() for step in space.occupancy]
        stays = [stay.model_dump() for stay in occupant.stays]
        stamp = {"version": space.version, "update_time": now}
        await self._spaces.update_one({"_id": space.name}, {"$set": {"occupancy": occupancy, **stamp}}, session=session)
        stamp = {"version": occupant.version, "update_time": now}
        await self._occupants.update_one({"_id": occupant.name}, {"$set": {"stays": stays, **stamp}}, session=session)
        await self._tenancies.insert_one(TENANCIES.to_document(registered), session=session)
        await self._outbox.insert_one(entry, session=session)
        return registered

    async def _transact(self, work: Callable[[AsyncIOMotorClientSession], Awaitable[T]]) -> T:
        """Run the driver's `with_transaction`, with the pause between tries that newer drivers make and motor lacks."""
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
