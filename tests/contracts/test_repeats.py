"""A request that is repeated under its id happens once: fifty at the same time, later, and across a crash."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode, aio
from pymongo import MongoClient

from libs.common.rpc.context import CallContext
from libs.common.store.schema import EntitySchema
from tests.contracts.bad_values import value_at
from tests.contracts.calls import Answer, Calls
from tests.contracts.contract import SERVICES, WRITES, Method
from tests.contracts.requests import RunningContract, Valid, valid
from tests.contracts.snapshots import Snapshots, growth
from tests.contracts.stored_examples import schemas
from tests.support.processes import Cluster, Replica

Client = MongoClient[dict[str, Any]]
MANY = 50
#: A caller who lost the connection cannot know whether the change was made, and repeats the request.
LOST = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}


@pytest.fixture(scope="module")
def doomed(contract: RunningContract, contract_cluster: Cluster) -> Iterator[dict[str, Replica]]:
    """A second replica of every service, to be killed."""
    started = {service: contract_cluster.start(service, f"{service}-doomed") for service in SERVICES}
    yield started
    for replica in started.values():
        replica.child.stop()


def entry_of(request: Message) -> str:
    """Return the id of the journal entry that the request makes."""
    return CallContext("tester", "", value_at(request, "request_id"), b"", 0).entry_id


def schema_of(method: Method) -> EntitySchema:
    """Return how the resource that the method replies with is stored."""
    kind = method.reply.DESCRIPTOR.name
    return next(
        each.schema for each in schemas() if each.service == method.service and each.schema.kind.__name__ == kind
    )


def one_change(given: Valid, method: Method, reply: Any) -> dict[str, int]:
    """Return the growth that one change makes: its journal entry, the document that it creates, and what it states."""
    counts = Counter({"journal": 1, **given.growth})
    if reply.etag == "v1":
        counts[schema_of(method).collection] += 1
    return {collection: count for collection, count in counts.items() if count}


def the_one_reply(answers: list[Answer], method: Method) -> Any:
    """Return the reply that all of the answers are."""
    assert len(answers) == MANY
    assert {(answer.code, answer.raw) for answer in answers} == {(StatusCode.OK, answers[0].raw)}
    return method.reply.FromString(answers[0].raw)


def ensure_committed(client: Client, cluster: Cluster, method: Method, request: Message, reply: Any) -> None:
    """Fail unless one journal entry holds the request, and the document has the version that was answered."""
    database = client[cluster.database(method.service)]
    entries = list(database["journal"].find({"_id": entry_of(request)}))
    assert [entry["command"] for entry in entries] == [method.descriptor.full_name]
    stored = list(database[schema_of(method).collection].find({"_id": reply.name}))
    assert [f"v{document['version']}" for document in stored] == [reply.etag]
    assert {"name": reply.name, "version": stored[0]["version"]} in entries[0]["entities"]


@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_repeats_happen_once(
    contract: RunningContract,
    contract_cluster: Cluster,
    mongo_client: Client,
    snapshots: Snapshots,
    method: Method,
) -> None:
    """Fifty equal requests at once make one change with one reply.

    A repeat after later changes gets that first reply and does not undo them. Of personal data only the name is kept,
    so that the repeat gets the resource as it is.
    """
    given = await valid(contract, method)
    first = given.request
    before = await snapshots.take()
    reply = the_one_reply(await asyncio.gather(*(contract.calls.send(method, first) for _ in range(MANY))), method)
    assert growth(before, await snapshots.take(), method.service) == one_change(given, method, reply)
    ensure_committed(mongo_client, contract_cluster, method, first, reply)
    second = (await valid(contract, method)).request
    later = await contract.calls.reply(method, second)
    async with snapshots.unchanged():
        repeated = await contract.calls.reply(method, first)
    expected = later if schema_of(method).personal and later.name == reply.name else reply
    assert repeated == expected


# --- across a crash ---------------------------------------------------------------------------


Moment = Callable[[Client, str, str], Callable[[], bool]]


def a_transaction_has_begun(client: Client, database: str, entry: str) -> Callable[[], bool]:
    """Whether a transaction has begun since."""

    def count() -> int:
        status = client.admin.command("serverStatus", repl=0, metrics=0, wiredTiger=0)
        return int(status["transactions"]["totalStarted"])

    before = count()
    return lambda: count() > before


def the_entry_is_committed(client: Client, database: str, entry: str) -> Callable[[], bool]:
    """Whether the journal holds the request."""
    return lambda: client[database]["journal"].find_one({"_id": entry}, {"_id": 1}) is not None


def kill_when(condition: Callable[[], bool], replica: Replica) -> None:
    """Kill the process at the moment when the condition holds."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "the moment did not come"
    replica.child.kill()


async def send_many(replica: Replica, admin: str, method: Method, request: Message, count: int) -> list[Answer]:
    """Send a request to a replica so many times at once."""
    async with aio.insecure_channel(replica.address) as channel:
        calls = Calls({method.service: channel}, admin)
        answers = await asyncio.gather(*(calls.send(method, request) for _ in range(count)))
    assert {answer.code for answer in answers} <= LOST | {StatusCode.OK}
    return answers


@pytest.mark.parametrize("moment", [a_transaction_has_begun, the_entry_is_committed])
@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_repeats_across_a_crash_happen_once(
    contract: RunningContract,
    contract_cluster: Cluster,
    mongo_client: Client,
    snapshots: Snapshots,
    doomed: dict[str, Replica],
    method: Method,
    moment: Moment,
) -> None:
    """A service that is killed during fifty repeats and started again answers all of them with one change."""
    given, replica = await valid(contract, method), doomed[method.service]
    request = given.request
    before = await snapshots.take()
    condition = moment(mongo_client, contract_cluster.database(method.service), entry_of(request))
    sending = asyncio.ensure_future(send_many(replica, contract.calls.admin, method, request, MANY))
    await asyncio.to_thread(kill_when, condition, replica)
    answers = await sending
    replica.start()
    succeeded = [answer for answer in answers if answer.code is StatusCode.OK]
    while len(succeeded) < MANY:
        answers = await send_many(replica, contract.calls.admin, method, request, MANY - len(succeeded))
        succeeded += [answer for answer in answers if answer.code is StatusCode.OK]
    reply = the_one_reply(succeeded, method)
    assert growth(before, await snapshots.take(), method.service) == one_change(given, method, reply)
    ensure_committed(mongo_client, contract_cluster, method, request, reply)
