"""Records that no startup answers, by a clock that the tests set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from services.mentors.domain.answer import ConfirmConsultation, DisputeConsultation
from services.mentors.domain.booking_commands import AcceptConsultation, GetConsultation
from services.mentors.domain.consultation import Consultation, ServiceState, State
from services.mentors.domain.log import LogConsultation
from services.mentors.domain.record import RecordSection
from services.mentors.service.advance import ConsultationTimer
from services.mentors.service.booking import Bookings
from services.mentors.service.record import Records
from services.mentors.store import MENTORS, STARTUPS, MentorsStore
from tests.mentors.booking.samples import CITY as HOURS
from tests.mentors.booking.samples import MENTOR, OTHER_STARTUP, STARTUP, request_of, span
from tests.mentors.record.samples import log_of, states
from tests.mentors.samples import CITY, NOW, mentor, startup
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running

ANSWER_DAYS, MILLISECOND = timedelta(days=14), timedelta(milliseconds=1)
YESTERDAY = span(-1, "10:00")


class Replica:
    """One replica of mentors: bookings, records, and the sweeper that runs their timer."""

    def __init__(self, store: MentorsStore, clock: Clock) -> None:
        names = Names(clock)
        self.bookings = Bookings(store, clock, names, HOURS)
        self.records = Records(store, clock, names, CITY, RecordSection(source="here", answer_days=ANSWER_DAYS.days))
        timer = ConsultationTimer(store, self.bookings, self.records)
        self.timer = Timer("consultations", timer.advance)
        self.sweeper = Sweeper(store.database, "mentors", (self.timer,), clock.now, 0.02)

    async def sweep(self) -> None:
        """Run the timer for all that is due."""
        await self.sweeper.sweep(self.timer)

    async def now(self, known: Consultation) -> Consultation:
        """Return a consultation as it is now."""
        return await self.bookings.get(GetConsultation(name=known.name), new_context())


Replicas = tuple[Replica, Replica]


@pytest.fixture
async def replicas(database: Database, clock: FixedClock) -> AsyncIterator[Replicas]:
    """Two replicas on one database, with a mentor and two startups."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        await insert(database, STARTUPS, [startup(STARTUP), startup(OTHER_STARTUP)])
        yield Replica(one, clock), Replica(other, clock)


async def facts_of(database: Database, consultation: Consultation) -> list[str]:
    """Return the names of the facts of a consultation, in the order of its versions."""
    entries = await database.collection("journal").find({"entities.name": consultation.name}).to_list(None)
    facts = [fact for entry in entries for fact in entry.get("facts", ())]
    return [fact["type"].rpartition(".")[2] for fact in sorted(facts, key=lambda fact: fact["sequence"])]


async def test_a_record_closes_when_its_time_is_over(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """It is LOGGED to the last millisecond of the days that startups have, and CLOSED after it, once, with its fact."""
    one, other = replicas
    logged = await one.records.log(log_of(YESTERDAY), new_context())
    clock.instant = NOW + ANSWER_DAYS - MILLISECOND
    await one.sweep()
    assert (await one.now(logged)).state is State.LOGGED
    clock.instant += MILLISECOND
    await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
    closed = await one.now(logged)
    assert (closed.state, states(closed), closed.due_time) == (State.CLOSED, [ServiceState.UNCONFIRMED], None)
    assert (closed.version, await facts_of(database, closed)) == (2, ["ConsultationLogged", "ConsultationClosed"])
    assert await database.collection("journal").count_documents({"command": "timer:consultations"}) == 1


async def test_answers_stop_the_timer(replicas: Replicas, clock: FixedClock) -> None:
    """A confirmed record stays confirmed, a disputed one disputed; the startup that did not answer is unconfirmed."""
    one, _ = replicas
    both = (STARTUP, OTHER_STARTUP)
    confirmed = await one.records.log(log_of(YESTERDAY, both), new_context())
    disputed = await one.records.log(log_of(span(-2, "10:00"), both), new_context())
    await one.records.confirm(ConfirmConsultation(name=confirmed.name, startup=STARTUP), new_context())
    answer = DisputeConsultation(name=disputed.name, startup=STARTUP, dispute_reason="没有来")
    await one.records.dispute(answer, new_context())
    clock.instant = NOW + ANSWER_DAYS
    await one.sweep()
    found = [await one.now(each) for each in (confirmed, disputed)]
    assert [each.state for each in found] == [State.CONFIRMED, State.DISPUTED]
    assert [states(each)[1] for each in found] == [ServiceState.UNCONFIRMED] * 2


async def test_one_timer_serves_bookings_and_records(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """A booking becomes HELD when its time is over, and once it is logged the same timer closes it."""
    one, _ = replicas
    booked = await one.bookings.request(request_of(span(1, "10:00")), new_context())
    await one.bookings.accept(AcceptConsultation(name=booked.name), new_context())
    clock.instant = booked.end_time
    await one.sweep()
    assert (await one.now(booked)).state is State.HELD
    await one.records.log(LogConsultation(name=booked.name, mentor=MENTOR), new_context())
    clock.instant += ANSWER_DAYS
    await one.sweep()
    assert (await one.now(booked)).state is State.CLOSED
    assert (await facts_of(database, booked))[-2:] == ["ConsultationLogged", "ConsultationClosed"]
