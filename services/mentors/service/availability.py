"""Availability: when mentors may be booked, and what of it is free."""

import asyncio
from functools import partial

import structlog

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from libs.common.store.command import Load, optional
from services.mentors.domain import availability, free_slots
from services.mentors.domain.availability import Availability, CityHours
from services.mentors.domain.free_slots import FreeSlots, MentorSlots
from services.mentors.domain.mentor import Mentor
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Availabilities:
    """Commands and queries on availability. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, city: CityHours) -> None:
        self._store = store
        self._clock = clock
        self._city = city

    async def get(self, query: availability.GetAvailability, ctx: CallContext) -> Availability:
        """Return the availability of a mentor, or the default of the city. NotFound (MENTOR_NOT_FOUND)."""
        mentor = availability.mentor_of(query.name)
        _, (found,) = await asyncio.gather(
            self._store.get(Mentor, mentor, ctx), self._store.find(Availability, (query.name,))
        )
        return found or Availability.default(mentor, self._city)

    async def update(self, command: availability.UpdateAvailability, ctx: CallContext) -> Availability:
        """Change the availability of a mentor. Stale (ETAG_MISMATCH), Precondition (PERSON_FORGOTTEN), Invalid."""
        updated = await self._store.commit(
            ctx,
            Load(Mentor, command.mentor, guard=True),
            optional(Availability, command.name),
            decide=partial(
                availability.update, command=command, city=self._city, today=self._clock.today(self._city.zone)
            ),
        )
        log.info("availability_updated", mentor=updated.mentor, fields=command.update_mask.paths)
        return updated

    async def list_free_slots(self, query: free_slots.ListFreeSlots, ctx: CallContext) -> FreeSlots:
        """Return the free slots of one mentor. Invalid for a length that the rules do not allow, NotFound."""
        now = self._clock.now()
        within = query.within(now)
        names = free_slots.pages_to_search(query.mentor, within, self._city)
        mentor, (stored,), pages = await asyncio.gather(
            self._store.get(Mentor, query.mentor, ctx),
            self._store.find(Availability, (f"{query.mentor}/availability",)),
            self._store.find(CalendarPage, names),
        )
        hours = stored or Availability.default(query.mentor, self._city)
        if query.minutes:
            free_slots.ensure_length(query.minutes, hours.rules)
        return free_slots.find(
            mentor,
            hours,
            dict(zip(names, pages, strict=True)),
            within,
            self._city,
            minutes=query.minutes,
            limit=free_slots.MAX_SLOTS,
            now=now,
        )

    async def search_free_slots(self, query: free_slots.SearchFreeSlots, ctx: CallContext) -> Page[MentorSlots]:
        """Return a page of mentors who have free slots."""
        now = self._clock.now()
        within = query.within(now)
        mentors = await self._store.list_appointed(query, ctx)
        names = [name for each in mentors for name in free_slots.pages_to_search(each.name, within, self._city)]
        stored, loaded = await asyncio.gather(
            self._store.find(Availability, [f"{mentor.name}/availability" for mentor in mentors]),
            self._store.find(CalendarPage, names),
        )
        pages = dict(zip(names, loaded, strict=True))
        found: list[FreeSlots] = []
        for mentor, hours in zip(mentors, stored, strict=True):
            slots = free_slots.find(
                mentor,
                hours or Availability.default(mentor.name, self._city),
                pages,
                within,
                self._city,
                minutes=query.minutes,
                limit=query.slots_per_mentor or free_slots.DEFAULT_SLOTS_PER_MENTOR,
                now=now,
            )
            found.append(slots)
            await asyncio.sleep(0)  # serves other calls in between
        return Page(tuple(MentorSlots.of(each) for each in found if each.slots), mentors.next_page_token)
