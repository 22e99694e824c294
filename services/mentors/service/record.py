"""Records: log what was held, correct and prove it, and what startups say of it."""

from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.calendar.page import CalendarPage
from libs.common.domain.errors import Taken
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, each, optional, optional_each
from services.mentors.domain import answer, correction, tally
from services.mentors.domain import log as logs
from services.mentors.domain.answer import ConfirmConsultation, DisputeConsultation, ResolveDispute
from services.mentors.domain.consultation import RECORDED, Consultation
from services.mentors.domain.correction import AddEvidence, CompleteNextStep, CorrectConsultation
from services.mentors.domain.log import LogConsultation
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.record import RecordSection, RecordSpec, Terms, already_logged, pages_to_load
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Records:
    """Commands on records. Calendar days are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, names: Names, city: City, rules: RecordSection) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._zone = ZoneInfo(city.time_zone)
        self._rules = rules

    async def log(self, command: LogConsultation, ctx: CallContext) -> Consultation:
        """Log a consultation that was held, once. Precondition (IN_THE_FUTURE, WRONG_CONSULTATION_STATE, RECORD_FULL).

        Taken (ALREADY_LOGGED, TIME_TAKEN), Stale (ETAG_MISMATCH), NotFound.
        """
        try:
            logged = await (self._log_booked(command, ctx) if command.name else self._log_walk_in(command, ctx))
        except Taken as refusal:
            raise await self._explained(refusal) from None
        log.info(
            "consultation_logged",
            consultation=logged.name,
            mentor=logged.mentor,
            startups=logged.startups,
            minutes=logged.minutes,
            walk_in=logged.walk_in,
            appointed=logged.appointed,
        )
        return logged.seen_from(ctx.scope.names)

    async def _log_walk_in(self, command: LogConsultation, ctx: CallContext) -> Consultation:
        names = pages_to_load(command.mentor, command.record, None, self._zone)
        return await self._store.commit(
            ctx,
            Load(Mentor, command.mentor, guard=True),
            optional_each(CalendarPage, names),
            each(Startup, command.startups),
            optional_each(Residence, command.startups),
            decide=partial(
                logs.log_walk_in, command=command, name=self._names.new("consultations"), terms=self._terms(names)
            ),
        )

    async def _log_booked(self, command: LogConsultation, ctx: CallContext) -> Consultation:
        known = await self._store.get(Consultation, command.name or "", ctx)
        startups = command.startups_with(known)
        names = pages_to_load(command.mentor, command.record, known, self._zone)
        return await self._store.commit(
            ctx,
            Load(Consultation, known.name, guard=True),
            Load(Mentor, command.mentor, guard=True),
            optional_each(CalendarPage, names),
            each(Startup, startups),
            optional_each(Residence, startups),
            decide=partial(logs.log_booked, command=command, known=known, terms=self._terms(names)),
        )

    async def correct(self, command: CorrectConsultation, ctx: CallContext) -> Consultation:
        """Correct a record. Precondition (CORRECTION_CLOSED, RECORD_FULL, IN_THE_FUTURE, WRONG_CONSULTATION_STATE).

        Taken (ALREADY_LOGGED, TIME_TAKEN), Stale (ETAG_MISMATCH), NotFound.
        """
        known = await self._store.get(Consultation, command.name, ctx)
        record = RecordSpec.of(known).updated(command.record.masked(command.update_mask))
        names = pages_to_load(known.mentor, record, known, self._zone)
        try:
            corrected = await self._store.commit(
                ctx,
                Load(Consultation, command.name, guard=True),
                Load(Mentor, known.mentor),
                optional_each(CalendarPage, names),
                optional_each(Residence, known.startups),
                decide=partial(correction.correct, command=command, known=known, terms=self._terms(names)),
            )
        except Taken as refusal:
            raise await self._explained(refusal) from None
        log.info("consultation_corrected", consultation=corrected.name, fields=command.update_mask.paths)
        return corrected.seen_from(ctx.scope.names)

    async def add_evidence(self, command: AddEvidence, ctx: CallContext) -> Consultation:
        """Add documents to a record. Precondition (RECORD_FULL, WRONG_CONSULTATION_STATE), NotFound."""
        decide = partial(correction.add_evidence, command=command)
        proved = await self._store.commit(ctx, Load(Consultation, command.name, guard=True), decide=decide)
        log.info("evidence_added", consultation=proved.name, documents=len(command.evidence))
        return proved.seen_from(ctx.scope.names)

    async def complete_next_step(self, command: CompleteNextStep, ctx: CallContext) -> Consultation:
        """Mark a next step as done. Precondition (NEXT_STEP_DONE, WRONG_CONSULTATION_STATE), NotFound."""
        decide = partial(correction.complete_next_step, command=command, today=self._terms().today)
        completed = await self._store.commit(ctx, Load(Consultation, command.name, guard=True), decide=decide)
        log.info("next_step_completed", consultation=completed.name, index=command.index)
        return completed.seen_from(ctx.scope.names)

    async def confirm(self, command: ConfirmConsultation, ctx: CallContext) -> Consultation:
        """Confirm a record for a startup. Precondition (ALREADY_ANSWERED, ANSWER_TOO_LATE), Stale, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        confirmed = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional(MentorYear, self._year_of(known)),
            # The name of the figures is the startup's: a founder answers for no other startup of the consultation.
            optional(Mentee, command.startup, guard=True),
            decide=partial(answer.confirm, command=command, known=known, terms=self._terms()),
        )
        log.info("consultation_confirmed", consultation=confirmed.name, startup=command.startup)
        return confirmed.seen_from(ctx.scope.names)

    async def dispute(self, command: DisputeConsultation, ctx: CallContext) -> Consultation:
        """Dispute a record for a startup. Precondition (ALREADY_ANSWERED, ANSWER_TOO_LATE), Stale, NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        disputed = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional(MentorYear, self._year_of(known)),
            optional(Mentee, command.startup, guard=True),
            decide=partial(answer.dispute, command=command, known=known, terms=self._terms()),
        )
        log.info("consultation_disputed", consultation=disputed.name, startup=command.startup)
        return disputed.seen_from(ctx.scope.names)

    async def resolve(self, command: ResolveDispute, ctx: CallContext) -> Consultation:
        """Resolve a dispute. Precondition (NOT_DISPUTED), Denied (OUT_OF_SCOPE), Stale (ETAG_MISMATCH), NotFound."""
        known = await self._store.get(Consultation, command.name, ctx)
        decide = partial(answer.resolve, command=command, known=known, terms=self._terms(), reach=ctx.scope.names)
        resolved = await self._store.commit(
            ctx,
            Load(Consultation, command.name, guard=True),
            optional(MentorYear, self._year_of(known)),
            optional(Mentee, command.startup),
            decide=decide,
        )
        log.info("dispute_resolved", consultation=resolved.name, startup=command.startup, how=command.resolution)
        return resolved.seen_from(ctx.scope.names)

    async def close(self, name: str, ctx: CallContext) -> None:
        """Timer: end the time to answer. Precondition (NOT_DUE)."""
        decide = partial(answer.close, terms=self._terms())
        closed = await self._store.commit(ctx, Load(Consultation, name), decide=decide)
        log.info("time_to_answer_ended", consultation=name, state=closed.state)

    def _terms(self, page_names: tuple[str, ...] = ()) -> Terms:
        return Terms(self._clock.now(), self._zone, self._rules.answer_days, page_names)

    def _year_of(self, consultation: Consultation) -> str:
        """Return the name of the figures to which a consultation counts."""
        return tally.year_name(consultation.mentor, tally.day_of(consultation.start_time, self._zone).year)

    async def _explained(self, refusal: Taken) -> Taken:
        """Return ALREADY_LOGGED for a time that is taken by a record.

        It is looked up only now, because a calendar does not tell what is recorded, and most consultations are logged
        once. What a page holds at the time of the refusal is committed.
        """
        name = refusal.metadata.get("consultation", "")
        if refusal.reason != "TIME_TAKEN" or not name:
            return refusal
        (first,) = await self._store.find(Consultation, (name,))
        return already_logged(first) if first and first.state in RECORDED else refusal
