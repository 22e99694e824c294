"""Blocks: the mentor's own commitments."""

from functools import partial

import structlog

from libs.calendar.page import CalendarPage
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, optional_each
from services.mentors.domain import block
from services.mentors.domain.availability import CityHours
from services.mentors.domain.block import Block
from services.mentors.domain.mentor import Mentor
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Blocks:
    """Commands and queries on blocks."""

    def __init__(self, store: MentorsStore, clock: Clock, names: Names, city: CityHours) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._city = city

    async def block_time(self, command: block.BlockTime, ctx: CallContext) -> Block:
        """Occupy a mentor's time. Taken (TIME_TAKEN), Precondition (PERSON_FORGOTTEN), Invalid, NotFound."""
        occurrences = command.occurrences(self._city.zone, self._clock.now())
        names = block.pages_of(command.mentor, occurrences, self._city.zone)
        blocked = await self._store.commit(
            ctx,
            Load(Mentor, command.mentor, guard=True),
            optional_each(CalendarPage, names),
            decide=partial(
                block.block,
                command=command,
                name=self._names.new("blocks", parent=command.mentor),
                occurrences=occurrences,
                names=names,
                zone=self._city.zone,
            ),
        )
        log.info("time_blocked", block=blocked.name, occurrences=len(blocked.occurrences))
        return blocked

    async def get(self, query: block.GetBlock, ctx: CallContext) -> Block:
        """Return one block. NotFound (BLOCK_NOT_FOUND)."""
        return await self._store.get(Block, query.name, ctx)

    async def unblock_time(self, command: block.UnblockTime, ctx: CallContext) -> Block:
        """Free the time of a block. Precondition (ALREADY_UNBLOCKED), Stale (ETAG_MISMATCH), Invalid, NotFound."""
        known = await self._store.get(Block, command.name, ctx)  # it never gets further occurrences
        names = block.pages_of(known.mentor, known.occurrences, self._city.zone)
        unblocked = await self._store.commit(
            ctx,
            Load(Block, command.name, guard=True),
            optional_each(CalendarPage, names),
            decide=partial(block.unblock, command=command, names=names, zone=self._city.zone),
        )
        log.info("time_unblocked", block=unblocked.name, occurrences=len(unblocked.occurrences))
        return unblocked
