"""What becomes of a panel after its draw: members leave and substitutes join, it is closed or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.calendar.local_time import instant_text
from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Change, Entity
from libs.common.domain.errors import Invalid, NotFound, Precondition
from services.mentors.domain.draw import fill
from services.mentors.domain.eligibility import Knowledge, Pair, Review, Reviewed
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import (
    ConflictDeclaration,
    Departure,
    LeaveReason,
    Member,
    Panel,
    State,
)
from services.mentors.domain.panel_commands import CancelPanel, ClosePanel, DeclareConflict, PanelRules, ReplaceMember
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.panel_facts import PanelCancelled, PanelClosed, PanelMemberReplaced
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup


@dataclass(frozen=True, slots=True)
class ChangeTerms:
    """What a change of a panel is given besides the command."""

    now: datetime
    rules: PanelRules
    advised: frozenset[Pair] = frozenset()


@dataclass(frozen=True, slots=True)
class _Left:
    """A panel after a member left, and what else is to be saved."""

    panel: Panel
    joined: tuple[Member, ...]
    saves: tuple[Entity, ...]

    def fact(self, reason: LeaveReason) -> PanelMemberReplaced:
        return PanelMemberReplaced.of(self.panel, reason=reason)


def declare_conflict(
    panel: Panel,
    mentors: Sequence[Mentor | None],
    duties: Sequence[Duties | None],
    pages: Sequence[CalendarPage | None],
    mentees: Sequence[Mentee | None],
    residences: Sequence[Residence | None],
    *,
    command: DeclareConflict,
    terms: ChangeTerms,
) -> Change[ConflictDeclaration]:
    """Record a conflict. A member leaves at once, whether or not a substitute fits; a substitute is struck off.

    `mentors` are the substitutes; `duties` and `pages` theirs and those of who leaves. Refuses a mentor who is neither
    (PANEL_MEMBER_NOT_FOUND) and a panel that is over (WRONG_PANEL_STATE).
    """
    panel.ensure_etag(command.etag)
    panel.ensure_drawn()
    if command.startup and command.startup not in panel.startups:
        raise Invalid.field("startup", "MALFORMED", "not under review by this panel")
    concerned = next((each for each in (*panel.members, *panel.substitutes) if each.mentor == command.mentor), None)
    if concerned is None:
        raise _not_found(command.mentor)
    declaration = ConflictDeclaration(
        name=f"{panel.name}/declarations/{command.mentor.rpartition('/')[2]}",
        panel=panel.name,
        district=panel.district,
        mentor=command.mentor,
        mentor_display_name=concerned.mentor_display_name,
        startup=command.startup or "",
        ground=command.ground,
        explanation=command.explanation,
    )
    if concerned in panel.substitutes:
        rest = tuple(each for each in panel.substitutes if each is not concerned)
        return Change(declaration, saves=(declaration, panel.with_members(panel.members, rest)))
    review = _review(panel, mentees, residences, terms)
    left = _leave(panel, concerned, LeaveReason.CONFLICT, review, Knowledge.of(mentors, duties, pages), terms.now)
    return Change(declaration, saves=(declaration, *left.saves), facts=(left.fact(LeaveReason.CONFLICT),))


def replace_member(
    panel: Panel,
    mentors: Sequence[Mentor | None],
    duties: Sequence[Duties | None],
    pages: Sequence[CalendarPage | None],
    mentees: Sequence[Mentee | None],
    residences: Sequence[Residence | None],
    *,
    command: ReplaceMember,
    terms: ChangeTerms,
) -> Change[Panel]:
    """Replace a member by the first substitute who fits. Refuses when none does (NO_SUBSTITUTE_FITS).

    The loaded entities are those of `declare_conflict`.
    """
    panel.ensure_etag(command.etag)
    panel.ensure_drawn()
    if command.reason is LeaveReason.CONFLICT:
        raise Invalid.field("reason", "MALFORMED", "declare a conflict with DeclareConflict")
    member = panel.member(command.mentor)
    if member is None:
        raise _not_found(command.mentor)
    review = _review(panel, mentees, residences, terms)
    left = _leave(panel, member, command.reason, review, Knowledge.of(mentors, duties, pages), terms.now)
    if not left.joined:
        raise Precondition(
            "NO_SUBSTITUTE_FITS",
            "no substitute is available, without a conflict, and such that the quotas are kept",
            substitutes=len(panel.substitutes),
        )
    return Change(left.panel, saves=left.saves, facts=(left.fact(command.reason),))


def _not_found(mentor: str) -> NotFound:
    return NotFound("PANEL_MEMBER_NOT_FOUND", f"{mentor} does not sit on the panel", name=mentor)


def _review(
    panel: Panel,
    mentees: Sequence[Mentee | None],
    residences: Sequence[Residence | None],
    terms: ChangeTerms,
) -> Review:
    """Return what the panel needs of a member who joins now."""
    startups = [
        Startup(name=each.startup, display_name=each.startup_display_name, credit_code=each.credit_code)
        for each in panel.subjects
    ]
    return Review(
        panel=panel.name,
        subjects=[Reviewed(*each) for each in zip(startups, mentees, residences, strict=True)],
        day=panel.day(terms.rules.zone),
        interval=panel.interval,
        max_panels=panel.max_panels,
        within_days=panel.within_days,
        zone=terms.rules.zone,
        officer_roles=terms.rules.officer_roles,
        advised=terms.advised,
    )


def _leave(panel: Panel, member: Member, reason: LeaveReason, review: Review, known: Knowledge, now: datetime) -> _Left:
    """Let a member leave, and the first substitutes join who fit, as many as seats are vacant."""
    rest = tuple(each for each in panel.members if each is not member)
    fitting = _fitting(panel, review, known)
    names = [
        each.mentor
        for each in fill(
            [each.ticket for each in rest], [each.ticket for each in fitting.values()], panel.quotas.of(panel.size)
        )
    ]
    joined = tuple(fitting[name].with_join_time(now) for name in names)
    departure = Departure(
        mentor=member.mentor,
        mentor_display_name=member.mentor_display_name,
        reason=reason,
        leave_time=now,
        replaced_by=joined[0].mentor if joined else "",
    )
    waiting = tuple(each for each in panel.substitutes if each.mentor not in names)
    changed = panel.with_members((*rest, *joined), waiting).with_(departures=(*panel.departures, departure))
    joining = [entity for name in names for entity in review.join(name, known, now)]
    return _Left(changed, joined, (changed, *review.leave(member.mentor, known), *joining))


def _fitting(panel: Panel, review: Review, known: Knowledge) -> dict[str, Member]:
    """Return the substitutes who could join now, as they are now, in the order of the draw."""
    mentors = [known.mentors[each.mentor] for each in panel.substitutes if each.mentor in known.mentors]
    return {each.name: Member.of(each) for each in mentors if not review.candidate(each, known).exclusions}


def close(panel: Panel, command: ClosePanel, *, now: datetime) -> Change[Panel]:
    """Close a panel, which makes public who sat on it.

    Refuses before the review begins (PANEL_NOT_BEGUN), and while a seat is vacant or a quota is not kept
    (PANEL_INCOMPLETE).
    """
    panel.ensure_etag(command.etag)
    panel.ensure_drawn()
    if panel.start_time is not None and now < panel.start_time:
        raise Precondition("PANEL_NOT_BEGUN", "the review has not begun", start_time=instant_text(panel.start_time))
    missing = panel.missing
    if missing.seats or missing.industry_experts or missing.kinds:
        raise Precondition("PANEL_INCOMPLETE", "a seat is vacant or a quota is not kept", **missing.metadata)
    closed = panel.with_(state=State.CLOSED, close_time=now)
    fact = PanelClosed.of(
        closed,
        subjects=closed.startups,
        mentor_display_names=tuple(member.mentor_display_name for member in closed.members),
        industry_experts=sum(member.industry_expert for member in closed.members),
    )
    return Change(closed, saves=(closed,), facts=(fact,))


def cancel(
    panel: Panel,
    duties: Sequence[Duties | None],
    pages: Sequence[CalendarPage | None],
    *,
    command: CancelPanel,
    terms: ChangeTerms,
) -> Change[Panel]:
    """Cancel a panel: its members' time is free again, and it counts as a duty of none.

    `duties` and `pages` are those of all who are or could become members.
    """
    panel.ensure_etag(command.etag)
    panel.ensure_drawn()
    known = Knowledge.of((), duties, pages)
    review = _review(panel, [None] * len(panel.subjects), [None] * len(panel.subjects), terms)
    cancelled = panel.with_(state=State.CANCELLED, cancel_reason=command.cancel_reason)
    leaving = [entity for mentor in panel.mentors for entity in review.leave(mentor, known)]
    fact = PanelCancelled.of(cancelled, subjects=cancelled.startups)
    return Change(cancelled, saves=(cancelled, *leaving), facts=(fact,))
