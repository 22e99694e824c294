"""Commitments: everything that occupies a mentor."""

import asyncio
from collections.abc import Mapping

from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage, Entry, page_names
from libs.common.domain.entity import Entity
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from services.mentors.domain import commitment
from services.mentors.domain.availability import Availability, CityHours
from services.mentors.domain.block import Block, block_of
from services.mentors.domain.commitment import CalendarFile, Commitments
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import Panel
from services.mentors.store import MentorsStore


class CommitmentQueries:
    """Queries on what occupies mentors."""

    def __init__(self, store: MentorsStore, clock: Clock, city: CityHours) -> None:
        self._store = store
        self._clock = clock
        self._city = city

    async def list(self, query: commitment.ListCommitments, ctx: CallContext) -> Commitments:
        """Return what occupies a mentor, with what the caller may read of it. NotFound (MENTOR_NOT_FOUND)."""
        within = query.within(self._clock.now())
        await self._store.get(Mentor, query.mentor, ctx)
        entries, (stored,) = await asyncio.gather(
            self._entries(query.mentor, within),
            self._store.find(Availability, (f"{query.mentor}/availability",)),
        )
        found = commitment.commitments(
            entries,
            await self._known(entries),
            stored or Availability.default(query.mentor, self._city),
            self._city,
            may_read=ctx.scope.covers,
        )
        return Commitments(mentor=query.mentor, commitments=found)

    async def export(self, query: commitment.ExportCalendar, ctx: CallContext) -> CalendarFile:
        """Return what occupies a mentor as an iCalendar file. NotFound (MENTOR_NOT_FOUND)."""
        now = self._clock.now()
        within = query.within(now)
        mentor = await self._store.get(Mentor, query.mentor, ctx)
        entries = await self._entries(query.mentor, within)
        return commitment.export(query.mentor, entries, await self._known(entries), name=mentor.display_name, stamp=now)

    async def _entries(self, mentor: str, within: Interval) -> tuple[Entry, ...]:
        pages = await self._store.find(CalendarPage, page_names(mentor, within, self._city.zone))
        return commitment.entries_within(pages, within)

    async def _known(self, entries: tuple[Entry, ...]) -> Mapping[str, Entity]:
        """Return the consultations, blocks and panels that the entries stand for, by name."""
        holders = dict.fromkeys(block_of(entry.holder) for entry in entries)
        consultations, blocks, panels = await asyncio.gather(
            self._store.find(Consultation, [name for name in holders if name.startswith("consultations/")]),
            self._store.find(Block, [name for name in holders if "/blocks/" in name]),
            self._store.find(Panel, [name for name in holders if name.startswith("panels/")]),
        )
        return {found.name: found for found in (*consultations, *blocks, *panels) if found}
