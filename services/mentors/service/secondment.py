"""Secondments: propose, agree, end and read them, and advance their state as days pass."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, optional
from services.mentors.domain import seconding, secondment
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.secondment import Secondment
from services.mentors.domain.working_time import WorkingTime, working_time_name
from services.mentors.panel_store import PanelQueries
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Secondments:
    """Commands and queries on secondments. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, names: Names, city: City) -> None:
        self._store = store
        self._queries = PanelQueries(store)
        self._clock = clock
        self._names = names
        self._zone = ZoneInfo(city.time_zone)

    async def propose(self, command: secondment.ProposeSecondment, ctx: CallContext) -> Secondment:
        """Propose a secondment. Precondition (WORKING_TIME_EXCEEDED, TOO_MANY_SECONDMENTS, WRONG_MENTOR_STATE)."""
        proposed = await self._store.commit(
            ctx,
            Load(Mentor, command.mentor, guard=True),
            optional(WorkingTime, working_time_name(command.mentor)),
            decide=partial(
                seconding.propose,
                command=command,
                name=self._names.new("secondments"),
                today=self._clock.today(self._zone),
                zone=self._zone,
            ),
        )
        log.info("secondment_proposed", secondment=proposed.name, mentor=proposed.mentor)
        return proposed

    async def record_consent(self, command: secondment.RecordConsent, ctx: CallContext) -> Secondment:
        """Record an organisation's consent. Taken (ALREADY_CONSENTED), Precondition (SECONDMENT_ENDED)."""
        decide = partial(seconding.record_consent, command=command, now=self._clock.now(), zone=self._zone)
        changed = await self._store.commit(ctx, Load(Secondment, command.name, guard=True), decide=decide)
        log.info("secondment_consented", secondment=changed.name, party=command.party, state=changed.state)
        return changed

    async def end(self, command: secondment.EndSecondment, ctx: CallContext) -> Secondment:
        """End a secondment early. Precondition (SECONDMENT_ENDED), Stale (ETAG_MISMATCH)."""
        (known,) = await self._store.find(Secondment, (command.name,))  # its mentor never changes
        ended = await self._store.commit(
            ctx,
            Load(Secondment, command.name, guard=True),
            optional(WorkingTime, working_time_name(known.mentor if known else "")),
            decide=partial(seconding.end, command=command, today=self._clock.today(self._zone), zone=self._zone),
        )
        log.info("secondment_end_set", secondment=ended.name, state=ended.state, reason=ended.end_reason)
        return ended

    async def get(self, query: secondment.GetSecondment, ctx: CallContext) -> Secondment:
        """Return one secondment. NotFound (SECONDMENT_NOT_FOUND)."""
        return await self._store.get(Secondment, query.name, ctx)

    async def list(self, query: secondment.ListSecondments, ctx: CallContext) -> Page[Secondment]:
        """Return a page of secondments."""
        return await self._queries.list_secondments(query, ctx)

    async def advance(self, name: str, ctx: CallContext) -> None:
        """Timer: move a secondment to its state of today. Precondition (NOT_DUE)."""
        decide = partial(seconding.advance, today=self._clock.today(self._zone), zone=self._zone)
        advanced = await self._store.commit(ctx, Load(Secondment, name), decide=decide)
        log.info("secondment_advanced", secondment=name, state=advanced.state)
