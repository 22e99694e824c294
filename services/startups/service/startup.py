"""Startups: register, read, update, and what spaces and mentors report about them."""

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.messaging.subscription import FactPayload
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, optional
from services.startups.domain import mentoring, residency, startup
from services.startups.domain.mentoring import ForgottenMentor
from services.startups.domain.names import MentorName, SpaceName, StartupName
from services.startups.domain.startup import Startup
from services.startups.store import StartupsStore

log = structlog.get_logger()


class TenancyPayload(FactPayload):
    """The fields of the facts of tenancies that startups uses."""

    space: SpaceName
    space_display_name: str
    startup: StartupName
    start_date: date
    end_date: date | None = None


class RelationPayload(FactPayload):
    """The fields of the facts of consultations that startups uses: the relation after what happened."""

    mentor: MentorName
    mentor_display_name: str = ""
    startup: StartupName
    relation_sessions: int
    relation_minutes: int
    relation_last_date: date | None = None
    relation_sequence: int


class MentorPayload(FactPayload):
    """The fields of the facts of mentors that startups uses."""

    name: MentorName


class Startups:
    """Commands and queries on startups. Calendar days are those of the city's time zone."""

    def __init__(self, store: StartupsStore, clock: Clock, names: Names, city: City) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._city = city
        self._zone = ZoneInfo(city.time_zone)

    async def register(self, command: startup.RegisterStartup, ctx: CallContext) -> Startup:
        """Register a startup. Invalid, Taken (CREDIT_CODE_TAKEN)."""
        name, today = self._names.new("startups"), self._clock.today(self._zone)
        decide = partial(startup.register, command, self._city, name=name, today=today)
        registered = await self._store.commit(ctx, decide=decide)
        log.info("startup_registered", startup=registered.name, stage=registered.stage)
        return registered

    async def get(self, query: startup.GetStartup, ctx: CallContext) -> Startup:
        """Return one startup. NotFound (STARTUP_NOT_FOUND)."""
        return await self._store.get(Startup, query.name, ctx)

    async def batch_get(self, query: startup.BatchGetStartups, ctx: CallContext) -> tuple[Startup, ...]:
        """Return several startups in the order of their names. NotFound when one is missing."""
        return await self._store.get_all(Startup, query.names, ctx)

    async def list(self, query: startup.ListStartups, ctx: CallContext) -> Page[Startup]:
        """Return a page of startups."""
        return await self._store.list_startups(query, ctx)

    async def update(self, command: startup.UpdateStartup, ctx: CallContext) -> Startup:
        """Change a startup. Stale (ETAG_MISMATCH), Taken (CREDIT_CODE_TAKEN), Precondition (CREDIT_CODE_FIXED)."""
        decide = partial(startup.update, command=command, city=self._city, today=self._clock.today(self._zone))
        updated = await self._store.commit(ctx, Load(Startup, command.name, guard=True), decide=decide)
        log.info("startup_updated", startup=updated.name, stage=updated.stage, fields=command.update_mask.paths)
        return updated

    async def confirm_credit_code(self, command: startup.ConfirmCreditCode, ctx: CallContext) -> Startup:
        """Set a code as read from the licence. Taken (CREDIT_CODE_TAKEN), Precondition (CREDIT_CODE_FIXED)."""
        decide = partial(startup.confirm_credit_code, command=command)
        confirmed = await self._store.commit(ctx, Load(Startup, command.name, guard=True), decide=decide)
        log.info("credit_code_confirmed", startup=confirmed.name, check=confirmed.credit_code_check)
        return confirmed

    async def correct_credit_code(self, command: startup.CorrectCreditCode, ctx: CallContext) -> Startup:
        """Replace or remove a wrong code. Invalid (CREDIT_CODE_CHECK_DIGIT), Taken (CREDIT_CODE_TAKEN)."""
        decide = partial(startup.correct_credit_code, command=command)
        corrected = await self._store.commit(ctx, Load(Startup, command.name, guard=True), decide=decide)
        log.info("credit_code_corrected", startup=corrected.name, reason=command.correction_reason)
        return corrected

    async def note_activated(self, payload: TenancyPayload, ctx: CallContext) -> None:
        """Fact: a startup stays in a space, until its end date if it has one."""
        await self._note(payload, residency.State.CURRENT, ctx)

    async def note_ended(self, payload: TenancyPayload, ctx: CallContext) -> None:
        """Fact: a startup has moved out of a space."""
        await self._note(payload, residency.State.ENDED, ctx)

    async def _note(self, payload: TenancyPayload, state: residency.State, ctx: CallContext) -> None:
        reported = residency.Residency(
            tenancy=payload.name,
            sequence=payload.sequence,
            space=payload.space,
            space_display_name=payload.space_display_name,
            start_date=payload.start_date,
            end_date=payload.end_date,
            state=state,
        )
        decide = partial(startup.note_residency, reported=reported)
        await self._store.commit(ctx, Load(Startup, payload.startup), decide=decide)

    async def note_relation(self, payload: RelationPayload, ctx: CallContext) -> None:
        """Fact: the confirmed consultations of a mentor with a startup have changed."""
        reported = mentoring.MentorRelation(
            mentor=payload.mentor,
            mentor_display_name=payload.mentor_display_name,
            sessions=payload.relation_sessions,
            minutes=payload.relation_minutes,
            last_date=payload.relation_last_date,
            sequence=payload.relation_sequence,
        )
        await self._store.commit(
            ctx,
            Load(Startup, payload.startup),
            optional(ForgottenMentor, payload.mentor),
            decide=partial(startup.note_relation, reported=reported),
        )

    async def note_forgotten(self, payload: MentorPayload, ctx: CallContext) -> None:
        """Fact: the person behind a mentor was forgotten. The name is removed wherever it is shown."""
        remember = partial(mentoring.note_forgotten, mentor=payload.name)
        await self._store.commit(ctx, optional(ForgottenMentor, payload.name), decide=remember)
        forget = partial(startup.forget_mentor, mentor=payload.name)
        for name in await self._store.startups_of(payload.name):
            await self._store.commit(ctx.step(name), Load(Startup, name), decide=forget)
