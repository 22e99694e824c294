"""Secondments that begin and end by themselves, at midnight in the city, by a clock that the tests set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.common.domain.dates import midnight
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.secondment import (
    EndReason,
    GetSecondment,
    Organisation,
    Party,
    ProposeSecondment,
    RecordConsent,
    Secondment,
    State,
)
from services.mentors.service.secondment import Secondments
from services.mentors.store import MENTORS, MentorsStore
from tests.mentors.samples import CITY, NOW, ZONE, day, mentor
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running
from tests.support.waiting import eventually, running_task

EVIDENCE = Evidence(kind=EvidenceKind.AGREEMENT, link="https://files.example.org/1.pdf", sha256="0" * 64)


class Replica:
    """One replica of mentors: its secondments, and the sweeper that runs their timer."""

    def __init__(self, store: MentorsStore, clock: Clock) -> None:
        self.secondments = Secondments(store, clock, Names(clock), CITY)
        self.timer = Timer("secondments", self.secondments.advance)
        self.sweeper = Sweeper(store.database, "mentors", (self.timer,), clock.now, 0.02)

    async def sweep(self) -> None:
        """Run the timer for all that is due."""
        await self.sweeper.sweep(self.timer)

    async def propose(self, start: date, end: date) -> Secondment:
        """Propose a secondment."""
        command = ProposeSecondment(
            mentor="mentors/m1",
            home=Organisation(display_name="东北电力大学"),
            host=Organisation(display_name="松江碳材"),
            role="技术总监",
            start_date=start,
            end_date=end,
            share_percent=50,
        )
        return await self.secondments.propose(command, new_context())

    async def agree(self, start: date, end: date) -> Secondment:
        """Propose a secondment to which both organisations consent."""
        made = await self.propose(start, end)
        for party in Party:
            command = RecordConsent(name=made.name, party=party, evidence=EVIDENCE)
            made = await self.secondments.record_consent(command, new_context())
        return made

    async def now(self, known: Secondment) -> Secondment:
        """Return a secondment as it is now."""
        return await self.secondments.get(GetSecondment(name=known.name), new_context())


@pytest.fixture
def clock() -> FixedClock:
    """A clock at noon of a day in the city."""
    return FixedClock(NOW)


@pytest.fixture
async def replicas(database: Database, clock: FixedClock) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas of mentors on one database, with an appointed mentor."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        yield Replica(one, clock), Replica(other, clock)


async def facts_of(database: Database, name: str) -> list[str]:
    """Return the names of the facts of a secondment, in the order of its versions."""
    entries = await database.collection("journal").find({"entities.name": name}).to_list(None)
    facts = [fact for entry in entries for fact in entry.get("facts", ())]
    return [each["type"].rpartition(".")[2] for each in sorted(facts, key=lambda fact: fact["sequence"])]


async def test_a_secondment_begins_and_expires_at_midnight(
    replicas: tuple[Replica, Replica], database: Database, clock: FixedClock
) -> None:
    """It is AGREED to the last millisecond before its first day, and ACTIVE to the last before its end."""
    one, _ = replicas
    known, moment = await one.agree(day(1), day(3)), timedelta(milliseconds=1)
    begin, end = midnight(day(1), ZONE), midnight(day(3), ZONE)
    seen = []
    for instant in (begin - moment, begin, end - moment, end):
        clock.instant = instant
        await one.sweep()
        seen.append((await one.now(known)).state)
    assert seen == [State.AGREED, State.ACTIVE, State.ACTIVE, State.ENDED]
    over = await one.now(known)
    assert (over.end_reason, over.due_time) == (EndReason.EXPIRED, None)
    assert await facts_of(database, known.name) == ["SecondmentAgreed", "SecondmentEnded"]


async def test_a_proposal_lapses(replicas: tuple[Replica, Replica], database: Database, clock: FixedClock) -> None:
    """A proposal without both consents is over when its days have passed, and is never published."""
    one, _ = replicas
    known = await one.propose(day(1), day(3))
    clock.instant = midnight(day(2), ZONE)
    await one.sweep()
    assert (await one.now(known)).state is State.PROPOSED
    clock.instant = midnight(day(3), ZONE)
    await one.sweep()
    over = await one.now(known)
    assert (over.state, over.end_reason) == (State.ENDED, EndReason.LAPSED)
    assert await facts_of(database, known.name) == []


async def test_two_sweepers_change_a_secondment_once(
    replicas: tuple[Replica, Replica], database: Database, clock: FixedClock
) -> None:
    """Two replicas that sweep at the same time and again leave one journal entry for each change."""
    one, other = replicas
    known = await one.agree(day(1), day(3))
    for instant in (midnight(day(1), ZONE), midnight(day(3), ZONE)):
        clock.instant = instant
        await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
    assert await database.collection("journal").count_documents({"command": "timer:secondments"}) == 2
    assert await facts_of(database, known.name) == ["SecondmentAgreed", "SecondmentEnded"]


async def test_a_running_sweeper_finds_what_becomes_due(replicas: tuple[Replica, Replica], clock: FixedClock) -> None:
    """A sweeper that runs changes a secondment soon after its moment has come."""
    one, _ = replicas
    known = await one.agree(day(1), day(3))

    async def is_active() -> bool:
        return (await one.now(known)).state is State.ACTIVE

    async with running_task(one.sweeper.run()):
        clock.instant = midnight(day(1), ZONE)
        await eventually(is_active)
