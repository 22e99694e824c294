"""Bookings in a real MongoDB: races between replicas, filters, scope, and the cost of queries."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import bson
import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.calendar.interval import Interval
from libs.common.domain.errors import Denied, Invalid, Refusal, Taken
from libs.common.runtime.clock import Names
from libs.common.store.database import Database
from services.mentors.domain.booking_commands import (
    AcceptConsultation,
    GetConsultation,
    ListConsultations,
    MoveConsultation,
    ProposeTime,
)
from services.mentors.domain.consultation import Consultation, Kind, Service, State
from services.mentors.domain.mentor import Format
from services.mentors.service.booking import Bookings
from services.mentors.store import CALENDARS, CONSULTATIONS, MENTORS, RESIDENCES, STARTUPS, MentorsStore
from tests.mentors.booking.samples import (
    CITY,
    MENTOR,
    SPACE,
    STARTUP,
    Calendar,
    instant,
    request_of,
    residence,
    span,
)
from tests.mentors.samples import LONGTAN, NOW, mentor, startup
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

AT_TEN, HOUR = span(1, "10:00"), timedelta(hours=1)
EVERY = ListConsultations()
Replicas = tuple[Bookings, Bookings]


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[Replicas]:
    """Two replicas on one database, with a mentor and many startups, of which one is a tenant."""
    clock = FixedClock(NOW)
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        await insert(database, STARTUPS, [startup(f"startups/a{number}") for number in range(100)])
        await insert(database, RESIDENCES, [residence()])
        yield (
            Bookings(one, clock, Names(clock), CITY),
            Bookings(other, clock, Names(clock), CITY),
        )


async def occupied(database: Database) -> dict[str, set[tuple[datetime, datetime]]]:
    """Return the holders of time on the pages, with their times."""
    held: dict[str, set[tuple[datetime, datetime]]] = {}
    for page in await database.collection("calendars").find().to_list(None):
        for entry in page["entries"]:
            held.setdefault(entry["holder"], set()).add((entry["start"], entry["end"]))
    return held


async def answers_of(calls: Iterable[Awaitable[Consultation]]) -> list[Any]:
    """Return what each of the calls, all made at once, is answered."""
    return await asyncio.gather(*calls, return_exceptions=True)


# --- races ------------------------------------------------------------------------------------


async def test_of_forty_requests_for_a_slot_one_wins(replicas: Replicas, database: Database) -> None:
    """Of forty requests for one slot at two replicas one is made; the others learn what is in the way and what is free.

    A request is pending, not scheduled, and occupies its time all the same.
    """
    calls = [
        replicas[number % 2].request(request_of(AT_TEN, f"startups/a{number}"), new_context()) for number in range(40)
    ]
    answers = await answers_of(calls)
    assert Counter(type(answer) for answer in answers) == {Consultation: 1, Taken: 39}
    assert {answer.reason for answer in answers if isinstance(answer, Taken)} == {"TIME_TAKEN"}
    [told] = {tuple(answer.metadata.items()) for answer in answers if isinstance(answer, Taken)}
    assert dict(told) == {
        "taken_start": "2026-11-25T02:00:00Z",
        "taken_end": "2026-11-25T03:00:00Z",
        "next_free": "2026-11-25T03:15:00Z,2026-11-25T03:30:00Z,2026-11-25T03:45:00Z",
    }
    [winner] = [answer for answer in answers if isinstance(answer, Consultation)]
    assert await occupied(database) == {winner.name: {(AT_TEN.start, AT_TEN.end)}}
    assert await database.collection("consultations").count_documents({}) == 1


async def test_requests_that_overlap_a_little_are_never_both_made(replicas: Replicas, database: Database) -> None:
    """Forty requests at eight starts, all overlapping their neighbours, leave a calendar in which none overlaps."""
    calls = []
    for number in range(40):
        start = instant(5, "22:00") + timedelta(minutes=15 * (number % 8))
        wish = request_of(Interval(start=start, end=start + HOUR), f"startups/a{number}")
        calls.append(replicas[number % 2].request(wish, new_context()))
    answers = await answers_of(calls)
    made = sorted((each for each in answers if isinstance(each, Consultation)), key=lambda each: each.start_time)
    assert all(isinstance(each, Taken) for each in answers if not isinstance(each, Consultation))
    assert made
    for earlier, later in pairwise(made):
        assert earlier.end_time + CITY.rules.gap <= later.start_time
    assert await occupied(database) == {each.name: {(each.start_time, each.end_time)} for each in made}


async def test_a_slot_that_is_left_and_one_that_is_wanted_are_one_step(replicas: Replicas, database: Database) -> None:
    """Consultations that move into each other's times at once, at two replicas, all have one time afterwards."""
    one, other = replicas
    times = [span(offset, "10:00") for offset in (1, 2, 8, 9)]
    made = [
        await one.request(request_of(time, f"startups/a{number}"), new_context()) for number, time in enumerate(times)
    ]
    calls: list[Awaitable[Consultation]] = []
    for number, each in enumerate(made):
        for target in (times[(number + 1) % 4], span(number + 10, "14:00"), span(3, "10:00")):
            fields: dict[str, Any] = {"name": each.name, "start_time": target.start, "end_time": target.end}
            calls.append(one.move(MoveConsultation(**fields), new_context()))
            calls.append(other.propose(ProposeTime(**fields), new_context()))
    answers = await answers_of(calls)
    assert all(isinstance(answer, Consultation | Refusal) for answer in answers)
    stored = [await one.get(GetConsultation(name=each.name), new_context()) for each in made]
    assert await occupied(database) == {each.name: {(each.start_time, each.end_time)} for each in stored}
    taken = sorted((each.start_time, each.end_time) for each in stored)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(taken))


async def test_a_repeated_move_happens_once(replicas: Replicas) -> None:
    """One move that is sent twenty times at once, to two replicas, is one move, and each answer is the same."""
    one, _ = replicas
    known = await one.request(request_of(AT_TEN), new_context())
    target = span(9, "10:00")
    command = MoveConsultation(name=known.name, start_time=target.start, end_time=target.end)
    calls = [replicas[number % 2].move(command, new_context(request_id="once")) for number in range(20)]
    answers = [each for each in await answers_of(calls) if isinstance(each, Consultation)]
    assert len(answers) == 20
    assert {(each.version, each.start_time, len(each.moves)) for each in answers} == {(2, target.start, 1)}


async def test_accepting_and_withdrawing_at_once_does_one_of_them(replicas: Replicas, database: Database) -> None:
    """A request that the mentor accepts and declines at the same moment, often, ends in one of the states."""
    one, other = replicas
    known = await one.request(request_of(AT_TEN), new_context())
    command = AcceptConsultation(name=known.name)
    answers = await answers_of([replica.accept(command, new_context()) for replica in (one, other) * 10])
    assert Counter(type(answer).__name__ for answer in answers) == {"Consultation": 1, "Precondition": 19}
    assert await database.collection("journal").count_documents({"entities.name": known.name}) == 2


# --- who may ----------------------------------------------------------------------------------


async def test_a_request_is_made_for_a_startup_in_scope(replicas: Replicas) -> None:
    """A startup requests for itself, a space for its tenant; nobody learns more about another's startup."""
    one, _ = replicas
    assert (await one.request(request_of(span(1, "9:00")), new_context(STARTUP))).startups == (STARTUP,)
    assert (await one.request(request_of(span(2, "9:00")), new_context(SPACE))).spaces == (SPACE,)
    wishes = [
        (request_of(AT_TEN, "startups/a2"), SPACE),
        (request_of(AT_TEN, "startups/nobody"), SPACE),
        (request_of(AT_TEN), "startups/a2"),
        (request_of(AT_TEN, mentor="mentors/nobody"), "startups/a2"),
        (request_of(span(1, "9:00")), "startups/a2"),
    ]
    for wish, scope in wishes:
        with pytest.raises(Denied):
            await one.request(wish, new_context(scope))


async def test_the_journal_holds_no_text_of_a_consultation(replicas: Replicas, database: Database) -> None:
    """Topic, question and place stay in the consultation's document: neither journal nor facts hold them."""
    one, _ = replicas
    wish = request_of(AT_TEN, topic="秘密一", question="秘密二", place="秘密三")
    known = await one.request(wish, new_context())
    entries = await database.collection("journal").find().to_list(None)
    assert [entry["reply"] for entry in entries] == [{"kind": "Consultation", "name": known.name}]
    assert "秘密".encode() not in bson.encode({"entries": entries})
    document = await database.collection("consultations").find_one({"_id": known.name})
    assert document is not None
    assert document["question"] == "秘密二"


async def test_a_caller_sees_what_the_own_startups_say(replicas: Replicas, database: Database) -> None:
    """Of a session with two startups, each sees its own rating and comment only; the mentor sees both."""
    one, _ = replicas
    services = tuple(
        Service(startup=f"startups/a{number}", startup_display_name="松江碳材", rating=number + 1, comment="好")
        for number in range(2)
    )
    both = consultation(1).with_(startups=("startups/a0", "startups/a1"), services=services)
    await insert(database, CONSULTATIONS, [both])
    expected = {("startups/a0",): [1, 0], ("startups/a1",): [0, 2], (MENTOR,): [1, 2], (): [1, 2]}
    for scopes, ratings in expected.items():
        seen = await one.get(GetConsultation(name=both.name), new_context(*scopes))
        listed = await one.list(EVERY, new_context(*scopes))
        assert [[each.rating for each in found.services] for found in (seen, *listed)] == [ratings] * 2
        assert [bool(each.comment) for each in seen.services] == [bool(rating) for rating in ratings]


# --- lists ------------------------------------------------------------------------------------


def consultation(number: int, **fields: object) -> Consultation:
    """Return a request, each an hour after the one before; `fields` replace or add."""
    start = NOW + number * HOUR
    made = Consultation(
        name=f"consultations/c{99999 - number:05d}",
        version=1,
        mentor=f"mentors/m{number % 50}",
        mentor_display_name="王海",
        startups=(f"startups/a{number % 300}",),
        spaces=(f"spaces/x{number % 30}",),
        districts=(LONGTAN,),
        kind=Kind.CONSULTING,
        format=Format.VIDEO,
        topic="股权结构",
        start_time=start,
        end_time=start + HOUR,
        state=State.CONFIRMED,
    )
    return made.with_(**fields)


async def page_of(store: MentorsStore, query: ListConsultations, *scopes: str) -> tuple[list[str], str]:
    """Return the names on a page, and the token of the next."""
    page = await store.list_consultations(query, new_context(*scopes))
    return [found.name for found in page], page.next_page_token


async def all_pages(store: MentorsStore, query: ListConsultations, *scopes: str) -> list[str]:
    """Return the names on every page, one after another."""
    names, token = await page_of(store, query, *scopes)
    while token:
        more, token = await page_of(store, query.model_copy(update={"page_token": token}), *scopes)
        names += more
    return names


async def test_consultations_are_filtered_and_in_the_order_of_their_start(store: MentorsStore) -> None:
    """Each filter narrows the list, all of them together; the order is that of the start, up or down."""
    one = consultation(1, mentor="mentors/m1", state=State.REQUESTED)
    two = consultation(2, mentor="mentors/m1", startups=("startups/a1", "startups/a2"), kind=Kind.DIAGNOSIS)
    three = consultation(3, mentor="mentors/m3", startups=("startups/a2",), spaces=("spaces/x1", "spaces/x2"))
    await insert(store.database, CONSULTATIONS, (three, one, two))
    expected: list[tuple[dict[str, Any], list[Consultation]]] = [
        ({}, [one, two, three]),
        ({"order_by": "start_time"}, [one, two, three]),
        ({"order_by": "start_time desc"}, [three, two, one]),
        ({"page_size": 1}, [one, two, three]),
        ({"page_size": 1, "order_by": "start_time desc"}, [three, two, one]),
        ({"mentor": "mentors/m1"}, [one, two]),
        ({"startup": "startups/a2"}, [two, three]),
        ({"space": "spaces/x1"}, [one, three]),
        ({"states": (State.REQUESTED, State.EXPIRED)}, [one]),
        ({"kind": Kind.DIAGNOSIS}, [two]),
        ({"from_time": two.start_time}, [two, three]),
        ({"to_time": two.start_time}, [one]),
        ({"from_time": one.end_time, "to_time": three.start_time}, [two]),
        ({"from_time": two.start_time, "to_time": two.start_time}, []),
        ({"mentor": "mentors/m1", "startup": "startups/a2", "states": (State.CONFIRMED,)}, [two]),
        ({"mentor": "mentors/m3", "kind": Kind.DIAGNOSIS}, []),
    ]
    for fields, found in expected:
        assert await all_pages(store, ListConsultations(**fields)) == [each.name for each in found], fields


async def test_lists_hold_what_is_in_scope(store: MentorsStore) -> None:
    """A caller sees the consultations of the mentor, startups, spaces and districts in scope, and no others."""
    one = consultation(1, mentor="mentors/m1", startups=("startups/a1",), spaces=(), districts=())
    two = consultation(2, mentor="mentors/m2", startups=("startups/a2", "startups/a3"), spaces=("spaces/x2",))
    await insert(store.database, CONSULTATIONS, (one, two))
    expected = {
        ("mentors/m1",): [one],
        ("startups/a3",): [two],
        ("spaces/x2",): [two],
        (LONGTAN,): [two],
        ("startups/a1", LONGTAN): [one, two],
        ("startups/a9", "mentors/m9"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, EVERY, *scopes) == [each.name for each in found], scopes


async def test_an_order_that_does_not_exist_is_refused(store: MentorsStore) -> None:
    """Only the start orders the list."""
    with pytest.raises(Invalid, match="order_by"):
        await store.list_consultations(ListConsultations(order_by="topic"), new_context())


#: Many more than a page; one in five hundred is pending.
MANY, PAGE = 4000, 20
QUERIES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"order_by": "start_time desc"}, ()),
    ({"mentor": "mentors/m7"}, ()),
    ({"mentor": "mentors/m7", "from_time": NOW + 2000 * HOUR, "order_by": "start_time desc"}, ()),
    ({"startup": "startups/a7"}, ()),
    ({"space": "spaces/x7"}, ()),
    ({"states": (State.REQUESTED,)}, ()),
    ({"states": (State.REQUESTED, State.PROPOSED)}, ()),
    ({"kind": Kind.DIAGNOSIS}, ()),
    ({"from_time": NOW + 2000 * HOUR, "to_time": NOW + 2100 * HOUR}, ()),
    ({}, ("mentors/m7",)),
    ({}, ("startups/a7",)),
    ({}, ("spaces/x7", "spaces/x8", "mentors/m7")),
    ({"mentor": "mentors/m7"}, ("mentors/m7",)),
]


async def test_lists_read_what_they_return(store: MentorsStore) -> None:
    """A page reads hardly more documents than it holds, in the order of an index, whatever is filtered and in scope."""
    rare = {"state": State.REQUESTED, "kind": Kind.DIAGNOSIS}
    await insert(
        store.database,
        CONSULTATIONS,
        [consultation(number, **(rare if number % 500 == 0 else {})) for number in range(MANY)],
    )
    for fields, scopes in QUERIES:
        async with query_plans(store.database, "consultations") as plans:
            found, _ = await page_of(store, ListConsultations(page_size=PAGE, **fields), *scopes)
        assert found
        [plan] = plans
        assert plan.documents <= 2 * len(found) + 3, (fields, scopes, plan)
        assert not plan.sorted_in_memory, (fields, scopes, plan)


# --- documents --------------------------------------------------------------------------------


async def test_fields_of_a_newer_version_survive(replicas: Replicas, database: Database) -> None:
    """Fields that this version does not know stay in the documents of the consultation and of the page."""
    one, _ = replicas
    calendar = Calendar()
    known = calendar.request(AT_TEN)
    [page] = calendar.pages.values()
    added = {"motto": {"zh": "敢为人先"}}
    await database.collection("consultations").insert_one({**CONSULTATIONS.to_document(known), **added})
    await database.collection("calendars").insert_one({**CALENDARS.to_document(page), **added})
    target = span(2, "10:00")
    command = MoveConsultation(name=known.name, start_time=target.start, end_time=target.end)
    await one.move(command, new_context())
    for collection, name in (("consultations", known.name), ("calendars", page.name)):
        document = await database.collection(collection).find_one({"_id": name})
        assert document is not None
        assert (document["motto"], document["version"]) == (added["motto"], 2)
