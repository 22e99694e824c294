"""Answers, moves and endings: which state follows which, and whose time is occupied then."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from libs.common.domain.errors import Invalid, Precondition, Stale, Taken
from services.mentors.domain.booking import MAX_MOVES, at
from services.mentors.domain.consultation import Consultation, EndReason, Move, State
from tests.mentors.booking.samples import (
    MENTOR,
    OTHER_STARTUP,
    SPACE,
    STARTUP,
    Calendar,
    instant,
    residence,
    span,
)
from tests.mentors.samples import day

AT_NINE, AT_TEN, AT_ELEVEN = span(1, "9:00"), span(1, "10:00"), span(1, "11:15")
MILLISECOND = timedelta(milliseconds=1)
R, P, S, H = State.REQUESTED, State.PROPOSED, State.SCHEDULED, State.HELD


def requested(calendar: Calendar) -> Consultation:
    """Return a request for tomorrow at ten."""
    return calendar.request(AT_TEN)


def proposed(calendar: Calendar) -> Consultation:
    """Return a consultation for which the mentor proposes nine o'clock."""
    return calendar.propose(requested(calendar), AT_NINE)


def scheduled(calendar: Calendar) -> Consultation:
    """Return a consultation that is scheduled for tomorrow at ten."""
    return calendar.accept(requested(calendar))


def held(calendar: Calendar) -> Consultation:
    """Return a consultation whose time is just over."""
    known = scheduled(calendar)
    calendar.now = known.end_time
    return calendar.advance(known)


def occupied_by(calendar: Calendar) -> list[str]:
    """Return the holders of time, on all pages."""
    return sorted({entry.holder for page in calendar.pages.values() for entry in page.entries})


# --- states -----------------------------------------------------------------------------------

Act = Callable[[Calendar, Consultation], Consultation]
ACTIONS: dict[str, tuple[Act, dict[State, State]]] = {
    "accept": (Calendar.accept, {R: S}),
    "accept_proposed_time": (Calendar.accept_proposed_time, {P: S}),
    "decline": (Calendar.decline, {R: State.DECLINED, P: State.DECLINED}),
    "withdraw": (Calendar.withdraw, {R: State.WITHDRAWN, P: State.WITHDRAWN}),
    "propose": (lambda calendar, known: calendar.propose(known, AT_ELEVEN), {R: P, P: P, S: P}),
    "move": (lambda calendar, known: calendar.move(known, AT_ELEVEN), {R: R, P: R, S: R}),
    "cancel": (Calendar.cancel, {S: State.CANCELLED, H: State.CANCELLED}),
}
BUILDERS = {R: requested, P: proposed, S: scheduled, H: held}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("before", State)
def test_each_action_has_its_states(action: str, before: State) -> None:
    """An action is possible in some states and leads from each to one; in all others it changes nothing."""
    calendar = Calendar()
    known = BUILDERS[before](calendar) if before in BUILDERS else requested(calendar).with_(state=before)
    calendar.consultations[known.name] = known
    act, expected = ACTIONS[action]
    pages = dict(calendar.pages)
    if before not in expected:
        with pytest.raises(Precondition) as refused:
            act(calendar, known)
        assert (refused.value.reason, refused.value.metadata) == ("WRONG_CONSULTATION_STATE", {"state": before})
        assert (calendar.get(known), calendar.pages) == (known, pages)
        return
    after = act(calendar, known)
    due = {R: after.start_time, P: after.start_time, S: after.end_time}
    assert (after.state, after.due_time) == (expected[before], due.get(after.state))
    assert occupied_by(calendar) == ([known.name] if after.state in (R, P, S) else [])


@pytest.mark.parametrize("action", ["accept", "decline", "withdraw", "propose", "move", "cancel"])
def test_an_action_on_an_older_version_is_refused(action: str) -> None:
    """With the etag of an older version nothing happens; with the current one it does."""
    acts: dict[str, Callable[..., Consultation]] = {
        "accept": Calendar.accept,
        "decline": Calendar.decline,
        "withdraw": Calendar.withdraw,
        "propose": lambda calendar, known, **given: calendar.propose(known, AT_ELEVEN, **given),
        "move": lambda calendar, known, **given: calendar.move(known, AT_ELEVEN, **given),
        "cancel": Calendar.cancel,
    }
    calendar = Calendar()
    known = scheduled(calendar) if action == "cancel" else requested(calendar)
    with pytest.raises(Stale):
        acts[action](calendar, known, etag="v99")
    assert acts[action](calendar, known, etag=known.etag).version == known.version + 1


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [requested, proposed])
def test_what_nobody_answers_expires_when_it_begins(build: Callable[[Calendar], Consultation]) -> None:
    """A request and a proposal last to the millisecond before their time, and are expired from then on."""
    calendar = Calendar()
    known = build(calendar)
    assert at(known, known.start_time - MILLISECOND) is known
    calendar.now = known.start_time
    expired = calendar.advance(known)
    assert (expired.state, expired.due_time, expired.end_reason) == (State.EXPIRED, None, None)
    assert not occupied_by(calendar)
    assert calendar.facts()[-1] == "ConsultationEnded"


def test_what_is_scheduled_is_held_at_its_end() -> None:
    """A scheduled consultation is HELD from its end on, keeps its time, and publishes nothing."""
    calendar = Calendar()
    known = scheduled(calendar)
    assert at(known, known.end_time - MILLISECOND) is known
    facts = calendar.facts()
    calendar.now = known.end_time
    over = calendar.advance(known)
    assert (over.state, over.due_time, occupied_by(calendar)) == (H, None, [over.name])
    assert calendar.facts() == facts


def test_a_timer_that_runs_too_early_changes_nothing() -> None:
    """Nothing is due before the moment, and nothing a second time."""
    calendar = Calendar()
    known = requested(calendar)
    with pytest.raises(Precondition, match="already"):
        calendar.advance(known)
    calendar.now = known.start_time
    calendar.advance(known)
    with pytest.raises(Precondition, match="already"):
        calendar.advance(known)


@pytest.mark.parametrize("act", [Calendar.accept, Calendar.decline, Calendar.withdraw])
def test_an_answer_comes_too_late_although_the_timer_has_not_run(act: Act) -> None:
    """From its start on a request is expired for every answer, whether or not the sweeper was there."""
    calendar = Calendar()
    known = requested(calendar)
    calendar.now = known.start_time
    with pytest.raises(Precondition) as refused:
        act(calendar, known)
    assert refused.value.metadata == {"state": State.EXPIRED}


@pytest.mark.parametrize("reason", EndReason)
def test_each_reason_has_its_place(reason: EndReason) -> None:
    """A mentor declines for reasons of a mentor; nobody is absent before it begins; afterwards any reason is given."""
    declines = {"MENTOR_UNAVAILABLE", "OUTSIDE_EXPERTISE", "CONFLICT_OF_INTEREST", "OTHER"}
    calendar = Calendar()
    if reason in declines:
        assert calendar.decline(requested(calendar), reason).end_reason is reason
    else:
        with pytest.raises(Invalid, match="end_reason"):
            calendar.decline(requested(calendar), reason)
    calendar = Calendar()
    known = scheduled(calendar)
    if reason in {"MENTOR_ABSENT", "STARTUP_ABSENT"}:
        with pytest.raises(Invalid, match="end_reason"):
            calendar.cancel(known, reason)
        calendar.now = known.start_time
    assert calendar.cancel(known, reason).end_reason is reason


# --- moves ------------------------------------------------------------------------------------


def test_a_move_frees_the_old_time_and_keeps_it_on_record() -> None:
    """Every time that it had stays in its moves, with the side that moved it; only the last time is occupied."""
    calendar = Calendar()
    known = scheduled(calendar)
    calendar.propose(known, AT_NINE)
    moved = calendar.move(known, span(7, "14:00"))
    expected = [(AT_TEN, MENTOR), (AT_NINE, STARTUP)]
    assert moved.moves == tuple(
        Move(start_time=time.start, end_time=time.end, moved_by=by, move_time=calendar.now) for time, by in expected
    )
    assert [entry.interval for page in calendar.pages.values() for entry in page.entries] == [span(7, "14:00")]
    assert calendar.request(AT_TEN, OTHER_STARTUP).state is R


def test_a_move_belongs_to_the_space_of_the_new_day() -> None:
    """A consultation that is moved behind the end of the tenancy does not belong to the space any more."""
    calendar = Calendar(residences={STARTUP: residence(end=day(3))})
    known = requested(calendar)
    assert known.spaces == (SPACE,)
    assert calendar.move(known, span(3, "10:00")).spaces == ()


def test_a_move_may_overlap_its_own_old_time() -> None:
    """The old time of a consultation and its minutes are not in the way of its new one."""
    calendar = Calendar()
    known = calendar.request(span(1, "10:00", 120))
    assert calendar.move(known, span(1, "10:30", 120)).start_time == instant(1, "10:30")


@pytest.mark.parametrize("act", [Calendar.propose, Calendar.move])
def test_a_move_that_is_refused_changes_nothing(act: Callable[..., Consultation]) -> None:
    """When the new time is taken, closed, too soon or too much, the old one is kept with everything else."""
    calendar = Calendar()
    known = scheduled(calendar)
    calendar.request(span(2, "10:00"), OTHER_STARTUP)
    calendar.close(day(3), day(4))
    kept = (dict(calendar.consultations), dict(calendar.pages))
    for time, kind in (
        (span(2, "10:30"), Taken),
        (span(3, "10:00"), Precondition),
        (span(0, "12:30"), Precondition),
        (span(1, "10:00", 180), Invalid),
    ):
        with pytest.raises(kind):
            act(calendar, known, time)
    assert (calendar.consultations, calendar.pages) == kept


@pytest.mark.parametrize("act", [Calendar.propose, Calendar.move])
def test_the_time_that_it_has_is_no_move(act: Callable[..., Consultation]) -> None:
    """Moving to the same time changes neither the state nor the version, and publishes nothing."""
    calendar = Calendar()
    known = scheduled(calendar)
    assert act(calendar, known, AT_TEN) == known
    assert not calendar.changes[-1].saves
    assert not calendar.changes[-1].facts


def test_moves_are_bounded() -> None:
    """A consultation can be moved so often and no more."""
    calendar = Calendar()
    known = requested(calendar)
    for number in range(MAX_MOVES):
        known = calendar.move(known, (AT_ELEVEN, AT_TEN)[number % 2])
    with pytest.raises(Precondition) as refused:
        calendar.move(known, AT_ELEVEN)
    assert (refused.value.reason, refused.value.metadata) == ("TOO_MANY_MOVES", {"max_moves": str(MAX_MOVES)})


def test_pages_of_another_time_are_not_used() -> None:
    """A decision with the pages of a time that the consultation has left is refused, so that no entry stays behind."""
    calendar = Calendar()
    known = requested(calendar)
    calendar.move(known, span(9, "10:00"))
    moved = calendar.get(known)
    names = (f"{MENTOR}/calendars/2026-w48",)
    with pytest.raises(Stale) as refused:
        calendar.moment(*names).pages_with(moved, calendar.load(names))
    assert refused.value.reason == "ETAG_MISMATCH"
