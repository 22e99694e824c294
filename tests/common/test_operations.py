"""What a service tells those who keep it running, also while servers that it needs are away."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from grpc import aio
from nats.aio.client import Client

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.clock import Clock
from libs.common.documents import Documents
from libs.common.errors import Exhausted, Precondition, Refusal, TooLate, Unavailable
from libs.common.inbox import PARKED, Heed, Inbox, Told
from libs.common.operations import OperationsRpc
from libs.common.relay import Relay
from tests.common.ears import Ears, parked
from tests.common.halls import Halls, new_name
from tests.conftest import eventually
from tests.running import Api, World


@pytest.fixture
async def operations(world: World, spaces: Api) -> AsyncIterator[Api]:
    """The operations of a running spaces."""
    async with aio.insecure_channel(world.replicas["spaces"].address) as channel:
        yield Api(channel, operations_pb2_grpc, "OperationsService", world.token())


async def test_the_status_is_told_while_nats_is_away(world: World, operations: Api) -> None:
    """Without NATS a service still tells how it is; of its inboxes, which only NATS knows of, nothing."""

    async def inboxes() -> list[str]:
        return [inbox.source for inbox in (await operations.GetStatus(op.GetStatusRequest())).inboxes]

    async def all_known() -> bool:
        return await inboxes() == ["startups"]

    await eventually(all_known)
    world.nats.kill()
    try:
        status = await operations.GetStatus(op.GetStatusRequest())
        assert (status.service, list(status.inboxes)) == ("spaces", [])
    finally:
        world.nats.start()
    await eventually(all_known, 20)


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        (Unavailable("DATABASE_UNREACHABLE", "away", retry_after=1.0), "DATABASE_UNREACHABLE"),
        (TooLate("DEADLINE_EXCEEDED", "late"), "DEADLINE_EXCEEDED"),
        (Exhausted("TOO_BUSY", "busy"), "TOO_BUSY"),
        (Precondition("NOT_ENOUGH_DESKS", "full"), "STILL_PARKED"),
    ],
)
async def test_a_replay_says_whether_it_may_be_tried_again(
    documents: Documents, admin: Client, halls: Halls, wrong: Refusal, answer: str
) -> None:
    """A replay that fails because a server is away or busy says that, and not that the fact cannot be handled."""
    ears, name = Ears(halls), new_name()
    ears.wrong = lambda: wrong
    inbox = Inbox(documents, admin, "startups", "spaces", (Heed(facts_pb2.SpaceCreated, Told, ears.hear),))
    headers = {"ce-id": "1.0", "ce-type": "hatchery.spaces.v1.SpaceCreated", "ce-sequence": "1"}
    headers["ce-time"] = "2026-11-24T04:00:00Z"
    body = facts_pb2.SpaceCreated(name=name).SerializeToString()
    await documents.collection(PARKED).insert_one(
        {"_id": "spaces-1", "source": "spaces", "headers": headers, "body": body}
    )
    relay = Relay(documents, admin, "startups", timedelta(seconds=5))
    operations = OperationsRpc("startups", documents, relay, {"spaces": inbox}, Clock().now())
    with pytest.raises(Refusal) as refused:
        await operations.ReplayParkedFact(op.ReplayParkedFactRequest(name="parkedFacts/spaces-1"), None)
    assert refused.value.reason == answer
    assert len(await parked(documents)) == 1
