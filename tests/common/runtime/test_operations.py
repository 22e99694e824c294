"""What a service answers to its engineers, also while servers that it needs are away."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from grpc import aio
from nats.aio.client import Client

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.common.domain.errors import Exhausted, Invalid, NotFound, Precondition, Refusal, TooLate, Unavailable
from libs.common.messaging import parking
from libs.common.messaging.inbox import Inbox
from libs.common.messaging.relay import Relay
from libs.common.messaging.subscription import FactPayload, Subscription
from libs.common.runtime.clock import Clock
from libs.common.runtime.operations import OperationsRpc
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from tests.common.recording import Recorder, parked_facts
from tests.common.sample_contract import halls
from tests.common.sample_domain import HallsStore, commit_opening, new_name
from tests.support.calls import Api
from tests.support.processes import Cluster, Replica
from tests.support.waiting import eventually


@pytest.fixture
async def running_spaces(cluster: Cluster, spaces_replica: Replica) -> AsyncIterator[Api]:
    """The operations of a running spaces."""
    async with aio.insecure_channel(spaces_replica.address) as channel:
        yield Api(channel, operations_pb2_grpc, "OperationsService", cluster.token())


async def test_the_status_is_answered_without_nats(cluster: Cluster, running_spaces: Api) -> None:
    """Without NATS a service still reports its status, without the inboxes, whose lag only NATS knows."""

    async def inboxes() -> list[str]:
        return [inbox.source for inbox in (await running_spaces.GetStatus(op.GetStatusRequest())).inboxes]

    async def all_known() -> bool:
        return await inboxes() == ["startups"]

    await eventually(all_known)
    cluster.nats.kill()
    try:
        status = await running_spaces.GetStatus(op.GetStatusRequest())
        assert (status.service, list(status.inboxes)) == ("spaces", [])
    finally:
        cluster.nats.start()
    await eventually(all_known, 20)


@pytest.fixture
async def recorder(store: HallsStore) -> Recorder:
    """The subscribed method."""
    return Recorder(store)


@pytest.fixture
def operations(database: Database, admin: Client, recorder: Recorder) -> OperationsRpc:
    """The operations of the service guests, with one inbox."""
    subscription = Subscription(halls.HallOpened, FactPayload, recorder.handle)
    inbox = Inbox(database, admin, "guests", "halls", (subscription,))
    relay = Relay(database, admin, "guests", lease_seconds=5)
    return OperationsRpc("guests", database, relay, {"halls": inbox}, Clock().now())


async def park(database: Database, name: str, number: int = 1, **fields: object) -> Document:
    """Park a fact as the inbox does."""
    headers = {
        "ce-id": f"{number}.0",
        "ce-type": "hatchery.halls.v1.HallOpened",
        "ce-subject": name,
        "ce-sequence": str(number),
        "ce-time": "2026-11-24T04:00:00Z",
    }
    row: Document = {
        "_id": f"halls-{number}",
        "source": "halls",
        "headers": headers,
        "body": halls.HallOpened(name=name, display_name="江城").SerializeToString(),
        "error": "Precondition: TOO_EARLY",
        "tries": 5,
        "at": datetime(2026, 3, 1, 8, 0, number, tzinfo=UTC),
        **fields,
    }
    await database.collection(parking.COLLECTION).insert_one(row)
    return row


async def test_a_replay_lets_the_fact_take_effect(
    database: Database, operations: OperationsRpc, recorder: Recorder
) -> None:
    """A replayed fact takes effect, is parked no longer, and is returned."""
    await park(database, name := new_name())
    replayed = await operations.ReplayParkedFact(op.ReplayParkedFactRequest(name="parkedFacts/halls-1"), None)
    assert replayed.subject == name
    assert (await recorder.visits(name), await parked_facts(database)) == (1, [])


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Unavailable("DATABASE_UNREACHABLE", "away", retry_after=1.0), "DATABASE_UNREACHABLE"),
        (TooLate("DEADLINE_EXCEEDED", "late"), "DEADLINE_EXCEEDED"),
        (Exhausted("TOO_BUSY", "busy"), "TOO_BUSY"),
        (Precondition("NOT_ENOUGH_DESKS", "full"), "STILL_PARKED"),
        (ZeroDivisionError("hunter2"), "STILL_PARKED"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_a_failed_replay_says_whether_to_retry(
    database: Database, operations: OperationsRpc, recorder: Recorder, failure: Exception, reason: str
) -> None:
    """A replay that fails because a server is away or busy says so, and not that the fact cannot be handled."""
    recorder.failure = lambda: failure
    await park(database, new_name())
    with pytest.raises(Refusal) as caught:
        await operations.ReplayParkedFact(op.ReplayParkedFactRequest(name="parkedFacts/halls-1"), None)
    assert caught.value.reason == reason
    assert "hunter2" not in caught.value.message
    assert len(await parked_facts(database)) == 1


async def test_a_parked_fact_is_shown(database: Database, operations: OperationsRpc) -> None:
    """A parked fact is shown with its type, subject, version, message as JSON, error and tries."""
    await park(database, name := new_name(), 7)
    fact = await operations.GetParkedFact(op.GetParkedFactRequest(name="parkedFacts/halls-7"), None)
    assert (fact.name, fact.type, fact.subject) == ("parkedFacts/halls-7", "hatchery.halls.v1.HallOpened", name)
    assert (fact.sequence, fact.error, fact.tries) == (7, "Precondition: TOO_EARLY", 5)
    assert f'"name": "{name}"' in fact.body
    assert fact.park_time.ToDatetime(UTC) == datetime(2026, 3, 1, 8, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {}},
        {"headers": {"ce-type": "hatchery.halls.v1.HallForgotten", "ce-sequence": "many"}},
        {"body": b"\xff\xff"},
        {"source": "elsewhere", "body": b"\xff\xff"},
    ],
    ids=["no headers", "unknown type", "no message", "no inbox"],
)
async def test_an_unreadable_parked_fact_is_shown(
    database: Database, operations: OperationsRpc, fields: dict[str, Any]
) -> None:
    """A fact that was parked because it cannot be read is shown all the same, its bytes in hexadecimal if need be."""
    row = await park(database, new_name(), **fields)
    fact = await operations.GetParkedFact(op.GetParkedFactRequest(name="parkedFacts/halls-1"), None)
    assert fact.name == "parkedFacts/halls-1"
    assert fact.body == row["body"].hex()


async def test_parked_facts_are_listed(database: Database, operations: OperationsRpc) -> None:
    """Parked facts are listed oldest first, page by page."""
    for number in (3, 1, 2):
        await park(database, new_name(), number)
    first = await operations.ListParkedFacts(op.ListParkedFactsRequest(page_size=2), None)
    rest = op.ListParkedFactsRequest(page_size=2, page_token=first.next_page_token)
    second = await operations.ListParkedFacts(rest, None)
    names = [fact.name for page in (first, second) for fact in page.parked_facts]
    assert names == [f"parkedFacts/halls-{number}" for number in (1, 2, 3)]
    assert second.next_page_token == ""


async def test_what_is_not_parked_is_not_found(operations: OperationsRpc) -> None:
    """A fact that is not parked is NOT_FOUND with its name; a name of another form is refused."""
    methods: list[tuple[Any, Any]] = [
        (operations.GetParkedFact, op.GetParkedFactRequest),
        (operations.ReplayParkedFact, op.ReplayParkedFactRequest),
    ]
    for method, request in methods:
        with pytest.raises(NotFound) as missing:
            await method(request(name="parkedFacts/halls-9"), None)
        assert (missing.value.reason, missing.value.metadata) == (
            "PARKED_FACT_NOT_FOUND",
            {"name": "parkedFacts/halls-9"},
        )
        with pytest.raises(Invalid):
            await method(request(name="halls-9"), None)


async def test_the_status_counts_what_is_left(database: Database, operations: OperationsRpc, store: HallsStore) -> None:
    """The status counts facts that are not published and facts that are parked."""
    await park(database, new_name())
    for _ in range(3):
        await commit_opening(store, new_name())
    status = await operations.GetStatus(op.GetStatusRequest(), None)
    assert (status.service, status.unpublished, status.parked, status.relay_active) == ("guests", 3, 1, False)
    assert [(inbox.source, inbox.pending, inbox.in_flight) for inbox in status.inboxes] in ([], [("halls", 0, 0)])
