"""Spaces: create, read, update."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load
from services.spaces.domain import space
from services.spaces.domain.space import Space
from services.spaces.store import SpacesStore

log = structlog.get_logger()


class Spaces:
    """Commands and queries on spaces. Calendar days are those of the city's time zone."""

    def __init__(self, store: SpacesStore, clock: Clock, names: Names, city: City) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._city = city
        self._zone = ZoneInfo(city.time_zone)

    async def create(self, command: space.CreateSpace, ctx: CallContext) -> Space:
        """Create a space. Invalid when a required field is missing or the district is not one of the city."""
        decide = partial(space.create, command, self._city, name=self._names.new("spaces"))
        created = await self._store.commit(ctx, decide=decide)
        log.info("space_created", space=created.name, kind=created.kind)
        return created.on(self._clock.today(self._zone))

    async def get(self, query: space.GetSpace, ctx: CallContext) -> Space:
        """Return one space with the room that is free today. NotFound (SPACE_NOT_FOUND)."""
        found = await self._store.get(Space, query.name, ctx)
        return found.on(self._clock.today(self._zone))

    async def batch_get(self, query: space.BatchGetSpaces, ctx: CallContext) -> tuple[Space, ...]:
        """Return several spaces in the order of their names. NotFound when one is missing."""
        today = self._clock.today(self._zone)
        return tuple(found.on(today) for found in await self._store.get_all(Space, query.names, ctx))

    async def list(self, query: space.ListSpaces, ctx: CallContext) -> Page[Space]:
        """Return a page of spaces."""
        today = self._clock.today(self._zone)
        page = await self._store.list_spaces(query, ctx)
        return Page(tuple(found.on(today) for found in page), page.next_page_token)

    async def update(self, command: space.UpdateSpace, ctx: CallContext) -> Space:
        """Change a space. Stale (ETAG_MISMATCH), Precondition (NOT_ENOUGH_ROOM, SPACE_OCCUPIED)."""
        today = self._clock.today(self._zone)
        updated = await self._store.commit(
            ctx,
            Load(Space, command.name, guard=True),
            decide=partial(space.update, command=command, city=self._city, today=today),
        )
        log.info("space_updated", space=updated.name, fields=command.update_mask.paths)
        return updated.on(today)
