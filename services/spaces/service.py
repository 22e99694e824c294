"""Spaces as a service: one method for each thing that can be asked."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.asking import Asked
from libs.common.clock import Clock, Names
from libs.common.inbox import Told
from libs.common.profile import City
from libs.common.store import maybe
from libs.common.values import Paged, StartupName
from services.spaces.domain import (
    BatchGetSpaces,
    CreateSpace,
    EndTenancy,
    GetSpace,
    GetTenancy,
    ListSpaces,
    ListTenancies,
    Occupant,
    RegisterTenant,
    Space,
    Tenancy,
    UpdateSpace,
    advance,
    create_space,
    end_tenancy,
    note_startup,
    register_tenant,
    update_space,
)
from services.spaces.store import SpacesStore

log = structlog.get_logger()


class StartupTold(Told):
    """What spaces heeds of a startup."""

    name: StartupName
    display_name: str


class Spaces:
    """What can be asked of spaces. Calendar days are those of the city's time zone."""

    def __init__(self, store: SpacesStore, clock: Clock, names: Names, city: City) -> None:
        self.store = store
        self._clock = clock
        self._names = names
        self._city = city
        self._zone = ZoneInfo(city.time_zone)

    async def create_space(self, ask: CreateSpace, asked: Asked) -> Space:
        """Open a space; Invalid when it lacks something or lies outside the city."""
        decide = partial(create_space, ask, self._city, name=self._names.new("spaces"))
        space = await self.store.commit(asked, decide=decide)
        log.info("space_created", space=space.name, kind=space.kind)
        return space.on(self._clock.today(self._zone))

    async def get_space(self, ask: GetSpace, asked: Asked) -> Space:
        """One space with what is free today; NotFound (SPACE_NOT_FOUND)."""
        space = await self.store.get(Space, ask.name, asked)
        return space.on(self._clock.today(self._zone))

    async def batch_get_spaces(self, ask: BatchGetSpaces, asked: Asked) -> tuple[Space, ...]:
        """Several spaces in the order of their names; NotFound when one is missing."""
        today = self._clock.today(self._zone)
        return tuple(space.on(today) for space in await self.store.get_all(Space, ask.names, asked))

    async def list_spaces(self, ask: ListSpaces, asked: Asked) -> Paged[Space]:
        """A page of spaces."""
        today = self._clock.today(self._zone)
        page = await self.store.spaces(ask, asked)
        return Paged(tuple(space.on(today) for space in page), page.next_page_token)

    async def update_space(self, ask: UpdateSpace, asked: Asked) -> Space:
        """Change a space; Stale (ETAG_MISMATCH), Precondition (NOT_ENOUGH_ROOM) when more is let than would be left."""
        today = self._clock.today(self._zone)
        decide = partial(update_space, ask=ask, city=self._city, today=today)
        space = await self.store.commit(asked, (Space, ask.name), decide=decide)
        log.info("space_updated", space=space.name, fields=ask.update_mask.paths)
        return space.on(today)

    async def register_tenant(self, ask: RegisterTenant, asked: Asked) -> Tenancy:
        """Let room to a startup; Precondition (NOT_ENOUGH_ROOM), Taken (ALREADY_TENANT), NotFound."""
        tenancy = await self.store.commit(
            asked,
            (Space, ask.space),
            (Occupant, ask.startup),
            decide=partial(
                register_tenant,
                ask=ask,
                name=self._names.new("tenancies", under=ask.space),
                today=self._clock.today(self._zone),
                zone=self._zone,
            ),
        )
        log.info("tenancy_registered", tenancy=tenancy.name, startup=tenancy.startup, state=tenancy.state)
        return tenancy

    async def get_tenancy(self, ask: GetTenancy, asked: Asked) -> Tenancy:
        """One tenancy; NotFound (TENANCY_NOT_FOUND)."""
        return await self.store.get(Tenancy, ask.name, asked)

    async def list_tenancies(self, ask: ListTenancies, asked: Asked) -> Paged[Tenancy]:
        """A page of tenancies."""
        return await self.store.tenancies(ask, asked)

    async def end_tenancy(self, ask: EndTenancy, asked: Asked) -> Tenancy:
        """End a tenancy; Precondition (TENANCY_ENDED), Stale (ETAG_MISMATCH), NotFound."""
        tenancy = await self.store.get(Tenancy, ask.name, asked)  # whose tenancy it is never changes
        ended = await self.store.commit(
            asked,
            (Tenancy, ask.name),
            (Space, tenancy.space),
            (Occupant, tenancy.startup),
            decide=partial(end_tenancy, ask=ask, today=self._clock.today(self._zone), zone=self._zone),
        )
        log.info("tenancy_end_set", tenancy=ended.name, state=ended.state, reason=ended.end_reason)
        return ended

    async def advance_tenancy(self, name: str, asked: Asked) -> None:
        """Let a tenancy that is due become what its days say it is; Precondition (NOT_DUE) when none is to come."""
        decide = partial(advance, today=self._clock.today(self._zone), zone=self._zone)
        tenancy = await self.store.commit(asked, (Tenancy, name), decide=decide)
        log.info("tenancy_advanced", tenancy=name, state=tenancy.state)

    async def note_startup(self, told: StartupTold, asked: Asked) -> None:
        """Take over what a startup says of itself."""
        decide = partial(note_startup, name=told.name, display_name=told.display_name, sequence=told.sequence)
        await self.store.commit(asked, maybe(Occupant, told.name), decide=decide)
