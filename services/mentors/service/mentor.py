"""Mentors: nominate, describe and read them."""

from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, each
from services.mentors.domain import mentor, nomination
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.startup import Startup
from services.mentors.service.appointer import load_appointer
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Mentors:
    """Commands and queries on mentors. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, names: Names, city: City, profile: MentorsProfile) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._zone = ZoneInfo(city.time_zone)
        self._vocabulary = profile.vocabulary(city)

    async def nominate(self, command: nomination.NominateMentor, ctx: CallContext) -> Mentor:
        """Nominate a person. Invalid, NotFound (SPACE_NOT_FOUND, STARTUP_NOT_FOUND)."""
        name, today = self._names.new("mentors"), self._clock.today(self._zone)
        nominated = await self._store.commit(
            ctx,
            load_appointer(command.nominator),
            each(Startup, [holding.startup for holding in command.mentor.holdings]),
            decide=lambda _space, _startups: nomination.nominate(command, self._vocabulary, name=name, today=today),
        )
        log.info("mentor_nominated", mentor=nominated.name, kind=nominated.kind)
        return nominated

    async def get(self, query: mentor.GetMentor, ctx: CallContext) -> Mentor:
        """Return one mentor. NotFound (MENTOR_NOT_FOUND)."""
        return await self._store.get(Mentor, query.name, ctx)

    async def batch_get(self, query: mentor.BatchGetMentors, ctx: CallContext) -> tuple[Mentor, ...]:
        """Return several mentors in the order of their names. NotFound when one is missing."""
        return await self._store.get_all(Mentor, query.names, ctx)

    async def list(self, query: mentor.ListMentors, ctx: CallContext) -> Page[Mentor]:
        """Return a page of mentors."""
        return await self._store.list_mentors(query, ctx)

    async def update(self, command: mentor.UpdateMentor, ctx: CallContext) -> Mentor:
        """Change a mentor.

        Precondition (CLASSIFICATION_FIXED, PERSON_FORGOTTEN), Stale (ETAG_MISMATCH), NotFound (STARTUP_NOT_FOUND).
        """
        updated = await self._store.commit(
            ctx,
            Load(Mentor, command.name, guard=True),
            each(Startup, [holding.startup for holding in command.mentor.holdings]),
            decide=lambda known, _startups: mentor.update(known, command, self._vocabulary),
        )
        log.info("mentor_updated", mentor=updated.name, fields=command.update_mask.paths)
        return updated

    async def classify(self, command: mentor.ClassifyMentor, ctx: CallContext) -> Mentor:
        """Set what panels have quotas of. Stale (ETAG_MISMATCH), Precondition (PERSON_FORGOTTEN), Invalid."""
        classified = await self._store.commit(
            ctx,
            Load(Mentor, command.name, guard=True),
            decide=lambda known: mentor.classify(known, command, self._vocabulary),
        )
        log.info(
            "mentor_classified",
            mentor=classified.name,
            kind=classified.kind,
            industry_expert=classified.industry_expert,
        )
        return classified
