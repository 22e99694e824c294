"""Appointments: appoint, suspend, resume and retire mentors, and advance their state as days pass."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Change
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from libs.common.store.command import Load, optional
from services.mentors.domain import appointment
from services.mentors.domain.certificate_number import CertificateNumber, certificate_name
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.profile import MentorsProfile
from services.mentors.service.appointer import load_appointer
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Appointments:
    """Commands on the terms of mentors. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, city: City, profile: MentorsProfile) -> None:
        self._store = store
        self._clock = clock
        self._city = city
        self._zone = ZoneInfo(city.time_zone)
        self._term_months = profile.appointment.term_months

    async def appoint(self, command: appointment.AppointMentor, ctx: CallContext) -> Mentor:
        """Appoint a mentor. Taken (CERTIFICATE_NUMBER_TAKEN, ALREADY_APPOINTED), Precondition (WRONG_MENTOR_STATE)."""
        appointed = await self._store.commit(
            ctx,
            Load(Mentor, command.name),
            load_appointer(command.appointer),
            optional(CertificateNumber, certificate_name(command.certificate_number)),
            decide=partial(
                appointment.appoint,
                command=command,
                city=self._city,
                term_months=self._term_months,
                today=self._clock.today(self._zone),
            ),
        )
        log.info("mentor_appointed", mentor=appointed.name, appointer=command.appointer)
        return appointed

    async def end(self, command: appointment.EndAppointment, ctx: CallContext) -> Mentor:
        """End one appointment. NotFound (APPOINTMENT_NOT_FOUND), Precondition (APPOINTMENT_ENDED)."""
        ended = await self._commit(command.name, partial(appointment.end_appointment, command=command), ctx)
        log.info("appointment_ended", mentor=ended.name, state=ended.state)
        return ended

    async def suspend(self, command: appointment.SuspendMentor, ctx: CallContext) -> Mentor:
        """Suspend a mentor. Precondition (WRONG_MENTOR_STATE), Stale (ETAG_MISMATCH)."""
        suspended = await self._commit(command.name, partial(appointment.suspend, command=command), ctx)
        log.info("mentor_suspended", mentor=suspended.name, until=suspended.suspension_end_date)
        return suspended

    async def resume(self, command: appointment.ResumeMentor, ctx: CallContext) -> Mentor:
        """End a suspension. Precondition (WRONG_MENTOR_STATE), Stale (ETAG_MISMATCH)."""
        resumed = await self._commit(command.name, partial(appointment.resume, command=command), ctx)
        log.info("mentor_resumed", mentor=resumed.name)
        return resumed

    async def retire(self, command: appointment.RetireMentor, ctx: CallContext) -> Mentor:
        """Retire a mentor. Precondition (WRONG_MENTOR_STATE), Stale (ETAG_MISMATCH)."""
        retired = await self._commit(command.name, partial(appointment.retire, command=command), ctx)
        log.info("mentor_retired", mentor=retired.name, reason=retired.retire_reason)
        return retired

    async def advance(self, name: str, ctx: CallContext) -> None:
        """Timer: move a mentor to the state of today. Precondition (NOT_DUE)."""
        decide = partial(appointment.advance, city=self._city, today=self._clock.today(self._zone))
        advanced = await self._store.commit(ctx, Load(Mentor, name), decide=decide)
        log.info("mentor_advanced", mentor=name, state=advanced.state)

    async def _commit(self, name: str, decide: "partial[Change[Mentor]]", ctx: CallContext) -> Mentor:
        decision = partial(decide, city=self._city, today=self._clock.today(self._zone))
        return await self._store.commit(ctx, Load(Mentor, name, guard=True), decide=decision)
