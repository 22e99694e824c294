"""Bookings: request a consultation, answer, move and end it, and what becomes of it as time passes."""

from functools import partial

import structlog

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, optional, optional_each
from services.mentors.domain import booking, ending
from services.mentors.domain import booking_commands as commands
from services.mentors.domain.availability import Availability, CityHours, pages_to_load
from services.mentors.domain.booking import Moment, pages_to_move, pages_to_release
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Bookings:
    """Commands and queries on consultations until they are logged. Days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, names: Names, city: CityHours) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._city = city

    async def request(self, command: commands.RequestConsultation, ctx: CallContext) -> Consultation:
        """Request a consultation.

        Taken (TIME_TAKEN), Precondition (MENTOR_NOT_APPOINTED, FORMAT_NOT_OFFERED, OUTSIDE_HOURS, TOO_SHORT_NOTICE,
        BEYOND_HORIZON, HOURS_USED_UP), Invalid, NotFound (MENTOR_NOT_FOUND, STARTUP_NOT_FOUND).
        """
        names = pages_to_load(command.mentor, command.interval, self._city)
        requested = await self._store.commit(
            ctx,
            Load(Mentor, command.mentor),
            optional_each(CalendarPage, names),
            _availability(command.mentor),
            Load(Startup, command.startup),
            optional(Residence, command.startup, guard=True),
            decide=partial(
                booking.request,
                command=command,
                name=self._names.new("consultations"),
                moment=self._moment(names),
            ),
        )
        log.info("consultation_requested", consultation=requested.name, mentor=requested.mentor, kind=requested.kind)
        return requested

    async def get(self, query: commands.GetConsultation, ctx: CallContext) -> Consultation:
        """Return one consultation. NotFound (CONSULTATION_NOT_FOUND)."""
        found = await self._store.get(Consultation, query.name, ctx)
        return found.seen_from(ctx.scope.names)

    async def list(self, query: commands.ListConsultations, ctx: CallContext) -> Page[Consultation]:
        """Return a page of consultations."""
        page = await self._store.list_consultations(query, ctx)
        return Page(tuple(found.seen_from(ctx.scope.names) for found in page), page.next_page_token)

    async def accept(self, command: commands.AcceptConsultation, ctx: CallContext) -> Consultation:
        """Accept a request. Precondition (WRONG_CONSULTATION_STATE, MENTOR_NOT_APPOINTED), Stale, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)  # its mentor never changes
        accepted = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            Load(Mentor, known.mentor, guard=True),
            decide=partial(booking.accept, command=command, moment=self._moment()),
        )
        log.info("consultation_accepted", consultation=accepted.name)
        return accepted

    async def accept_proposed_time(self, command: commands.AcceptProposedTime, ctx: CallContext) -> Consultation:
        """Accept a proposed time. Precondition (WRONG_CONSULTATION_STATE, MENTOR_NOT_APPOINTED), Stale, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        accepted = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            Load(Mentor, known.mentor),
            decide=partial(booking.accept_proposed_time, command=command, moment=self._moment()),
        )
        log.info("proposed_time_accepted", consultation=accepted.name)
        return accepted

    async def propose(self, command: commands.ProposeTime, ctx: CallContext) -> Consultation:
        """Propose another time. As `request`; Precondition (WRONG_CONSULTATION_STATE, TOO_MANY_MOVES), Stale."""
        known = await self._store.get(Consultation, command.name, ctx)
        names = pages_to_move(known, command.interval, self._city)
        proposed = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            Load(Mentor, known.mentor, guard=True),
            optional_each(CalendarPage, names),
            _availability(known.mentor),
            Load(Startup, known.startups[0]),
            optional(Residence, known.startups[0]),
            decide=partial(booking.propose, command=command, moment=self._moment(names)),
        )
        log.info("time_proposed", consultation=proposed.name, moves=len(proposed.moves))
        return proposed

    async def move(self, command: commands.MoveConsultation, ctx: CallContext) -> Consultation:
        """Request another time. As `request`; Precondition (WRONG_CONSULTATION_STATE, TOO_MANY_MOVES), Stale."""
        known = await self._store.get(Consultation, command.name, ctx)
        names = pages_to_move(known, command.interval, self._city)
        moved = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            Load(Mentor, known.mentor),
            optional_each(CalendarPage, names),
            _availability(known.mentor),
            Load(Startup, known.startups[0]),
            optional(Residence, known.startups[0]),
            decide=partial(booking.move, command=command, moment=self._moment(names)),
        )
        log.info("consultation_moved", consultation=moved.name, moves=len(moved.moves))
        return moved

    async def decline(self, command: commands.DeclineConsultation, ctx: CallContext) -> Consultation:
        """Decline a request. Precondition (WRONG_CONSULTATION_STATE), Stale (ETAG_MISMATCH), Invalid, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        names = pages_to_release(known, self._city)
        declined = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional_each(CalendarPage, names),
            Load(Mentor, known.mentor, guard=True),
            decide=lambda found, pages, _: ending.decline(found, pages, command=command, moment=self._moment(names)),
        )
        log.info("consultation_declined", consultation=declined.name, reason=declined.end_reason)
        return declined

    async def withdraw(self, command: commands.WithdrawConsultation, ctx: CallContext) -> Consultation:
        """Withdraw a request. Precondition (WRONG_CONSULTATION_STATE), Stale (ETAG_MISMATCH), NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        names = pages_to_release(known, self._city)
        withdrawn = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional_each(CalendarPage, names),
            decide=partial(ending.withdraw, command=command, moment=self._moment(names)),
        )
        log.info("consultation_withdrawn", consultation=withdrawn.name)
        return withdrawn

    async def cancel(self, command: commands.CancelConsultation, ctx: CallContext) -> Consultation:
        """Cancel a consultation. Precondition (WRONG_CONSULTATION_STATE), Stale (ETAG_MISMATCH), Invalid, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        names = pages_to_release(known, self._city)
        cancelled = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional_each(CalendarPage, names),
            decide=partial(ending.cancel, command=command, moment=self._moment(names)),
        )
        log.info("consultation_cancelled", consultation=cancelled.name, reason=cancelled.end_reason)
        return cancelled

    async def advance(self, name: str, ctx: CallContext) -> None:
        """Timer: expire what nobody answered, and hold what was scheduled. Precondition (NOT_DUE)."""
        known = await self._store.get(Consultation, name, ctx)
        names = pages_to_release(known, self._city)
        advanced = await self._store.commit(
            ctx,
            Load(Consultation, name),
            optional_each(CalendarPage, names),
            decide=partial(ending.advance, moment=self._moment(names)),
        )
        log.info("consultation_advanced", consultation=name, state=advanced.state)

    def _moment(self, page_names: tuple[str, ...] = ()) -> Moment:
        return Moment(self._clock.now(), self._city, page_names)


def _availability(mentor: str) -> Load[Availability | None]:
    return optional(Availability, f"{mentor}/availability")
