"""Any order of commands on one mentor's calendar: no double booking, rules kept, pages equal to the consultations."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from libs.calendar.interval import Interval
from libs.calendar.local_time import local_day, midnight
from libs.calendar.page import Entry, week_of
from libs.common.domain.errors import Refusal
from services.mentors.domain import log
from services.mentors.domain.booking import MOVABLE, PENDING, at, occupied
from services.mentors.domain.consultation import OCCUPYING, RECORDED, Consultation, Kind, State
from services.mentors.domain.log import LogConsultation
from services.mentors.domain.mentor import Format
from services.mentors.domain.record import RecordSpec, Terms, pages_to_load
from tests.mentors.booking.samples import (
    CITY,
    HOURS,
    MENTOR,
    RULES,
    Calendar,
    instant,
    outcome,
    request_of,
    residence,
)
from tests.mentors.samples import ZONE, day, startup

WEEK, GAP = timedelta(days=7), RULES.gap
STARTUPS = ("startups/a1", "startups/a2", "startups/a3")
startups = st.sampled_from(STARTUPS)


@st.composite
def times(draw: st.DrawFn) -> Interval:
    """A time within three weeks, mostly on a block and within the hours, often over the end of a week."""
    offset, minutes = draw(st.sampled_from((1, 1, 1, 2, 5, 8, 12))), draw(st.sampled_from((30, 30, 60, 60, 90)))
    quarter = draw(st.integers(36, 68))
    if draw(st.booleans()):
        offset, quarter = draw(st.sampled_from(((5, 86), (5, 88), (5, 91), (5, 93), (5, 94), (6, 0), (6, 2), (6, 6))))
    if draw(st.integers(0, 7)) == 7:
        offset, quarter = draw(st.sampled_from((0, 3, 20, 21))), draw(st.integers(30, 76))
        minutes = draw(st.sampled_from((15, 45, 50, 120, 135)))
    return Interval.lasting(instant(offset) + timedelta(minutes=15 * quarter), minutes)


class Bookings(RuleBasedStateMachine):
    """One mentor's calendar, with a clock that only moves on."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.calendar = Calendar(residences={STARTUPS[0]: residence(STARTUPS[0])})

    # --- commands -----------------------------------------------------------------------------

    @rule(target=known, time=times(), who=startups)
    def request_any(self, time: Interval, who: str) -> object:
        """Request a time."""
        return self.request(time, who)

    def request(self, time: Interval, who: str) -> object:
        """Request a time. Taken times are refused, and what the refusal names as free is free."""
        before = self.occupying()
        made = outcome(self.calendar.request, time, who)
        if isinstance(made, Refusal):
            if made.reason == "TIME_TAKEN":
                self.check_refusal(made, time, who, before)
            return multiple()
        self.check_booked(made, before)
        return made

    @rule(target=known, which=known, quarters=st.integers(-5, 1), minutes=st.sampled_from((30, 60)), who=startups)
    def request_beside(self, which: Consultation, quarters: int, minutes: int, who: str) -> object:
        """Request a time that ends or begins near another consultation."""
        start = occupied(self.now(which)).end + timedelta(minutes=15 * quarters)
        return self.request(Interval.lasting(start, minutes), who)

    @rule(which=known)
    def accept(self, which: Consultation) -> None:
        """Accept a request or a proposal, whichever it is."""
        state = self.now(which).state
        answer = self.calendar.accept_proposed_time if state is State.PROPOSED else self.calendar.accept
        self.attempt(answer, which, possible=state in PENDING)

    @rule(which=known, time=times())
    def propose(self, which: Consultation, time: Interval) -> None:
        """Propose another time."""
        self.retime(self.calendar.propose, which, time)

    @rule(which=known, time=times())
    def move(self, which: Consultation, time: Interval) -> None:
        """Request another time."""
        self.retime(self.calendar.move, which, time)

    @rule(which=known)
    def decline(self, which: Consultation) -> None:
        """Decline a request."""
        self.attempt(self.calendar.decline, which, possible=self.now(which).state in PENDING)

    @rule(which=consumes(known))
    def withdraw(self, which: Consultation) -> None:
        """Withdraw a request."""
        self.attempt(self.calendar.withdraw, which, possible=self.now(which).state in PENDING)

    @rule(which=known)
    def cancel(self, which: Consultation) -> None:
        """Cancel a scheduled or held consultation."""
        possible = self.now(which).state in {State.SCHEDULED, State.HELD}
        self.attempt(self.calendar.cancel, which, possible=possible)

    @rule(first=st.integers(0, 20), days=st.integers(1, 3))
    def close(self, first: int, days: int) -> None:
        """Close some days. What is booked there stays; what nobody booked cannot be booked any more."""
        self.calendar.close(day(first), day(first + days))

    @rule(minutes=st.sampled_from((15, 60, 12 * 60, 30 * 60)))
    def wait(self, minutes: int) -> None:
        """Let time pass without any timer."""
        self.calendar.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        """Run the timers of bookings: afterwards nothing is due."""
        for each in list(self.calendar.consultations.values()):
            if each.state in MOVABLE and each.due_time is not None and each.due_time <= self.calendar.now:
                self.calendar.advance(each)
        for each in self.calendar.consultations.values():
            assert at(each, self.calendar.now) is each

    # --- records ------------------------------------------------------------------------------

    @rule(time=times(), back=st.sampled_from((0, 7, 7, 14, 14)), who=startups)
    def log_walk_in(self, time: Interval, back: int, who: str) -> None:
        """Log what was never requested here: rules and hours do not count, but its time must have been free."""
        time = time.expand(timedelta(days=back), -timedelta(days=back))
        record = RecordSpec(
            start_time=time.start, end_time=time.end, kind=Kind.COACHING, format=Format.ON_SITE, topic="路演"
        )
        command = LogConsultation(mentor=MENTOR, startups=(who,), record=record)
        names = pages_to_load(MENTOR, record, None, ZONE)
        clash = any(occupied(each).overlaps(time) for each in self.occupying().values())
        decide = partial(
            log.log_walk_in,
            command=command,
            name=f"consultations/c{len(self.calendar.consultations):04d}",
            terms=self.terms(names),
        )
        residences = (self.calendar.residences.get(who),)
        change = outcome(decide, self.calendar.mentor, self.calendar.load(names), (startup(who),), residences)
        if isinstance(change, Refusal):
            assert clash or time.end > self.calendar.now
            return
        assert not clash
        self.calendar.save(change)

    @rule(which=known)
    def log_booked(self, which: Consultation) -> None:
        """Log what was scheduled, once its time is over."""
        held = self.now(which)
        command = LogConsultation(name=held.name, mentor=MENTOR)
        names = pages_to_load(MENTOR, command.record, held, ZONE)
        who = held.startups[0]
        decide = partial(log.log_booked, command=command, known=held, terms=self.terms(names))
        parties = ((startup(who),), (self.calendar.residences.get(who),))
        stored = self.calendar.get(which)
        change = outcome(decide, stored, self.calendar.mentor, self.calendar.load(names), *parties)
        assert isinstance(change, Refusal) is (held.state is not State.HELD)
        if not isinstance(change, Refusal):
            self.calendar.save(change)

    def terms(self, page_names: tuple[str, ...]) -> Terms:
        """Return when records are made, and for which pages of the calendar."""
        return Terms(self.calendar.now, ZONE, 14, page_names)

    # --- invariants ---------------------------------------------------------------------------

    @invariant()
    def nothing_overlaps(self) -> None:
        """No two consultations that occupy time overlap; between bookings there is the gap."""
        taken = sorted(self.occupying().values(), key=lambda each: each.start_time)
        for earlier, later in pairwise(taken):
            both_booked = not {earlier.state, later.state} & RECORDED
            assert earlier.end_time + (GAP if both_booked else timedelta()) <= later.start_time

    @invariant()
    def pages_equal_consultations(self) -> None:
        """Each page holds exactly the consultations that occupy its week, sorted, each with its startup."""
        expected: dict[str, list[Entry]] = {}
        for each in sorted(self.occupying().values(), key=lambda each: each.start_time):
            entry = Entry(holder=each.name, person=each.startups[0], start=each.start_time, end=each.end_time)
            for name in self.pages_of(each):
                expected.setdefault(name, []).append(entry)
        found = {name: list(page.entries) for name, page in self.calendar.pages.items() if page.entries}
        assert found == expected

    @invariant()
    def due_times_fit_states(self) -> None:
        """A request is due when it begins, what is scheduled when it ends; what ended or is held is not due."""
        for each in self.calendar.consultations.values():
            due = {State.SCHEDULED: each.end_time} | dict.fromkeys(PENDING, each.start_time)
            if each.state not in RECORDED:
                assert each.due_time == due.get(each.state)

    # --- what the rules share -----------------------------------------------------------------

    def now(self, which: Consultation) -> Consultation:
        """Return a consultation as it is now, though its timer may not have run."""
        return at(self.calendar.get(which), self.calendar.now)

    def occupying(self) -> dict[str, Consultation]:
        """Return the consultations that occupy time, by the states that are stored."""
        return {name: each for name, each in self.calendar.consultations.items() if each.state in OCCUPYING}

    def attempt(self, act: Callable[[Consultation], Consultation], which: Consultation, *, possible: bool) -> None:
        """Do something that is possible in some states only."""
        refused = isinstance(outcome(act, which), Refusal)
        assert refused is not possible

    def retime(
        self, act: Callable[[Consultation, Interval], Consultation], which: Consultation, time: Interval
    ) -> None:
        """Move a consultation: wholly, by the rules, or not at all."""
        before, pages = dict(self.calendar.consultations), dict(self.calendar.pages)
        known = self.now(which)
        others = {name: each for name, each in self.occupying().items() if name != known.name}
        moved = outcome(act, which, time)
        if isinstance(moved, Refusal):
            assert (self.calendar.consultations, self.calendar.pages) == (before, pages)
            if moved.reason == "TIME_TAKEN":
                self.check_refusal(moved, time, known.startups[0], others, moving=True)
            return
        assert known.state in MOVABLE
        if occupied(known) != time:
            assert moved.moves[-1].start_time == known.start_time
            self.check_booked(moved, others)

    def check_booked(self, made: Consultation, others: dict[str, Consultation]) -> None:
        """Check what was booked against every rule, counted anew from the consultations."""
        time, now = occupied(made), self.calendar.now
        wall = time.start.astimezone(ZONE)
        assert (wall.hour * 60 + wall.minute) % RULES.block_minutes == 0
        assert RULES.min_minutes <= time.minutes <= RULES.max_minutes
        assert time.minutes % RULES.block_minutes == 0
        assert now + timedelta(minutes=RULES.notice_minutes) <= time.start
        assert (wall.date() - local_day(now, ZONE)).days <= RULES.horizon_days
        assert not any(time.expand(GAP, GAP).overlaps(occupied(each)) for each in others.values())
        hours = self.calendar.availability.hours if self.calendar.availability else HOURS
        assert any(each.contains(time) for each in hours.open_intervals(time, CITY.work_calendar))
        own = [occupied(each) for each in (made, *others.values()) if each.startups[0] == made.startups[0]]
        for instant_ in (time.start, time.end - timedelta(milliseconds=1)):
            today = local_day(instant_, ZONE)
            assert minutes_within(own, midnight(today, ZONE), timedelta(days=1)) <= RULES.max_minutes_per_person_day
            monday = midnight(today - timedelta(days=today.weekday()), ZONE)
            assert minutes_within(own, monday, WEEK) <= RULES.max_minutes_per_person_week

    def check_refusal(
        self, taken: Refusal, time: Interval, who: str, others: dict[str, Consultation], *, moving: bool = False
    ) -> None:
        """Check that the interval in the way is in the way, and that the free slots are free."""
        start, end = (datetime.fromisoformat(taken.metadata[key]) for key in ("taken_start", "taken_end"))
        assert (start, end) in {(each.start_time, each.end_time) for each in others.values()}
        assert Interval(start=start, end=end).expand(GAP, GAP).overlaps(time)
        for text in filter(None, taken.metadata["next_free"].split(",")):
            free = Interval.lasting(datetime.fromisoformat(text), time.minutes)
            assert free.start > time.start
            assert not any(free.expand(GAP, GAP).overlaps(occupied(each)) for each in others.values())
            wish = outcome(self.calendar.decide_request, request_of(free, who))
            assert moving or not isinstance(wish, Refusal) or wish.reason == "HOURS_USED_UP"

    def pages_of(self, each: Consultation) -> list[str]:
        """Return the names of the pages of the weeks that a consultation touches, day by day."""
        days = {local_day(each.start_time, ZONE), local_day(each.end_time - timedelta(milliseconds=1), ZONE)}
        names = {f"{MENTOR}/calendars/{one.isocalendar().year}-w{one.isocalendar().week:02}" for one in days}
        assert all(week_of(name, ZONE).overlaps(occupied(each)) for name in names)
        return sorted(names)


def minutes_within(intervals: list[Interval], start: datetime, length: timedelta) -> int:
    """Return how many minutes of the intervals lie within a period."""
    parts = (each.clip(Interval(start=start, end=start + length)) for each in intervals)
    return sum(part.minutes for part in parts if part)


def test_bookings_in_any_order() -> None:
    """No order of commands books a time twice, breaks a rule, or leaves a page that differs from its consultations."""
    run_state_machine_as_test(Bookings, settings=settings(max_examples=120, stateful_step_count=50))
