"""Bookings that expire or are held by themselves, by a clock that the tests set, at two replicas."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.calendar.interval import Interval
from libs.common.domain.errors import Precondition
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from services.mentors.domain.booking_commands import (
    AcceptConsultation,
    AcceptProposedTime,
    CancelConsultation,
    GetConsultation,
    MoveConsultation,
    ProposeTime,
)
from services.mentors.domain.consultation import Consultation, EndReason, State
from services.mentors.service.booking import Bookings
from services.mentors.store import MENTORS, STARTUPS, MentorsStore
from tests.mentors.booking.samples import CITY, STARTUP, instant, request_of, span
from tests.mentors.samples import mentor, startup
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running
from tests.support.waiting import eventually, running_task

AT_TEN, MILLISECOND = span(1, "10:00"), timedelta(milliseconds=1)


class Replica:
    """One replica of mentors: its bookings, and the sweeper that runs their timer."""

    def __init__(self, store: MentorsStore, clock: Clock) -> None:
        self.bookings = Bookings(store, clock, Names(clock), CITY)
        self.timer = Timer("consultations", self.bookings.advance)
        self.sweeper = Sweeper(store.database, "mentors", (self.timer,), clock.now, 0.02)

    async def sweep(self) -> None:
        """Run the timer for all that is due."""
        await self.sweeper.sweep(self.timer)

    async def request(self, time: Interval = AT_TEN, who: str = STARTUP) -> Consultation:
        """Request a consultation."""
        return await self.bookings.request(request_of(time, who), new_context())

    async def scheduled(self, time: Interval = AT_TEN) -> Consultation:
        """Request a consultation and accept it."""
        known = await self.request(time)
        return await self.bookings.accept(AcceptConsultation(name=known.name), new_context())

    async def now(self, known: Consultation) -> Consultation:
        """Return a consultation as it is now."""
        return await self.bookings.get(GetConsultation(name=known.name), new_context())


Replicas = tuple[Replica, Replica]


@pytest.fixture
async def replicas(database: Database, clock: FixedClock) -> AsyncIterator[Replicas]:
    """Two replicas on one database, with a mentor and startups."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor(), mentor(name="mentors/m2")])
        await insert(database, STARTUPS, [startup(f"startups/a{number}") for number in range(400)])
        yield Replica(one, clock), Replica(other, clock)


async def entries(database: Database) -> list[str]:
    """Return the holders of time on all pages."""
    pages = await database.collection("calendars").find().to_list(None)
    return [entry["holder"] for page in pages for entry in page["entries"]]


async def journal_of(database: Database, name: str) -> list[Document]:
    """Return the journal entries of a consultation, in the order of its versions."""
    found = await database.collection("journal").find({"entities.name": name}).to_list(None)
    return sorted(found, key=lambda entry: next(e["version"] for e in entry["entities"] if e["name"] == name))


def facts_in(journal: list[Document]) -> list[str]:
    """Return the names of the facts in journal entries."""
    return [fact["type"].rpartition(".")[2] for entry in journal for fact in entry.get("facts", ())]


async def test_a_request_expires_when_it_begins(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """An unanswered request waits to the last millisecond before its time; then it expires and frees its slot."""
    one, _ = replicas
    known = await one.request()
    for moment, state in ((AT_TEN.start - MILLISECOND, State.REQUESTED), (AT_TEN.start, State.EXPIRED)):
        clock.instant = moment
        await one.sweep()
        assert (await one.now(known)).state is state
    assert await entries(database) == []
    assert facts_in(await journal_of(database, known.name)) == ["ConsultationRequested", "ConsultationEnded"]
    again = await one.request(span(1, "11:00"), "startups/a2")
    assert again.state is State.REQUESTED


async def test_a_proposal_expires_at_the_proposed_time(replicas: Replicas, clock: FixedClock) -> None:
    """What counts is the time that is occupied now: the old time passes without effect."""
    one, _ = replicas
    known = await one.request()
    later = span(2, "10:00")
    command = ProposeTime(name=known.name, start_time=later.start, end_time=later.end)
    await one.bookings.propose(command, new_context())
    for moment, state in ((AT_TEN.end, State.PROPOSED), (later.start, State.EXPIRED)):
        clock.instant = moment
        await one.sweep()
        assert (await one.now(known)).state is state
    with pytest.raises(Precondition, match="EXPIRED"):
        await one.bookings.accept_proposed_time(AcceptProposedTime(name=known.name), new_context())


async def test_what_was_agreed_is_held_at_its_end(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """A scheduled consultation is HELD at its end and keeps its slot, until it is cancelled as not held."""
    one, _ = replicas
    known = await one.scheduled()
    for moment, state in ((AT_TEN.end - MILLISECOND, State.SCHEDULED), (AT_TEN.end, State.HELD)):
        clock.instant = moment
        await one.sweep()
        assert (await one.now(known)).state is state
    assert await entries(database) == [known.name]
    command = CancelConsultation(name=known.name, end_reason=EndReason.STARTUP_ABSENT)
    assert (await one.bookings.cancel(command, new_context())).state is State.CANCELLED
    assert await entries(database) == []


async def test_two_sweepers_change_a_consultation_once(
    replicas: Replicas, database: Database, clock: FixedClock
) -> None:
    """Two replicas that sweep at the same time and again leave one journal entry for each change."""
    one, other = replicas
    expiring, held = await one.request(), await one.scheduled(span(2, "10:00"))
    clock.instant = span(2, "10:00").end
    await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
    assert [(await one.now(each)).state for each in (expiring, held)] == [State.EXPIRED, State.HELD]
    assert await database.collection("journal").count_documents({"command": "timer:consultations"}) == 2


async def test_many_are_due_at_once(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """More than one query returns are all expired, and the pages that they share are empty afterwards."""
    one, other = replicas
    times = [Interval.lasting(instant(n // 12 + 1, "9:00") + timedelta(minutes=45 * (n % 12)), 30) for n in range(150)]
    wishes = [
        request_of(time, f"startups/a{number}", mentor=f"mentors/m{number % 2 + 1}")
        for number, time in enumerate(time for time in times for _ in range(2))
    ]
    made = await asyncio.gather(*(one.bookings.request(wish, new_context()) for wish in wishes))
    clock.instant = instant(21)
    await asyncio.gather(one.sweep(), other.sweep())
    expired = await database.collection("consultations").count_documents({"state": "EXPIRED", "version": 2})
    assert (len(made), expired, await entries(database)) == (300, 300, [])


async def test_a_move_and_the_timer_at_once_do_one_of_them(
    replicas: Replicas, database: Database, clock: FixedClock
) -> None:
    """Whether a request expires or is moved in its last moment: its calendar says the same as its state."""
    one, other = replicas
    known = await one.request()
    late = FixedClock(AT_TEN.start)
    sweeper = Sweeper(database, "mentors", (other.timer,), late.now, 1)
    target = span(9, "10:00")
    command = MoveConsultation(name=known.name, start_time=target.start, end_time=target.end)
    clock.instant = AT_TEN.start - timedelta(hours=1)
    await asyncio.gather(one.bookings.move(command, new_context()), sweeper.sweep(other.timer))
    moved = await one.now(known)
    assert (moved.state, moved.start_time) == (State.REQUESTED, target.start)
    assert await entries(database) == [known.name]


async def test_a_running_sweeper_finds_what_becomes_due(replicas: Replicas, clock: FixedClock) -> None:
    """A sweeper that runs expires a request soon after its moment has come."""
    one, _ = replicas
    known = await one.request()

    async def is_expired() -> bool:
        return (await one.now(known)).state is State.EXPIRED

    async with running_task(one.sweeper.run()):
        clock.instant = AT_TEN.start
        await eventually(is_expired)
