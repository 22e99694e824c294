"""Blocks, free slots and commitments in a real MongoDB: races between replicas, what is read, and who reads what."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.calendar.page import CalendarPage
from libs.common.domain.errors import Denied, Refusal, Taken
from libs.common.runtime.clock import Names
from libs.common.store.database import Database
from services.mentors.domain.availability import Availability
from services.mentors.domain.block import Block, BlockTime, GetBlock, UnblockTime
from services.mentors.domain.commitment import ListCommitments
from services.mentors.domain.consultation import Consultation, Kind, State
from services.mentors.domain.forgetting import ForgetPerson
from services.mentors.domain.free_slots import ListFreeSlots, SearchFreeSlots
from services.mentors.domain.mentor import Format
from services.mentors.domain.mentor import State as MentorState
from services.mentors.service.availability import Availabilities
from services.mentors.service.block import Blocks
from services.mentors.service.commitment import CommitmentQueries
from services.mentors.service.forgetting import Forgetting
from services.mentors.store import AVAILABILITIES, BLOCKS, CALENDARS, CONSULTATIONS, MENTORS, MentorsStore
from tests.mentors.availability.samples import CITY_HOURS, M1, at, availability, booked
from tests.mentors.samples import CITY, mentor
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

CLOCK = FixedClock(at("2026-11-30 08:00"))
Replicas = tuple[Blocks, Blocks]


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[Replicas]:
    """Two replicas on one database with a mentor."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2, CLOCK)) as one,
        running(new_store(MentorsStore, database, facts_pb2, CLOCK)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        yield tuple(Blocks(each, CLOCK, Names(CLOCK), CITY_HOURS) for each in (one, other))  # type: ignore[misc]


def command(day: int, wall: str, minutes: int, **fields: Any) -> BlockTime:
    """Block a time in December 2026."""
    start = at(f"2026-12-{day:02} {wall}")
    values = {"mentor": M1, "start_time": start, "end_time": start + timedelta(minutes=minutes), **fields}
    return BlockTime.model_validate(values)


async def pages(database: Database) -> list[CalendarPage]:
    """Return the pages of the calendar."""
    rows = await database.collection("calendars").find().to_list(None)
    return [CalendarPage.model_validate({**row, "name": row["_id"]}) for row in rows]


async def outcome(blocks: Blocks, given: BlockTime) -> Block | Refusal:
    """Block a time; return the refusal if it is refused."""
    try:
        return await blocks.block_time(given, new_context())
    except Taken as taken:
        return taken


# --- races ------------------------------------------------------------------------------------


async def test_of_many_series_that_cross_one_another_no_two_overlap(replicas: Replicas, database: Database) -> None:
    """Sixty series race on two replicas: what is made does not overlap, and stands on the calendar completely."""
    given = [command(1 + number % 7, f"{8 + number % 5:02}:{number % 4 * 15:02}", 60) for number in range(60)]
    given = [each.model_copy(update={"recurrence": "FREQ=DAILY;COUNT=20"}) for each in given]
    outcomes = await asyncio.gather(*(outcome(replicas[number % 2], each) for number, each in enumerate(given)))
    made = [each for each in outcomes if isinstance(each, Block)]
    assert 1 <= len(made) < len(given)
    wanted = sorted((each.start_time, each.end_time) for block in made for each in block.occurrences)
    assert all(end <= start for (_, end), (start, _) in pairwise(wanted))
    stored = {entry for page in await pages(database) for entry in page.entries}
    assert sorted((entry.start, entry.end) for entry in stored) == wanted


async def test_a_series_is_freed_while_others_are_made(replicas: Replicas, database: Database) -> None:
    """Occurrences that two replicas free at once are all free, and what others block meanwhile stays."""
    series = await replicas[0].block_time(command(1, "08:00", 30, recurrence="FREQ=DAILY;COUNT=14"), new_context())
    dates = [each.date for each in series.occurrences]
    await asyncio.gather(
        *(
            replicas[number % 2].unblock_time(UnblockTime(name=series.name, dates=(day,)), new_context())
            for number, day in enumerate(dates[:10])
        ),
        *(outcome(replicas[number % 2], command(1 + number, "12:00", 30)) for number in range(14)),
    )
    holders = [entry.holder for page in await pages(database) for entry in page.entries]
    assert sorted(holder for holder in holders if holder.startswith(series.name)) == [
        series.holder(each) for each in series.occurrences[10:]
    ]
    assert len(holders) == 14 + 4


# --- what is read -----------------------------------------------------------------------------


async def test_two_weeks_of_slots_are_read_by_name(store: MentorsStore) -> None:
    """Free slots need the mentor, the availability and three pages, each read by its name and nothing beside."""
    names = [f"{M1}/calendars/2026-w{week}" for week in range(40, 53)]
    await insert(store.database, MENTORS, [mentor()])
    await insert(store.database, AVAILABILITIES, [availability()])
    await insert(store.database, CALENDARS, [CalendarPage.empty(name) for name in names])
    queries = Availabilities(store, FixedClock(at("2026-12-02 08:00")), CITY_HOURS)
    found = {}
    for collection in ("mentors", "availabilities", "calendars"):
        async with query_plans(store.database, collection) as plans:
            assert (await queries.list_free_slots(ListFreeSlots(mentor=M1), new_context())).slots
        found[collection] = [(plan.summary, plan.documents) for plan in plans]
    by_name = "IXSCAN { _id: 1 }"
    assert found == {"mentors": [(by_name, 1)], "availabilities": [(by_name, 1)], "calendars": [(by_name, 3)]}


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"kind": "finance"},
        {"technology_field": "aerospace"},
        {"skill": "branding"},
        {"language": "ja"},
        {"format": Format.PHONE},
        {"space": "spaces/rare"},
    ],
)
async def test_a_search_reads_along_an_index(store: MentorsStore, filters: dict[str, Any]) -> None:
    """Each filter reads about as many mentors as it finds, in the order of the list."""
    rare: dict[str, Any] = {
        "kind": "finance",
        "technology_fields": ("aerospace",),
        "skills": ("branding",),
        "languages": ("ja",),
        "formats": (Format.PHONE,),
        "spaces": ("spaces/rare",),
    }
    await insert(
        store.database,
        MENTORS,
        [mentor(name=f"mentors/m{n:04}", **(rare if n % 100 == 0 else {})) for n in range(1000)],
    )
    async with query_plans(store.database, "mentors") as plans:
        page = await store.list_appointed(SearchFreeSlots(page_size=20, **filters), new_context())
    assert page.items
    [plan] = plans
    assert plan.documents <= 2 * len(page.items) + 1
    assert not plan.sorted_in_memory


async def test_only_appointed_mentors_are_searched(store: MentorsStore) -> None:
    """Nominated, suspended and retired mentors are not read."""
    others = [mentor(name=f"mentors/{state.lower()}", state=state) for state in MentorState]
    await insert(store.database, MENTORS, others)
    page = await store.list_appointed(SearchFreeSlots(), new_context())
    assert [each.name for each in page] == ["mentors/appointed"]


# --- who reads what ---------------------------------------------------------------------------


def consultation(number: int, space: str) -> Consultation:
    """Return a consultation for a tenant of a space."""
    start = at(f"2026-12-0{number + 1} 10:00")
    return Consultation(
        name=f"consultations/c{number}",
        version=1,
        mentor=M1,
        mentor_display_name="林江",
        startups=("startups/a1",),
        spaces=(space,),
        kind=Kind.COACHING,
        format=Format.ON_SITE,
        topic=f"融资方案{number}",
        start_time=start,
        end_time=start + timedelta(hours=1),
        state=State.SCHEDULED,
    )


async def test_an_operator_reads_only_what_concerns_the_space(store: MentorsStore) -> None:
    """Of two consultations of a mentor who serves two spaces, an operator reads the topic of one; both are taken."""
    entries = booked(("2026-12-01 10:00", "2026-12-01 11:00"), ("2026-12-02 10:00", "2026-12-02 11:00"))
    await insert(store.database, MENTORS, [mentor(spaces=("spaces/s1", "spaces/s2"))])
    await insert(store.database, CONSULTATIONS, [consultation(0, "spaces/s1"), consultation(1, "spaces/s2")])
    page = CalendarPage.empty(f"{M1}/calendars/2026-w49").with_(version=1, entries=entries)
    await insert(store.database, CALENDARS, [page])
    queries = CommitmentQueries(store, CLOCK, CITY_HOURS)
    titles = {}
    for scope in (M1, "spaces/s1", "spaces/s2"):
        found = await queries.list(ListCommitments(mentor=M1), new_context(scope))
        titles[scope] = [(each.title, each.startup) for each in found.commitments]
    first, second, hidden = ("融资方案0", "startups/a1"), ("融资方案1", "startups/a1"), ("", "")
    assert titles == {M1: [first, second], "spaces/s1": [first, hidden], "spaces/s2": [hidden, second]}
    with pytest.raises(Denied):
        await queries.list(ListCommitments(mentor=M1), new_context("spaces/s3"))


async def test_what_is_stored_is_read_back(replicas: Replicas, database: Database) -> None:
    """Hours with their days, and a block with its occurrences, survive the database."""
    stored = availability(time_zone="America/New_York", observes_holidays=True)
    await insert(database, AVAILABILITIES, [stored])
    row = await database.collection("availabilities").find_one({"_id": stored.name})
    assert row is not None
    assert Availability.model_validate({**row, "name": row["_id"]}) == stored
    block = await replicas[0].block_time(command(1, "08:00", 30, recurrence="FREQ=DAILY;COUNT=3"), new_context())
    row = await database.collection(BLOCKS.collection).find_one({"_id": block.name})
    assert row is not None
    assert Block.model_validate({**row, "name": row["_id"]}) == block


async def test_a_forgotten_person_leaves_no_title(store: MentorsStore) -> None:
    """When a mentor is forgotten, the titles of all blocks are deleted; the time stays occupied."""
    await insert(store.database, MENTORS, [mentor()])
    blocks = Blocks(store, CLOCK, Names(CLOCK), CITY_HOURS)
    made = [await blocks.block_time(command(day, "08:00", 30, title="看牙医"), new_context()) for day in (1, 2)]
    await Forgetting(store, CLOCK, CITY).forget(ForgetPerson(name=M1), new_context())
    for each in made:
        kept = await blocks.get(GetBlock(name=each.name), new_context())
        assert (kept.title, kept.occurrences) == ("", each.occurrences)


async def test_a_title_does_not_enter_the_journal(replicas: Replicas, database: Database) -> None:
    """A block's title may name people: the journal keeps the block's name only."""
    planted = "看牙医 13944200000"
    await replicas[0].block_time(command(1, "08:00", 30, title=planted), new_context())
    entries = await database.collection("journal").find().to_list(None)
    assert len(entries) == 1
    assert planted not in str(entries)
