"""Replicas race, servers restart, commands come in any order: each takes effect once, as if run one by one."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.cli.servers.mongo import Mongo, start_mongo
from libs.common.domain.errors import Refusal
from libs.common.store.command import Load
from libs.common.store.database import Database, Driver
from tests.common.sample_domain import (
    Hall,
    HallsStore,
    add_desks,
    commit_closing,
    commit_desks,
    commit_opening,
    commit_visit,
    journal_entries,
    new_halls_store,
    new_name,
    open_hall,
    stored_hall,
    versions_in,
)
from tests.support.store_fixtures import new_context, running


@pytest.fixture(params=["motor", "pymongo"])
async def replicas(
    request: pytest.FixtureRequest, mongo: Mongo, database: Database
) -> AsyncIterator[tuple[HallsStore, HallsStore]]:
    """Two stores with clients of their own on one database, with batches small enough to collide often."""
    driver = cast("Driver", request.param)
    one = Database(mongo.admin_uri, database.handle.name, driver)
    two = Database(mongo.admin_uri, database.handle.name, driver)
    async with (
        running(new_halls_store(one, max_batch=8)) as first,
        running(new_halls_store(two, max_batch=8)) as second,
    ):
        yield first, second
    await one.close()
    await two.close()


async def test_race_on_one_entity(replicas: tuple[HallsStore, HallsStore], database: Database) -> None:
    """Two loops on one hot entity commit every command exactly once, and its versions have no gap."""
    name, each = new_name(), 150
    await commit_opening(replicas[0], name)
    replies = await asyncio.gather(*(commit_desks(store, name) for _ in range(each) for store in replicas))
    assert sorted(reply.desks for reply in replies) == list(range(1, 2 * each + 1))
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (2 * each, 2 * each + 1)
    assert versions_in(await journal_entries(database), name) == list(range(1, 2 * each + 2))


async def test_race_for_the_same_command(replicas: tuple[HallsStore, HallsStore], database: Database) -> None:
    """The same request fifty times at two replicas at once is one change and fifty equal replies."""
    name, context = new_name(), partial(new_context, request_id="same")
    await commit_opening(replicas[0], name)
    replies = await asyncio.gather(*(commit_desks(store, name, 5, context()) for _ in range(25) for store in replicas))
    assert {(reply.desks, reply.version) for reply in replies} == {(5, 2)}
    assert len(await journal_entries(database)) == 2


async def test_race_to_create_the_same_entity(replicas: tuple[HallsStore, HallsStore], database: Database) -> None:
    """Two loops that handle facts about the same new guests at once create each once, and refuse nobody."""
    names = [new_name("guests") for _ in range(30)]
    replies = await asyncio.gather(*(commit_visit(store, name) for name in names for store in replicas))
    assert sorted(reply.visits for reply in replies) == [1] * 30 + [2] * 30
    assert await database.collection("guests").count_documents({"visits": 2, "version": 2}) == 30


async def test_race_for_a_unique_code(replicas: tuple[HallsStore, HallsStore], database: Database) -> None:
    """Of many commands that want the same code at once exactly one gets it; the others are refused as taken."""
    commands = [
        commit_opening(store, new_name(), code=f"code-{place % 5}") for place in range(40) for store in replicas
    ]
    replies = await asyncio.gather(*commands, return_exceptions=True)
    assert sorted(reply.code or "" for reply in replies if isinstance(reply, Hall)) == [
        f"code-{place}" for place in range(5)
    ]
    refusals = [reply for reply in replies if isinstance(reply, Refusal)]
    assert {refusal.reason for refusal in refusals} == {"CODE_TAKEN"}
    assert len(refusals) == 75
    assert len(await journal_entries(database)) == 5


async def test_race_to_remove(replicas: tuple[HallsStore, HallsStore], database: Database) -> None:
    """Of changes and removals at two replicas at once, one removal wins, and whatever comes after finds nothing."""
    names = [new_name() for _ in range(20)]
    await asyncio.gather(*(commit_opening(replicas[0], name) for name in names))
    commands: list[Any] = []
    for name in names:
        for store in replicas:
            commands += [commit_desks(store, name), commit_closing(store, name), commit_desks(store, name)]
    replies = await asyncio.gather(*commands, return_exceptions=True)
    assert [reply for reply in replies if isinstance(reply, Exception) and not isinstance(reply, Refusal)] == []
    assert {reply.reason for reply in replies if isinstance(reply, Refusal)} == {"HALL_NOT_FOUND"}
    assert sum(reply is None for reply in replies) == len(names)
    assert await database.collection("halls").count_documents({}) == 0
    entries = await journal_entries(database)
    for name in names:
        found = [entity for entry in entries for entity in entry["entities"] if entity["name"] == name]
        versions = versions_in(entries, name)
        assert versions == list(range(1, len(versions) + 1))
        assert [entity["version"] for entity in found if entity.get("removed")] == [versions[-1]]


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_commands_survive_a_restart_of_the_server(tmp_path: Path, driver: Driver) -> None:
    """Commands in progress when MongoDB is killed are committed once each when it is back."""
    server = start_mongo(tmp_path)
    database = Database(server.admin_uri, "restart", driver)
    try:
        async with running(new_halls_store(database, max_batch=4)) as store:
            name, deadline = new_name(), asyncio.get_running_loop().time() + 60
            await commit_opening(store, name)
            waiting = [
                asyncio.ensure_future(commit_desks(store, name, 1, new_context(deadline=deadline))) for _ in range(100)
            ]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            server.kill()
            server.start()
            replies = await asyncio.gather(*waiting)
            assert sorted(reply.desks for reply in replies) == list(range(1, 101))
            assert versions_in(await journal_entries(database), name) == list(range(1, 102))
    finally:
        await database.close()
        server.stop()


# One command: which hall, what is done with it, under which request id, and whether it waits for those before it.
STEP = st.tuples(
    st.integers(0, 2), st.sampled_from(["open", "more", "fewer", "both"]), st.integers(0, 12), st.booleans()
)
Step = tuple[int, str, int, bool]


def loads_and_decision(step: Step, names: list[str]) -> tuple[tuple[Load[Any], ...], Any]:
    """Return what a step loads, and its decision."""
    name = names[step[0]]
    if step[1] == "open":
        return (), partial(open_hall, Hall(name=name, desks=2))
    return (Load(Hall, name),), partial(add_desks, more={"more": 3, "fewer": -2, "both": 1}[step[1]])


def run_one_by_one(steps: list[Step], names: list[str]) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Return the outcomes of the steps, and what they leave, when run in the simplest way."""
    known: dict[str, Hall] = {}
    first: dict[int, tuple[tuple[int, str], str]] = {}
    outcomes = []
    for step in steps:
        name = names[step[0]]
        if step[2] in first:
            request, outcome = first[step[2]]
            outcomes.append(outcome if request == step[:2] else "INVALID_FIELD")
            continue
        loads, decide = loads_and_decision(step, names)
        try:
            if loads and name not in known:
                outcomes.append("HALL_NOT_FOUND")
                continue
            reply = decide(known[name]).reply if loads else decide().reply
            if not loads and name in known:
                outcomes.append("failed")
                continue
        except Refusal as refusal:
            outcomes.append(refusal.reason)
            continue
        known[name] = reply.with_(version=reply.version + 1)
        outcomes.append(f"{known[name].desks} v{known[name].version}")
        first[step[2]] = (step[:2], outcomes[-1])
    return outcomes, {name: (hall.desks, hall.version) for name, hall in known.items()}


async def run_by_the_loop(store: HallsStore, steps: list[Step], names: list[str]) -> list[str]:
    """Return the outcomes when the steps come together, except where one waits for those before it."""
    waiting: list[asyncio.Future[Any]] = []
    for step in steps:
        if step[3]:
            await asyncio.gather(*waiting, return_exceptions=True)
        loads, decide = loads_and_decision(step, names)
        ctx = new_context(request_id=f"{names[0]}#{step[2]}", digest=f"{step[:2]}".encode())
        waiting.append(asyncio.ensure_future(store.loop.submit(ctx, loads, decide)))
        await asyncio.sleep(0)
    return [outcome_of(reply) for reply in await asyncio.gather(*waiting, return_exceptions=True)]


def outcome_of(reply: Any) -> str:
    """Return a reply or an error in a word."""
    if isinstance(reply, Refusal):
        return reply.reason
    return "failed" if isinstance(reply, Exception) else f"{reply.desks} v{reply.version}"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=30))
async def test_together_is_as_one_by_one(store: HallsStore, database: Database, steps: list[Step]) -> None:
    """Commands that come together or apart, repeated or not, end as if each had been run alone, in order."""
    names = [new_name() for _ in range(3)]
    expected, left = run_one_by_one(steps, names)
    assert await run_by_the_loop(store, steps, names) == expected
    found = await database.collection("halls").find({"_id": {"$in": names}}).to_list(None)
    assert {document["_id"]: (document["desks"], document["version"]) for document in found} == left
    entries = await journal_entries(database)
    for name, (_, version) in left.items():
        assert versions_in(entries, name) == list(range(1, version + 1))
