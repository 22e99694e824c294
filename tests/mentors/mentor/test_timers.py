"""Terms and suspensions that end by themselves, and persons who are forgotten everywhere, by a clock that is set."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from services.mentors.domain.appointment import AppointMentor, SuspendMentor
from services.mentors.domain.consultation import Consultation, Kind
from services.mentors.domain.consultation import State as ConsultationState
from services.mentors.domain.forgetting import Erasure, ForgetPerson
from services.mentors.domain.mentee import Mentee, Relation
from services.mentors.domain.mentor import Format, GetMentor, Mentor, State
from services.mentors.domain.note import ConsultationNote
from services.mentors.service.appointment import Appointments
from services.mentors.service.forgetting import Forgetting
from services.mentors.service.mentor import Mentors
from services.mentors.store import CONSULTATION_NOTES, CONSULTATIONS, ERASURES, MENTEES, MENTORS, MentorsStore
from tests.mentors.samples import CITY, LONGTAN, MENTORS_PROFILE, NOW, TODAY, day, mentor, term
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running


class Replica:
    """One replica of mentors: its services, and the sweeper that runs its timer."""

    def __init__(self, store: MentorsStore, clock: Clock) -> None:
        self.mentors = Mentors(store, clock, Names(clock), CITY, MENTORS_PROFILE)
        self.appointments = Appointments(store, clock, CITY, MENTORS_PROFILE)
        self.forgetting = Forgetting(store, clock, CITY)
        self.timers = (Timer("mentors", self.appointments.advance), Timer("erasures", self.forgetting.erase))
        self.sweeper = Sweeper(store.database, "mentors", self.timers, clock.now, 0.02)

    async def sweep(self) -> None:
        """Run the timers for all that is due."""
        for timer in self.timers:
            await self.sweeper.sweep(timer)

    async def appoint(self, name: str, end: int, number: str) -> Mentor:
        """Appoint a mentor by a district, from today to a day."""
        command = AppointMentor(name=name, appointer=LONGTAN, certificate_number=number, end_date=day(end))
        return await self.appointments.appoint(command, new_context())

    async def mentor(self, name: str = "mentors/m1") -> Mentor:
        """Return a mentor as it is now."""
        return await self.mentors.get(GetMentor(name=name), new_context())


Replicas = tuple[Replica, Replica]


@pytest.fixture
async def replicas(database: Database, clock: FixedClock) -> AsyncIterator[Replicas]:
    """Two replicas of mentors on one database."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        yield Replica(one, clock), Replica(other, clock)


async def facts_of(database: Database, name: str) -> list[str]:
    """Return the names of the facts about a mentor, in the order of its versions."""
    entries = await database.collection("journal").find({"facts.subject": name}).to_list(None)
    facts = [fact for entry in entries for fact in entry["facts"] if fact["subject"] == name]
    return [fact["type"].rpartition(".")[2] for fact in sorted(facts, key=lambda fact: int(fact["sequence"]))]


def midnight(offset: int) -> datetime:
    """Return the instant at which the day begins in Jilin, which is eight hours ahead of UTC."""
    begins = day(offset)
    return datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - timedelta(hours=8)


async def test_a_mentor_retires_when_the_last_term_has_ended(
    replicas: Replicas, database: Database, clock: FixedClock
) -> None:
    """The mentor is appointed to the last millisecond of the term, and retired once, whoever sweeps."""
    one, other = replicas
    await insert(database, MENTORS, [mentor(())])
    await one.appoint("mentors/m1", 5, "A-1")
    seen = []
    for instant in (midnight(5) - timedelta(milliseconds=1), midnight(5)):
        clock.instant = instant
        await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
        seen.append((await one.mentor()).state)
    assert seen == [State.APPOINTED, State.RETIRED]
    assert await facts_of(database, "mentors/m1") == ["MentorAppointed", "MentorRetired"]


async def test_each_term_ends_on_its_day(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """The space whose term ends first loses the mentor first; the mentor retires with the last."""
    one, _ = replicas
    terms = [term(-10, 3, "spaces/s1", "A-1"), term(-10, 6, "spaces/s2", "A-2")]
    await insert(database, MENTORS, [mentor(terms, due_time=midnight(3))])
    seen = []
    for offset in (2, 3, 5, 6):
        clock.instant = midnight(offset)
        await one.sweep()
        found = await one.mentor()
        seen.append((found.state, found.spaces))
    assert seen == [
        (State.APPOINTED, ("spaces/s1", "spaces/s2")),
        (State.APPOINTED, ("spaces/s2",)),
        (State.APPOINTED, ("spaces/s2",)),
        (State.RETIRED, ()),
    ]
    assert await facts_of(database, "mentors/m1") == ["MentorUpdated", "MentorRetired"]


async def test_a_suspension_ends_by_itself(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """On the day up to which a mentor was suspended, the mentor is available again; an open suspension stays."""
    one, _ = replicas
    await insert(database, MENTORS, [mentor(), mentor(name="mentors/m2")])
    until = SuspendMentor(name="mentors/m1", end_date=day(4))
    await one.appointments.suspend(until, new_context())
    await one.appointments.suspend(SuspendMentor(name="mentors/m2"), new_context())
    clock.instant = midnight(4)
    await one.sweep()
    assert (await one.mentor()).state is State.APPOINTED
    assert (await one.mentor("mentors/m2")).state is State.SUSPENDED


async def test_a_long_standstill_is_made_up_for(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """A suspension and a term that both ended while nothing swept leave a retired mentor, published once."""
    one, _ = replicas
    await insert(database, MENTORS, [mentor(())])
    await one.appoint("mentors/m1", 9, "A-1")
    await one.appointments.suspend(SuspendMentor(name="mentors/m1", end_date=day(4)), new_context())
    clock.instant = midnight(60)
    await one.sweep()
    assert (await one.mentor()).state is State.RETIRED
    assert await facts_of(database, "mentors/m1") == ["MentorAppointed", "MentorSuspended", "MentorRetired"]


def held(number: int, by: str = "mentors/m1") -> Consultation:
    """Return a consultation that a mentor gave."""
    return Consultation(
        name=f"consultations/c{number}",
        version=1,
        mentor=by,
        mentor_display_name="林江",
        startups=("startups/a1",),
        kind=Kind.CONSULTING,
        format=Format.VIDEO,
        topic="融资",
        start_time=NOW + timedelta(hours=number),
        end_time=NOW + timedelta(hours=number, minutes=30),
        state=ConsultationState.CONFIRMED,
    )


def notes_of(consultations: Iterable[Consultation]) -> list[ConsultationNote]:
    """Return the private note of each consultation."""
    return [
        ConsultationNote(name=f"{each.name}/note", version=1, mentor=each.mentor, text="私下的话")
        for each in consultations
    ]


async def test_a_person_is_forgotten_everywhere(replicas: Replicas, database: Database) -> None:
    """Private notes and the name in more records than one query returns are deleted, and nothing of others."""
    one, _ = replicas
    await insert(database, MENTORS, [mentor(), mentor(name="mentors/m2")])
    consultations = [*(held(number) for number in range(450)), held(900, "mentors/m2")]
    await insert(database, CONSULTATIONS, consultations)
    await insert(database, CONSULTATION_NOTES, notes_of(consultations))
    relations = tuple(
        Relation(mentor=name, mentor_display_name="林江", sessions=1, minutes=30, last_date=TODAY, sequence=1)
        for name in ("mentors/m1", "mentors/m2")
    )
    await insert(database, MENTEES, [Mentee(name="startups/a1", version=1, relations=relations)])
    ctx = new_context("mentors/m1")  # the mentor herself, whom the startup's record is not in scope of
    forgotten = await one.forgetting.forget(ForgetPerson(name="mentors/m1"), ctx)

    named = await database.collection("consultations").distinct("mentor", {"mentor_display_name": "林江"})
    assert named == ["mentors/m2"]
    assert await database.collection("consultations").count_documents({}) == 451
    assert await database.collection("consultation_notes").distinct("_id") == ["consultations/c900/note"]
    mentee = await database.collection("mentees").find_one({"_id": "startups/a1"})
    assert mentee is not None
    assert [each["mentor_display_name"] for each in mentee["relations"]] == ["", "林江"]
    assert await database.collection("erasures").count_documents({}) == 0
    assert await one.mentor() == forgotten
    assert await facts_of(database, "mentors/m1") == ["MentorForgotten"]


async def test_an_interrupted_erasure_is_finished(replicas: Replicas, database: Database) -> None:
    """What a call could not delete before its end is deleted by the timer, whichever replica runs it."""
    one, other = replicas
    consultations = [held(number) for number in range(30)]
    await insert(database, MENTORS, [mentor(display_name="", state=State.RETIRED, forget_time=NOW)])
    await insert(database, CONSULTATIONS, consultations)
    await insert(database, CONSULTATION_NOTES, notes_of(consultations))
    await insert(database, ERASURES, [Erasure(name="mentors/m1/erasure", version=1, mentor="mentors/m1", due_time=NOW)])
    await asyncio.gather(one.sweep(), other.sweep())
    await one.sweep()  # two replicas may have been in each other's way
    for left in ("erasures", "consultation_notes"):
        assert await database.collection(left).count_documents({}) == 0
    assert await database.collection("consultations").distinct("mentor_display_name") == [""]
