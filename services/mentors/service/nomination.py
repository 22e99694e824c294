"""The papers of nominations: read, replace, and reject."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Change
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from libs.common.store.command import Load
from services.mentors.domain import nomination
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.nomination import Nomination
from services.mentors.domain.profile import MentorsProfile
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Nominations:
    """Commands and queries on nominations. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, city: City, profile: MentorsProfile) -> None:
        self._store = store
        self._clock = clock
        self._zone = ZoneInfo(city.time_zone)
        self._rules = profile.nomination

    async def get(self, query: nomination.GetNomination, ctx: CallContext) -> Nomination:
        """Return the papers and what they lack. NotFound (NOMINATION_NOT_FOUND)."""
        found = await self._store.get(Nomination, query.name, ctx)
        return found.on(self._clock.today(self._zone), self._rules)

    async def update(self, command: nomination.UpdateNomination, ctx: CallContext) -> Nomination:
        """Replace the papers. Stale (ETAG_MISMATCH), NotFound (NOMINATION_NOT_FOUND)."""
        today = self._clock.today(self._zone)
        decide = partial(nomination.update, command=command, today=today)
        updated = await self._commit(command.name, decide, ctx)
        log.info("nomination_updated", nomination=updated.name)
        return updated.on(today, self._rules)

    async def reject(self, command: nomination.RejectNomination, ctx: CallContext) -> Nomination:
        """Reject a nomination. Precondition (WRONG_MENTOR_STATE), Stale (ETAG_MISMATCH)."""
        rejected = await self._commit(command.name, partial(nomination.reject, command=command), ctx)
        log.info("nomination_rejected", nomination=rejected.name)
        return rejected.on(self._clock.today(self._zone), self._rules)

    async def _commit(self, name: str, decide: "partial[Change[Nomination]]", ctx: CallContext) -> Nomination:
        mentor = name.removesuffix("/nomination")
        return await self._store.commit(ctx, Load(Nomination, name, guard=True), Load(Mentor, mentor), decide=decide)
