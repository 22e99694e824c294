"""Tenancies that begin and end by themselves, at midnight in the city, by a clock that the tests set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from services.spaces.domain.space import GetSpace
from services.spaces.domain.tenancy import EndReason, EndTenancy, GetTenancy, RegisterTenant, State, Tenancy
from services.spaces.service.space import Spaces
from services.spaces.service.tenancy import Tenancies
from services.spaces.store import OCCUPANTS, SPACES, SpacesStore
from tests.spaces.samples import CITY, TODAY, day, occupant, space
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running
from tests.support.waiting import eventually, running_task

SIGNED, ACTIVE, ENDED = State.SIGNED, State.ACTIVE, State.ENDED
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 4, tzinfo=UTC)  # in Jilin


class Replica:
    """One replica of spaces: its services, and the sweeper that runs its timer."""

    def __init__(self, store: SpacesStore, clock: Clock) -> None:
        names = Names(clock)
        self.database = store.database
        self.spaces = Spaces(store, clock, names, CITY)
        self.tenancies = Tenancies(store, clock, names, CITY)
        self.timer = Timer("tenancies", self.tenancies.advance)
        self.sweeper = Sweeper(store.database, "spaces", (self.timer,), clock.now, 0.02)

    async def sweep(self) -> None:
        """Run the timer for all that is due."""
        await self.sweeper.sweep(self.timer)

    async def register(self, number: int, start: date, end: date | None = None) -> Tenancy:
        """Register a startup of its own as a tenant."""
        await insert(self.database, OCCUPANTS, [occupant(f"startups/a{number}")])
        command = RegisterTenant(
            space="spaces/s1", startup=f"startups/a{number}", desks=1, start_date=start, end_date=end
        )
        return await self.tenancies.register(command, new_context())

    async def tenancy(self, name: str) -> Tenancy:
        """Return a tenancy as it is now."""
        return await self.tenancies.get(GetTenancy(name=name), new_context())

    async def state(self, tenancy: Tenancy) -> State:
        """Return the state in which a tenancy is now."""
        return (await self.tenancy(tenancy.name)).state


Replicas = tuple[Replica, Replica]


@pytest.fixture
def clock() -> FixedClock:
    """A clock at noon of a day in Jilin."""
    return FixedClock(NOON)


@pytest.fixture
async def replicas(database: Database, clock: FixedClock) -> AsyncIterator[Replicas]:
    """Two replicas of spaces on one database, with a roomy space."""
    async with (
        running(new_store(SpacesStore, database, facts_pb2, clock)) as one,
        running(new_store(SpacesStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, SPACES, [space(desks=1000)])
        yield Replica(one, clock), Replica(other, clock)


async def journal_of(database: Database, name: str) -> list[Document]:
    """Return the journal entries of a tenancy, in the order of its versions."""
    found = await database.collection("journal").find({"entities.name": name}).to_list(None)
    return sorted(found, key=lambda entry: next(e["version"] for e in entry["entities"] if e["name"] == name))


def facts_in(entries: list[Document]) -> list[str]:
    """Return the names of the facts in journal entries."""
    return [fact["type"].rpartition(".")[2] for entry in entries for fact in entry.get("facts", ())]


def unreadable(number: int, due: datetime) -> Document:
    """Return a tenancy of which only the moment at which it is due is left."""
    return {"_id": f"spaces/s1/tenancies/broken{number}", "due_time": due}


def midnight(begins: date) -> datetime:
    """Return the instant at which the day begins in Jilin, which is eight hours ahead of UTC."""
    return datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - timedelta(hours=8)


async def test_a_tenancy_begins_and_expires_at_midnight(
    replicas: Replicas, database: Database, clock: FixedClock
) -> None:
    """It is SIGNED to the last millisecond before its first day in Jilin, and ACTIVE to the last before its end."""
    one, _ = replicas
    tenancy = await one.register(1, day(1), day(3))
    moment = timedelta(milliseconds=1)
    seen = []
    for instant in (midnight(day(1)) - moment, midnight(day(1)), midnight(day(3)) - moment, midnight(day(3))):
        clock.instant = instant
        await one.sweep()
        seen.append(await one.state(tenancy))
    assert seen == [SIGNED, ACTIVE, ACTIVE, ENDED]
    over = await one.tenancy(tenancy.name)
    assert (over.end_reason, over.due_time, over.version) == (EndReason.EXPIRED, None, 3)
    facts = facts_in(await journal_of(database, tenancy.name))
    assert facts == ["TenancySigned", "TenancyActivated", "TenancyEnded"]


async def test_room_is_free_from_midnight_on(replicas: Replicas, clock: FixedClock) -> None:
    """What is free follows the calendar, whether or not the timer has run."""
    one, _ = replicas
    await one.register(1, day(1), day(3))
    free = []
    for instant in (NOON, midnight(day(1)), midnight(day(3))):
        clock.instant = instant
        free.append((await one.spaces.get(GetSpace(name="spaces/s1"), new_context())).desks_free)
    assert free == [1000, 999, 1000]


async def test_two_sweepers_change_a_tenancy_once(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """Two replicas that sweep at the same time and again leave one journal entry for each change."""
    one, other = replicas
    tenancy = await one.register(1, day(1), day(3))
    for instant in (midnight(day(1)), midnight(day(3))):
        clock.instant = instant
        await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
    entries = await journal_of(database, tenancy.name)
    assert [entry["command"] for entry in entries] == ["test.Command", "timer:tenancies", "timer:tenancies"]
    assert {entry["actor"] for entry in entries[1:]} == {"services/spaces/sweeper"}
    assert facts_in(entries) == ["TenancySigned", "TenancyActivated", "TenancyEnded"]
    assert await database.collection("journal").count_documents({"command": "timer:tenancies"}) == 2


async def test_many_tenancies_are_due_at_once(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """More than one query returns are all changed once, by two sweepers together."""
    one, other = replicas
    tenancies = await asyncio.gather(*(one.register(number, day(1)) for number in range(600)))
    clock.instant = midnight(day(1))
    await asyncio.gather(one.sweep(), other.sweep())
    assert await database.collection("tenancies").count_documents({"state": "ACTIVE", "version": 2}) == len(tenancies)
    assert await database.collection("journal").count_documents({"command": "timer:tenancies"}) == len(tenancies)


async def test_a_clock_that_was_ahead_does_no_harm(replicas: Replicas, clock: FixedClock) -> None:
    """A tenancy that was swept too early, by a clock that is set back then, still begins on its day."""
    one, _ = replicas
    tenancy = await one.register(1, day(1))
    early = Sweeper(one.database, "spaces", (one.timer,), FixedClock(midnight(day(1))).now, 1)
    await early.sweep(one.timer)
    assert await one.state(tenancy) is SIGNED
    clock.instant = midnight(day(1))
    await one.sweep()
    assert await one.state(tenancy) is ACTIVE


async def test_failures_do_not_hold_up_the_others(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """Though more than one query returns fail, each with a log line, what became due after them is changed."""
    one, _ = replicas
    broken = [unreadable(number, midnight(day(1))) for number in range(300)]
    await database.collection("tenancies").insert_many(broken)
    behind = await one.register(1, day(2))
    clock.instant = midnight(day(2))
    with capture_logs() as lines:
        await one.sweep()
    failed = [line["name"] for line in lines if line["event"] == "timer_failed"]
    assert sorted(failed) == sorted(document["_id"] for document in broken)
    assert await one.state(behind) is ACTIVE


async def test_a_long_standstill_is_made_up_for(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """A tenancy that came and went while nothing swept is over, and is published once, as over."""
    one, _ = replicas
    tenancy = await one.register(1, day(1), day(3))
    clock.instant = midnight(day(60))
    await one.sweep()
    assert facts_in(await journal_of(database, tenancy.name)) == ["TenancySigned", "TenancyEnded"]
    assert await one.state(tenancy) is ENDED


async def test_notice_moves_the_day(replicas: Replicas, database: Database, clock: FixedClock) -> None:
    """A tenancy under notice ends on the day that was set last, for the given reason."""
    one, _ = replicas
    tenancy = await one.register(1, TODAY, day(9))
    for end in (day(5), day(2)):
        command = EndTenancy(name=tenancy.name, end_date=end, end_reason=EndReason.GRADUATED)
        assert (await one.tenancies.end(command, new_context())).state is ACTIVE
    clock.instant = midnight(day(2))
    await one.sweep()
    over = await one.tenancy(tenancy.name)
    assert (over.state, over.end_date, over.end_reason) == (ENDED, day(2), EndReason.GRADUATED)
    facts = facts_in(await journal_of(database, tenancy.name))
    assert facts == ["TenancyActivated", "TenancyActivated", "TenancyActivated", "TenancyEnded"]


async def test_a_running_sweeper_finds_what_becomes_due(replicas: Replicas, clock: FixedClock) -> None:
    """A sweeper that runs changes a tenancy soon after its moment has come."""
    one, _ = replicas
    tenancy = await one.register(1, day(1))

    async def has_begun() -> bool:
        return await one.state(tenancy) is ACTIVE

    async with running_task(one.sweeper.run()):
        clock.instant = midnight(day(1))
        await eventually(has_begun)
