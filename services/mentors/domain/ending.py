"""How a booking ends without a record: declined, withdrawn, cancelled, or expired. Its time is free again."""

from libs.common.domain.entity import Change
from libs.common.domain.errors import Invalid, Precondition
from services.mentors.domain.booking import PENDING, Loaded, Moment, at, current_in
from services.mentors.domain.booking_commands import CancelConsultation, DeclineConsultation, WithdrawConsultation
from services.mentors.domain.booking_facts import ConsultationEnded
from services.mentors.domain.consultation import Consultation, EndReason, State

CANCELLABLE = frozenset({State.SCHEDULED, State.HELD})
#: Why a mentor may decline, and what can be said only once the time has begun.
DECLINE_REASONS = frozenset(
    {EndReason.MENTOR_UNAVAILABLE, EndReason.OUTSIDE_EXPERTISE, EndReason.CONFLICT_OF_INTEREST, EndReason.OTHER}
)
ABSENCES = frozenset({EndReason.MENTOR_ABSENT, EndReason.STARTUP_ABSENT})


def decline(
    consultation: Consultation,
    loaded: Loaded,
    *,
    command: DeclineConsultation,
    moment: Moment,
) -> Change[Consultation]:
    """Decline a request, or take back a proposed time. The time is free again."""
    if command.end_reason not in DECLINE_REASONS:
        raise Invalid.field("end_reason", "MALFORMED", "not a reason for which a mentor declines")
    current = current_in(PENDING, consultation, command.etag, moment)
    return _end(current.with_(state=State.DECLINED, end_reason=command.end_reason), loaded, moment)


def withdraw(
    consultation: Consultation,
    loaded: Loaded,
    *,
    command: WithdrawConsultation,
    moment: Moment,
) -> Change[Consultation]:
    """Take back a request that is not scheduled. The time is free again."""
    current = current_in(PENDING, consultation, command.etag, moment)
    return _end(current.with_(state=State.WITHDRAWN), loaded, moment)


def cancel(
    consultation: Consultation,
    loaded: Loaded,
    *,
    command: CancelConsultation,
    moment: Moment,
) -> Change[Consultation]:
    """Cancel what is scheduled, or was and is not logged. The time is free again.

    That somebody was absent can be said once the time has begun.
    """
    current = current_in(CANCELLABLE, consultation, command.etag, moment)
    if command.end_reason in ABSENCES and moment.now < current.start_time:
        raise Invalid.field("end_reason", "MALFORMED", "nobody can be absent before the consultation begins")
    return _end(current.with_(state=State.CANCELLED, end_reason=command.end_reason), loaded, moment)


def advance(consultation: Consultation, loaded: Loaded, *, moment: Moment) -> Change[Consultation]:
    """Expire what nobody answered before its time began, and free the time; hold what was scheduled and is over.

    Refuses when nothing is due (NOT_DUE). A refusal is not recorded, so the same command can succeed later.
    """
    advanced = at(consultation, moment.now)
    if advanced is consultation:
        raise Precondition("NOT_DUE", "the state of the consultation is already that of now", name=consultation.name)
    if advanced.state is State.EXPIRED:
        return _end(advanced, loaded, moment)
    return Change(advanced, saves=(advanced,))


def _end(consultation: Consultation, loaded: Loaded, moment: Moment) -> Change[Consultation]:
    """Free the time of a consultation that does not take place."""
    ended = consultation.with_(due_time=None)
    freed = moment.pages_with(ended, loaded).release(ended.name)
    return Change(ended, saves=(ended, *freed.saves), facts=(ConsultationEnded.about(ended),))
