"""Replicas race, servers restart, commands come in any order: each takes effect once, as if run one by one."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.cli.servers import Mongo, start_mongo
from libs.common.documents import Documents, Driver
from libs.common.errors import Refusal
from tests.common.halls import (
    Hall,
    Halls,
    add_desks,
    asked,
    entries,
    hall,
    heard_of,
    kept,
    more_desks,
    new_name,
    open_hall,
    opened,
    running,
)


@pytest.fixture(params=["motor", "pymongo"])
async def replicas(
    request: pytest.FixtureRequest, mongo: Mongo, documents: Documents
) -> AsyncIterator[tuple[Halls, Halls]]:
    """Two stores with clients of their own on one database, with batches small enough to meet often."""
    driver = cast("Driver", request.param)
    one = Documents(mongo.admin_uri, documents.database.name, driver)
    two = Documents(mongo.admin_uri, documents.database.name, driver)
    async with running(one, most_together=8) as first, running(two, most_together=8) as second:
        yield first, second
    await one.close()
    await two.close()


def versions(found: list[dict[str, Any]], name: str) -> list[int]:
    """The versions of an entity that the journal tells of, sorted."""
    return sorted(entity["version"] for entry in found for entity in entry["entities"] if entity["name"] == name)


async def test_replicas_race_on_one_entity(replicas: tuple[Halls, Halls], documents: Documents) -> None:
    """Two loops on one hot entity commit every command exactly once, and its versions have no gap."""
    name, each = new_name(), 150
    await opened(replicas[0], name)
    answers = await asyncio.gather(*(more_desks(store, name) for _ in range(each) for store in replicas))
    assert sorted(answer.desks for answer in answers) == list(range(1, 2 * each + 1))
    document = await kept(documents, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (2 * each, 2 * each + 1)
    assert versions(await entries(documents), name) == list(range(1, 2 * each + 2))


async def test_replicas_race_for_the_same_command(replicas: tuple[Halls, Halls], documents: Documents) -> None:
    """The same request fifty times at two replicas at once is one change and fifty equal answers."""
    name = new_name()
    await opened(replicas[0], name)
    ask = partial(asked, "the-same")
    answers = await asyncio.gather(*(more_desks(store, name, 5, ask()) for _ in range(25) for store in replicas))
    assert {(answer.desks, answer.version) for answer in answers} == {(5, 2)}
    assert len(await entries(documents)) == 2


async def test_replicas_race_to_make_the_same_entity(replicas: tuple[Halls, Halls], documents: Documents) -> None:
    """Two loops that hear of the same new things at once make each once, and nobody is refused."""
    names = [new_name("guests") for _ in range(30)]
    answers = await asyncio.gather(*(heard_of(store, name) for name in names for store in replicas))
    assert sorted(answer.heard for answer in answers) == [1] * 30 + [2] * 30
    assert await documents.collection("guests").count_documents({"heard": 2, "version": 2}) == 30


async def test_replicas_race_for_a_unique_code(replicas: tuple[Halls, Halls], documents: Documents) -> None:
    """Of many who want the same code at once exactly one gets it; the others are told that it is taken."""
    commands = [opened(store, new_name(), code=f"code-{place % 5}") for place in range(40) for store in replicas]
    answers = await asyncio.gather(*commands, return_exceptions=True)
    assert sorted(answer.code or "" for answer in answers if isinstance(answer, Hall)) == [
        f"code-{place}" for place in range(5)
    ]
    assert {answer.reason for answer in answers if isinstance(answer, Refusal)} == {"CODE_TAKEN"}
    assert len([answer for answer in answers if isinstance(answer, Refusal)]) == 75
    assert len(await entries(documents)) == 5


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_commands_outlive_a_restart_of_the_server(tmp_path: Path, driver: Driver) -> None:
    """Commands under way when MongoDB is killed are committed once each when it is back."""
    server = start_mongo(tmp_path)
    documents = Documents(server.admin_uri, "restart", driver)
    try:
        async with running(documents, most_together=4) as store:
            name = new_name()
            await opened(store, name)
            waiting = [asyncio.ensure_future(more_desks(store, name, 1, asked(seconds=60))) for _ in range(100)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            server.kill()
            server.start()
            answers = await asyncio.gather(*waiting)
            assert sorted(answer.desks for answer in answers) == list(range(1, 101))
            assert versions(await entries(documents), name) == list(range(1, 102))
    finally:
        await documents.close()
        server.stop()


# One command: which hall, what is done with it, under which request id, and whether it waits for those before it.
STEP = st.tuples(
    st.integers(0, 2), st.sampled_from(["open", "more", "fewer", "both"]), st.integers(0, 12), st.booleans()
)
Step = tuple[int, str, int, bool]


def decision(step: Step, names: list[str]) -> tuple[tuple[Any, ...], Any]:
    """What a step wants to see, and its decision."""
    name = names[step[0]]
    if step[1] == "open":
        return (), partial(open_hall, hall(name, desks=2))
    return ((Hall, name),), partial(add_desks, more={"more": 3, "fewer": -2, "both": 1}[step[1]])


def alone(steps: list[Step], names: list[str]) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """What the steps answer, and what they leave, when run one by one in the simplest way."""
    known: dict[str, Hall] = {}
    first: dict[int, tuple[tuple[int, str], str]] = {}
    answers = []
    for step in steps:
        name = names[step[0]]
        if step[2] in first:
            body, answer = first[step[2]]
            answers.append(answer if body == step[:2] else "INVALID_FIELD")
            continue
        wants, decide = decision(step, names)
        try:
            if wants and name not in known:
                answers.append("HALL_NOT_FOUND")
                continue
            reply = decide(known[name]).reply if wants else decide().reply
            if not wants and name in known:
                answers.append("failed")
                continue
        except Refusal as refused:
            answers.append(refused.reason)
            continue
        known[name] = reply.with_(version=reply.version + 1)
        answers.append(f"{known[name].desks} v{known[name].version}")
        first[step[2]] = (step[:2], answers[-1])
    return answers, {name: (held.desks, held.version) for name, held in known.items()}


async def by_the_loop(store: Halls, steps: list[Step], names: list[str]) -> list[str]:
    """What the loop answers when steps come together, except where one waits for those before it."""
    waiting: list[asyncio.Future[Any]] = []
    for step in steps:
        if step[3]:
            await asyncio.gather(*waiting, return_exceptions=True)
        wants, decide = decision(step, names)
        ask = asked(f"{names[0]}#{step[2]}", body=f"{step[:2]}")
        waiting.append(asyncio.ensure_future(store.loop.submit(ask, wants, decide)))
        await asyncio.sleep(0)
    return [spoken(answer) for answer in await asyncio.gather(*waiting, return_exceptions=True)]


def spoken(answer: Any) -> str:
    """An answer in a word."""
    if isinstance(answer, Refusal):
        return answer.reason
    return "failed" if isinstance(answer, Exception) else f"{answer.desks} v{answer.version}"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=30))
async def test_together_is_as_one_by_one(halls: Halls, documents: Documents, steps: list[Step]) -> None:
    """Whatever comes together or apart, repeated or not, ends as if each command had been run alone, in order."""
    names = [new_name() for _ in range(3)]
    expected, left = alone(steps, names)
    assert await by_the_loop(halls, steps, names) == expected
    found = await documents.collection("halls").find({"_id": {"$in": names}}).to_list(None)
    assert {document["_id"]: (document["desks"], document["version"]) for document in found} == left
    assert [versions(await entries(documents), name) for name in left] == [
        list(range(1, version + 1)) for _, version in left.values()
    ]
