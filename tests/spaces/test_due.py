"""Tenancies that begin and end by themselves, at midnight in the city, by a clock that the tests set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.clock import Clock, Names
from libs.common.documents import Document, Documents
from libs.common.sweeper import Due, Sweeper
from services.spaces.domain import (
    EndReason,
    EndTenancy,
    GetSpace,
    GetTenancy,
    RegisterTenant,
    Tenancy,
    TenancyState,
)
from services.spaces.service import Spaces
from services.spaces.store import SpacesStore
from tests.conftest import Given, eventually, under_way
from tests.spaces.examples import CITY, TODAY, day, occupant, space
from tests.spaces.keeping import SETTINGS, asked, keep, running

SIGNED, ACTIVE, ENDED = TenancyState.SIGNED, TenancyState.ACTIVE, TenancyState.ENDED
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 4, tzinfo=UTC)  # in Jilin


class Replica:
    """One replica of spaces: its service, and the sweeper that asks it."""

    def __init__(self, store: SpacesStore, clock: Clock) -> None:
        self.spaces = Spaces(store, clock, Names(clock), CITY)
        self.due = Due("tenancies", self.spaces.advance_tenancy)
        self.sweeper = Sweeper(store.documents, "spaces", (self.due,), clock, every=0.02)

    async def sweep(self) -> None:
        """Ask for all that is due."""
        await self.sweeper.sweep(self.due)


@pytest.fixture
def clock() -> Given:
    """At noon of a day in Jilin."""
    return Given(NOON)


@pytest.fixture
async def replicas(documents: Documents, clock: Given) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas of spaces on one database, with a roomy space and a startup in it."""
    async with (
        running(SpacesStore(documents, facts_pb2, clock, SETTINGS)) as one,
        running(SpacesStore(documents, facts_pb2, clock, SETTINGS)) as other,
    ):
        await keep(documents, "spaces", [space(desks=1000)])
        yield Replica(one, clock), Replica(other, clock)


async def register(replica: Replica, number: int, start: date, end: date | None = None) -> Tenancy:
    """Register a startup of its own as a tenant."""
    await keep(replica.spaces.store.documents, "occupants", [occupant(f"startups/a{number}")])
    ask = RegisterTenant(space="spaces/s1", startup=f"startups/a{number}", desks=1, start_date=start, end_date=end)
    return await replica.spaces.register_tenant(ask, asked())


async def state(replica: Replica, tenancy: Tenancy) -> TenancyState:
    """The state that the tenancy is in."""
    return (await replica.spaces.get_tenancy(GetTenancy(name=tenancy.name), asked())).state


async def entries(documents: Documents, name: str) -> list[Document]:
    """What the journal holds of a tenancy, in the order of its versions."""
    found = await documents.collection("journal").find({"entities.name": name}).to_list(None)
    return sorted(found, key=lambda entry: next(e["version"] for e in entry["entities"] if e["name"] == name))


def told(found: list[Document]) -> list[str]:
    """The names of the facts that were told."""
    return [fact["type"].rpartition(".")[2] for entry in found for fact in entry.get("facts", ())]


def tenancy(number: int, due: datetime) -> Document:
    """What is left of a tenancy by who knows what: nothing but the moment at which it is due."""
    return {"_id": f"spaces/s1/tenancies/broken{number}", "due_time": due}


def midnight(begins: date) -> datetime:
    """The instant at which the day begins in Jilin, which is eight hours ahead of UTC."""
    return datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - timedelta(hours=8)


async def test_a_tenancy_begins_and_expires_at_midnight(
    replicas: tuple[Replica, Replica], documents: Documents, clock: Given
) -> None:
    """A tenancy is SIGNED to the last millisecond before its first day in Jilin, and likewise until it expires."""
    one, _ = replicas
    tenancy = await register(one, 1, day(1), day(3))
    moment = timedelta(milliseconds=1)
    seen = []
    for instant in (midnight(day(1)) - moment, midnight(day(1)), midnight(day(3)) - moment, midnight(day(3))):
        clock.instant = instant
        await one.sweep()
        seen.append(await state(one, tenancy))
    assert seen == [SIGNED, ACTIVE, ACTIVE, ENDED]
    over = await one.spaces.get_tenancy(GetTenancy(name=tenancy.name), asked())
    assert (over.end_reason, over.due_time, over.version) == (EndReason.EXPIRED, None, 3)
    assert told(await entries(documents, tenancy.name)) == ["TenancySigned", "TenancyActivated", "TenancyEnded"]


async def test_the_room_is_free_again_from_midnight(replicas: tuple[Replica, Replica], clock: Given) -> None:
    """What is free follows the calendar by itself, whether or not anybody has swept yet."""
    one, _ = replicas
    await register(one, 1, day(1), day(3))
    free = []
    for instant in (NOON, midnight(day(1)), midnight(day(3))):
        clock.instant = instant
        free.append((await one.spaces.get_space(GetSpace(name="spaces/s1"), asked())).desks_free)
    assert free == [1000, 999, 1000]


async def test_two_sweepers_change_a_thing_once(
    replicas: tuple[Replica, Replica], documents: Documents, clock: Given
) -> None:
    """Though two replicas sweep at the same time and again, the journal holds one entry for each change."""
    one, other = replicas
    tenancy = await register(one, 1, day(1), day(3))
    for instant in (midnight(day(1)), midnight(day(3))):
        clock.instant = instant
        await asyncio.gather(*(replica.sweep() for replica in (one, other) * 3))
    found = await entries(documents, tenancy.name)
    assert [entry["command"] for entry in found] == ["test", "due:tenancies", "due:tenancies"]
    assert told(found) == ["TenancySigned", "TenancyActivated", "TenancyEnded"]
    assert await documents.collection("journal").count_documents({"command": "due:tenancies"}) == 2


async def test_many_are_due_at_once(replicas: tuple[Replica, Replica], documents: Documents, clock: Given) -> None:
    """More than one look can hold are all changed, by two sweepers together, each of them once."""
    one, other = replicas
    tenancies = await asyncio.gather(*(register(one, number, day(1)) for number in range(600)))
    clock.instant = midnight(day(1))
    await asyncio.gather(one.sweep(), other.sweep())
    assert await documents.collection("tenancies").count_documents({"state": "ACTIVE", "version": 2}) == len(tenancies)
    assert await documents.collection("journal").count_documents({"command": "due:tenancies"}) == len(tenancies)


async def test_a_clock_that_was_ahead_does_no_harm(replicas: tuple[Replica, Replica], clock: Given) -> None:
    """What was swept too early, by a clock that is set back then, still begins when its day has come."""
    one, _ = replicas
    tenancy = await register(one, 1, day(1))
    early = Sweeper(one.spaces.store.documents, "spaces", (one.due,), Given(midnight(day(1))), every=1)
    await early.sweep(one.due)
    assert await state(one, tenancy) is SIGNED
    clock.instant = midnight(day(1))
    await one.sweep()
    assert await state(one, tenancy) is ACTIVE


async def test_what_fails_keeps_nobody_from_their_turn(
    replicas: tuple[Replica, Replica], documents: Documents, clock: Given
) -> None:
    """Though more than one look can hold fail again and again, what became due after them is changed."""
    one, _ = replicas
    broken = [tenancy(n, due=midnight(day(1))) for n in range(300)]
    await documents.collection("tenancies").insert_many(broken)
    behind = await register(one, 1, day(2))
    clock.instant = midnight(day(2))
    await one.sweep()
    assert await state(one, behind) is ACTIVE


async def test_what_was_slept_through_is_made_up_for(
    replicas: tuple[Replica, Replica], documents: Documents, clock: Given
) -> None:
    """After a long stand-still a tenancy that came and went meanwhile is over, and is told once, as over."""
    one, _ = replicas
    tenancy = await register(one, 1, day(1), day(3))
    clock.instant = midnight(day(60))
    await one.sweep()
    found = await entries(documents, tenancy.name)
    assert told(found) == ["TenancySigned", "TenancyEnded"]
    assert await state(one, tenancy) is ENDED


async def test_notice_moves_the_day(replicas: tuple[Replica, Replica], documents: Documents, clock: Given) -> None:
    """A tenancy under notice ends on the day that was set last, for the reason that was given."""
    one, _ = replicas
    tenancy = await register(one, 1, TODAY, day(9))
    for end in (day(5), day(2)):
        ask = EndTenancy(name=tenancy.name, end_date=end, end_reason=EndReason.GRADUATED)
        assert (await one.spaces.end_tenancy(ask, asked())).state is ACTIVE
    clock.instant = midnight(day(2))
    await one.sweep()
    over = await one.spaces.get_tenancy(GetTenancy(name=tenancy.name), asked())
    assert (over.state, over.end_date, over.end_reason) == (ENDED, day(2), EndReason.GRADUATED)
    facts = told(await entries(documents, tenancy.name))
    assert facts == ["TenancyActivated", "TenancyActivated", "TenancyActivated", "TenancyEnded"]


async def test_a_running_sweeper_needs_no_word(replicas: tuple[Replica, Replica], clock: Given) -> None:
    """A sweeper under way finds what has become due without being asked."""
    one, _ = replicas
    tenancy = await register(one, 1, day(1))

    async def moved_in() -> bool:
        return await state(one, tenancy) is ACTIVE

    async with under_way(one.sweeper.run()):
        clock.instant = midnight(day(1))
        await eventually(moved_in)
