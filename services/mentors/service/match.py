"""Matching: find the mentors who suit a startup or a need."""

import asyncio
from dataclasses import replace
from typing import TypeVar
from zoneinfo import ZoneInfo

from libs.common.domain.entity import Entity
from libs.common.domain.errors import NotFound
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED, out_of_scope
from libs.common.runtime.clock import Clock
from libs.common.store.command import Missing
from services.mentors.domain import match
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.residence import Residence
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup
from services.mentors.match_queries import MatchQueries
from services.mentors.store import MentorsStore

E = TypeVar("E", bound=Entity)


class Matching:
    """Queries that rank mentors. Days and months are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, city: City, profile: MentorsProfile) -> None:
        self._store = store
        self._clock = clock
        self._zone = ZoneInfo(city.time_zone)
        self._queries = MatchQueries(store.database, self._zone)
        self._vocabulary = profile.vocabulary(city)
        self._rules = profile.matching

    async def rank(self, query: match.MatchMentors, ctx: CallContext) -> match.Matches:
        """Rank mentors for a startup or a need. Invalid, Denied, NotFound (STARTUP_NOT_FOUND, SPACE_NOT_FOUND)."""
        query.ensure_valid(self._vocabulary)
        today, rules = self._clock.today(self._zone), self._rules
        # Its scope is checked below: a startup may be reached by its space, of which it knows nothing itself.
        everything = replace(ctx, scope=UNLIMITED)
        startup, space = await self._startup(query, ctx, everything)
        if query.need.space is not None:
            space = await self._store.get(Space, query.need.space, everything)
        seeking = match.sought(query.need, startup, space)
        candidates = await self._queries.candidates(seeking, today)
        free, excluded = match.separate(candidates, seeking, rules.officer_roles)
        chosen = match.shortlist(free, seeking, rules, query.limit)
        records = await self._queries.records([candidate.name for candidate in chosen], today)
        return match.Matches(matches=match.rank(chosen, records, seeking, rules, query.limit), excluded=excluded)

    async def _startup(
        self, query: match.MatchMentors, ctx: CallContext, everything: CallContext
    ) -> tuple[Startup | None, Space | None]:
        """Return the startup of the query and the space where it is a tenant today.

        Denied unless the caller's scope reaches one of the two, whether the startup exists or not.
        """
        if query.startup is None:
            return None, None
        startup, residence = await asyncio.gather(
            self._find(Startup, query.startup, everything), self._find(Residence, query.startup, everything)
        )
        name = residence.space_on(self._clock.today(self._zone)) if residence else ""
        space = (await self._find(Space, name, everything) or Space(name=name)) if name else None
        reached = ctx.scope.covers_name(query.startup) or (startup and ctx.scope.covers_name(startup.district))
        if not reached and not (space and ctx.scope.covers(space)):
            raise out_of_scope()
        if startup is None:
            raise NotFound("STARTUP_NOT_FOUND", f"{query.startup} does not exist", name=query.startup)
        return startup, space

    async def _find(self, kind: type[E], name: str, everything: CallContext) -> E | None:
        try:
            return await self._store.get(kind, name, everything)
        except Missing:
            return None
