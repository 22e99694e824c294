"""A request that is repeated under its id happens once: fifty times at once, and across a crash in the middle of it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode, aio
from pymongo import MongoClient

from libs.common.asking import Asked
from tests.contracts.asks import valid
from tests.contracts.bad import found
from tests.contracts.contract import HOMES, METHODS, Method
from tests.contracts.land import Land
from tests.contracts.town import Answer, Town
from tests.running import Replica, World

Client = MongoClient[dict[str, Any]]
WRITES = [method for method in METHODS if method.writes]
MANY = 50
#: Whoever lost the connection cannot know whether it happened, and asks again.
LOST = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[Client]:
    """The MongoDB of the world, to look into."""
    with Client(world.mongo.admin_uri) as opened:
        yield opened


@pytest.fixture(scope="module")
def doomed(land: Land) -> Iterator[dict[str, Replica]]:
    """A second replica of every service, which is there to be killed."""
    world = land.town.world
    started = {home: world.start(home, f"{home}-doomed") for home in HOMES}
    yield started
    for replica in started.values():
        replica.child.stop()


def entry_of(request: Message) -> str:
    """The id of the journal entry that the request makes."""
    return Asked("tester", "", found(request, "request_id"), b"", 0).entry_id


async def shown(land: Land) -> dict[str, tuple[int, str]]:
    """What is kept, once all that was caused has taken effect."""
    await land.town.settled(30)
    return land.town.kept()


def growth(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]], home: str) -> dict[str, int]:
    """How many documents each collection of a service has got since."""
    mine = [name for name in after if name.startswith(f"{home}.")]
    more = {name.partition(".")[2]: after[name][0] - before.get(name, (0, ""))[0] for name in mine}
    return {name: count for name, count in more.items() if count}


def one_change(method: Method) -> dict[str, int]:
    """The documents that one change makes: its entry in the journal, and what it creates or registers."""
    made = {"CreateSpace": "spaces", "RegisterTenant": "tenancies", "RegisterStartup": "startups"}.get(method.name)
    return {"journal": 1, **({made: 1} if made else {})}


def only(answers: list[Answer], method: Method) -> Any:
    """The one reply that all of the answers are."""
    assert len(answers) == MANY
    assert {(answer.code, answer.raw) for answer in answers} == {(StatusCode.OK, answers[0].raw)}
    return method.reply.FromString(answers[0].raw)


def must_stand(land: Land, client: Client, method: Method, request: Message, reply: Any) -> None:
    """One entry of the journal holds the request, and what is kept is of the version that was answered."""
    database = client[land.town.world.database(method.home)]
    entries = list(database["journal"].find({"_id": entry_of(request)}))
    assert [entry["command"] for entry in entries] == [method.descriptor.full_name]
    collection = reply.name.split("/")[-2]
    kept = list(database[collection].find({"_id": reply.name}))
    assert [f"v{document['version']}" for document in kept] == [reply.etag]
    assert {"name": reply.name, "version": kept[0]["version"]} in entries[0]["entities"]


@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_fifty_at_once_happen_once(land: Land, client: Client, method: Method) -> None:
    """The same request sent fifty times at once makes one change, and all are answered the same, today and later."""
    request = (await valid(land, method)).request
    before = await shown(land)
    reply = only(await asyncio.gather(*(land.town.ask(method, request) for _ in range(MANY))), method)
    after = await shown(land)
    assert growth(before, after, method.home) == one_change(method)
    must_stand(land, client, method, request, reply)
    assert method.reply.FromString((await land.town.ask(method, request)).raw) == reply
    assert await shown(land) == after


@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_a_repeat_answers_for_what_has_changed_since(land: Land, client: Client, method: Method) -> None:
    """A late repeat is given the first answer, not what the resource has become, and does not undo what came after."""
    first = (await valid(land, method)).request
    reply = await land.town.made(method, first)
    second = (await valid(land, method)).request
    await land.town.made(method, second)
    after = await shown(land)
    assert await land.town.made(method, first) == reply
    assert await shown(land) == after


# --- across a crash --------------------------------------------------------------------------------


Moment = Callable[[Client, str, str], Callable[[], bool]]


def begun(client: Client, database: str, entry: str) -> Callable[[], bool]:
    """Whether a transaction has begun since."""

    def count() -> int:
        return int(
            client.admin.command("serverStatus", repl=0, metrics=0, wiredTiger=0)["transactions"]["totalStarted"]
        )

    before = count()
    return lambda: count() > before


def committed(client: Client, database: str, entry: str) -> Callable[[], bool]:
    """Whether the journal holds the request."""
    return lambda: client[database]["journal"].find_one({"_id": entry}, {"_id": 1}) is not None


def kill_when(holds: Callable[[], bool], replica: Replica) -> None:
    """Kill the process at the very moment."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "the moment did not come"
    replica.child.kill()


async def ask_many(land: Land, replica: Replica, method: Method, request: Message, many: int) -> list[Answer]:
    """Ask a replica so many times at once."""
    async with aio.insecure_channel(replica.address) as channel:
        town = Town(land.town.world, {method.home: channel})
        return await asyncio.gather(*(town.ask(method, request) for _ in range(many)))


@pytest.mark.parametrize("moment", [begun, committed])
@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_a_crash_in_the_middle_changes_nothing_of_that(
    land: Land, client: Client, doomed: dict[str, Replica], method: Method, moment: Moment
) -> None:
    """Killed while fifty repeats are under way and started again, the service answers all of them, for one change."""
    request, replica = (await valid(land, method)).request, doomed[method.home]
    before = await shown(land)
    holds = moment(client, land.town.world.database(method.home), entry_of(request))
    asking = asyncio.ensure_future(ask_many(land, replica, method, request, MANY))
    await asyncio.to_thread(kill_when, holds, replica)
    answers = await asking
    assert {answer.code for answer in answers} <= LOST | {StatusCode.OK}
    replica.start()
    answered = [answer for answer in answers if answer.code is StatusCode.OK]
    while len(answered) < MANY:
        again = await ask_many(land, replica, method, request, MANY - len(answered))
        assert {answer.code for answer in again} <= LOST | {StatusCode.OK}
        answered += [answer for answer in again if answer.code is StatusCode.OK]
    reply = only(answered, method)
    assert growth(before, await shown(land), method.home) == one_change(method)
    must_stand(land, client, method, request, reply)
