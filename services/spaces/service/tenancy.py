"""Tenancies: register, read and end them, and advance their state as days pass."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load
from services.spaces.domain import tenancy
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import Space
from services.spaces.domain.tenancy import Tenancy
from services.spaces.store import SpacesStore

log = structlog.get_logger()


class Tenancies:
    """Commands and queries on tenancies. Calendar days are those of the city's time zone."""

    def __init__(self, store: SpacesStore, clock: Clock, names: Names, city: City) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._zone = ZoneInfo(city.time_zone)

    async def register(self, command: tenancy.RegisterTenant, ctx: CallContext) -> Tenancy:
        """Lease room to a startup. Precondition (NOT_ENOUGH_ROOM), Taken (ALREADY_TENANT), NotFound."""
        registered = await self._store.commit(
            ctx,
            Load(Space, command.space, guard=True),
            Load(Occupant, command.startup),
            decide=partial(
                tenancy.register,
                command=command,
                name=self._names.new("tenancies", parent=command.space),
                today=self._clock.today(self._zone),
                zone=self._zone,
            ),
        )
        log.info("tenancy_registered", tenancy=registered.name, startup=registered.startup, state=registered.state)
        return registered

    async def get(self, query: tenancy.GetTenancy, ctx: CallContext) -> Tenancy:
        """Return one tenancy. NotFound (TENANCY_NOT_FOUND)."""
        return await self._store.get(Tenancy, query.name, ctx)

    async def list(self, query: tenancy.ListTenancies, ctx: CallContext) -> Page[Tenancy]:
        """Return a page of tenancies."""
        return await self._store.list_tenancies(query, ctx)

    async def end(self, command: tenancy.EndTenancy, ctx: CallContext) -> Tenancy:
        """End a tenancy. Precondition (TENANCY_ENDED), Stale (ETAG_MISMATCH), NotFound."""
        known = await self._store.get(Tenancy, command.name, ctx)  # its space and startup never change
        ended = await self._store.commit(
            ctx,
            Load(Tenancy, command.name, guard=True),
            Load(Space, known.space),
            Load(Occupant, known.startup),
            decide=partial(tenancy.end, command=command, today=self._clock.today(self._zone), zone=self._zone),
        )
        log.info("tenancy_end_set", tenancy=ended.name, state=ended.state, reason=ended.end_reason)
        return ended

    async def advance(self, name: str, ctx: CallContext) -> None:
        """Timer: move a tenancy to its state of today. Precondition (NOT_DUE)."""
        decide = partial(tenancy.advance, today=self._clock.today(self._zone), zone=self._zone)
        advanced = await self._store.commit(ctx, Load(Tenancy, name), decide=decide)
        log.info("tenancy_advanced", tenancy=name, state=advanced.state)
