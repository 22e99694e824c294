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
from services.mentors.domain.candidate import Record
from services.mentors.domain.conflict import Conflict, conflicts
from services.mentors.domain.match import Prospect
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.need import MatchMentors, Sought, sought
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.residence import Residence
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup
from services.mentors.match_queries import MatchQueries
from services.mentors.store import MentorsStore

#: Records are read for this many times the wanted matches in the first round, and for more in each further one.
FIRST_ROUND = 4
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

    async def rank(self, query: MatchMentors, ctx: CallContext) -> match.Matches:
        """Rank mentors for a startup or a need. Invalid, Denied, NotFound (STARTUP_NOT_FOUND, SPACE_NOT_FOUND)."""
        query.ensure_valid(self._vocabulary)
        today, rules = self._clock.today(self._zone), self._rules
        # Its scope is checked below: a startup may be reached by its space, of which it knows nothing itself.
        everything = replace(ctx, scope=UNLIMITED)
        startup, space = await self._startup(query, ctx, everything)
        if query.need.space is not None:
            space = await self._store.get(Space, query.need.space, everything)
        seeking = sought(query.need, startup, space)
        candidates = await self._queries.candidates(seeking, today)
        return await self._best(match.prospects(candidates, seeking, rules), seeking, query.limit, everything)

    async def _best(
        self, hopeful: tuple[Prospect, ...], seeking: Sought, limit: int, everything: CallContext
    ) -> match.Matches:
        """Return the best prospects. Whoever is among them with a conflict of interest makes room for the next."""
        records: dict[str, Record] = {}
        known: dict[str, Mentor] = {}
        excluded: dict[str, match.ExcludedMentor] = {}
        while True:
            hopeful = tuple(prospect for prospect in hopeful if prospect.name not in excluded)
            await self._read_records(hopeful, records, limit)
            best = match.rank(hopeful, records, self._rules, limit)
            unknown = [candidate.name for candidate in best if candidate.name not in known]
            if not unknown:
                break
            for mentor in await self._store.get_all(Mentor, unknown, everything):
                known[mentor.name] = mentor
                if found := self._conflicts(mentor, seeking):
                    excluded[mentor.name] = match.ExcludedMentor.of(mentor, found)
        matches = (
            match.Match.of(known[each.name], match.score(each, records[each.name], seeking, self._rules))
            for each in best
        )
        return match.Matches(matches=tuple(matches), excluded=tuple(excluded[name] for name in sorted(excluded)))

    def _conflicts(self, mentor: Mentor, seeking: Sought) -> tuple[Conflict, ...]:
        return conflicts(mentor, seeking.startup, self._rules.officer_roles) if seeking.startup else ()

    async def _read_records(self, hopeful: tuple[Prospect, ...], records: dict[str, Record], limit: int) -> None:
        """Read the records of the most promising prospects until no other can be among the first."""
        today, size = self._clock.today(self._zone), FIRST_ROUND * limit
        while undecided := match.undecided(hopeful, records, self._rules, limit):
            records |= await self._queries.records([prospect.name for prospect in undecided[:size]], today)
            size *= FIRST_ROUND

    async def _startup(
        self, query: MatchMentors, ctx: CallContext, everything: CallContext
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
