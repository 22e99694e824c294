"""What others tell takes effect once, whatever happens between; what cannot be handled is parked and blocks nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from nats.aio.client import Client
from structlog.testing import capture_logs

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.api.hatchery.spaces.v1.spaces_pb2 import Space
from libs.cli.servers import Nats
from libs.common.asking import Asked
from libs.common.documents import Documents
from libs.common.errors import Precondition, Unavailable
from libs.common.inbox import PARKED, Heed, Inbox, Told
from tests.common.ears import Ears, at_rest, parked, reachable
from tests.common.halls import Guest, Halls, entries, new_name
from tests.common.streams import connect
from tests.conftest import eventually, under_way

Method = Callable[[Told, Asked], Awaitable[object]]


@pytest.fixture
async def ears(halls: Halls) -> Ears:
    """A method that heeds."""
    return Ears(halls)


@pytest.fixture
async def line(server: Nats) -> AsyncIterator[Client]:
    """A second connection."""
    connection = await connect(server, "admin")
    yield connection
    await connection.close()


@asynccontextmanager
async def listening(documents: Documents, connection: Client, ears: Ears, **options: Any) -> AsyncIterator[Inbox]:
    """An inbox that runs; three tries, a short pause."""
    heed = Heed(facts_pb2.SpaceCreated, Told, ears.hear)
    options = {"tries": 3, "backoff": 0.05, **options}
    inbox = Inbox(documents, connection, "startups", "spaces", (heed,), **options)
    async with under_way(inbox.run()):
        yield inbox


async def tell(admin: Client, name: str, body: bytes | None = None, **headers: str) -> None:
    """Publish one fact as a relay would."""
    fact = facts_pb2.SpaceCreated(name=name, display_name="Hall", kind=Space.KIND_INCUBATOR)
    whole = {
        "ce-id": f"{name.partition('/')[2]}.{headers.get('ce_sequence', '1')}",
        "ce-type": "hatchery.spaces.v1.SpaceCreated",
        "ce-subject": name,
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-sequence": "1",
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    content = body if body is not None else message_of(fact)
    await admin.jetstream().publish("hatchery.spaces.v1.SpaceCreated", content, headers=whole)


def message_of(fact: Message) -> bytes:
    """A fact as it travels."""
    return fact.SerializeToString()


async def test_takes_effect_once(documents: Documents, admin: Client, ears: Ears) -> None:
    """A fact takes effect with its version, as an entry of the journal that bears the heeder's name."""
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, name := new_name(), ce_sequence="7")
        await eventually(ears.has_heard(name))
        await eventually(at_rest(inbox))
    kept = await documents.collection("guests").find_one({"_id": name})
    assert kept is not None
    assert (kept["heard"], kept["sequence"]) == (1, 7)
    (entry,) = await entries(documents)
    assert (entry["actor"], entry["command"]) == ("services/startups", "hatchery.spaces.v1.SpaceCreated")


async def test_a_fact_told_twice_takes_effect_once(documents: Documents, admin: Client, ears: Ears) -> None:
    """The same fact, told again under another Nats-Msg-Id, changes nothing more."""
    async with listening(documents, admin, ears) as inbox:
        name = new_name()
        for copy in "abc":
            await tell(admin, name, Nats_Msg_Id=copy)
        await tell(admin, last := new_name())
        await eventually(ears.has_heard(name, last))
        await eventually(at_rest(inbox))
    assert await ears.heard(name) == 1
    assert ears.tries.count(name) == 3


class Fainting(Ears):
    """Comes to nothing between the commit and the acknowledgement."""

    async def hear(self, told: Told, asked: Asked) -> Guest:
        """Count a fact as heard, and never come back."""
        await super().hear(told, asked)
        never: asyncio.Future[Guest] = asyncio.get_running_loop().create_future()
        return await never


async def test_a_lost_acknowledgement_does_no_harm(documents: Documents, admin: Client, ears: Ears) -> None:
    """A fact whose effect was committed and that was never acknowledged is delivered again, to no effect."""
    fainting = Fainting(ears.halls)
    async with listening(documents, admin, fainting):
        await tell(admin, name := new_name())
        await eventually(fainting.has_heard(name))
    async with listening(documents, admin, ears) as inbox:
        await eventually(at_rest(inbox), 20)
    assert ears.tries == [name]
    assert await ears.heard(name) == 1


WRONGS: dict[str, dict[str, Any]] = {
    "no message": {"body": b"\xff\xff"},
    "no name": {"body": b""},
    "no version": {"ce_sequence": "many"},
    "version beyond 63 bits": {"ce_sequence": "9" * 30},
    "no time": {"ce_time": "yesterday"},
    "unknown type": {"ce_type": "hatchery.spaces.v1.SpaceForgotten"},
}


@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS.keys())
async def test_poison_is_parked(documents: Documents, admin: Client, ears: Ears, wrong: dict[str, Any]) -> None:
    """A fact that cannot be read is parked after its tries with all that it was, and those behind it go on."""
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, new_name(), **wrong)
        behind = [new_name() for _ in range(20)]
        for name in behind:
            await tell(admin, name)
        await eventually(ears.has_heard(*behind))
        await eventually(at_rest(inbox))
    (found,) = await parked(documents)
    assert (found["source"], found["tries"]) == ("spaces", 3)
    assert found["headers"]["ce-type"].startswith("hatchery.spaces.v1.")
    assert found["error"]


async def test_a_refused_fact_is_parked_and_replayed(documents: Documents, admin: Client, ears: Ears) -> None:
    """A fact that is refused is parked after its tries; a replay lets it take effect and forgets it, once it can."""
    ears.wrong = lambda: Precondition("TOO_EARLY", "not yet")
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, name := new_name())
        await eventually(at_rest(inbox))
        (found,) = await parked(documents)
        assert (found["_id"], ears.tries) == ("spaces-1", [name] * 3)
        assert name in inbox.readable(found)
        with pytest.raises(Precondition):
            await inbox.replay(found)
        assert await parked(documents) == [found]
        ears.wrong = lambda: None
        await inbox.replay(found)
    assert (await ears.heard(name), await parked(documents)) == (1, [])


async def test_a_server_out_of_reach_parks_nothing(documents: Documents, admin: Client, ears: Ears) -> None:
    """A fact that only waits for a server to come back is tried for as long as it takes, and is not parked."""
    ears.wrong = lambda: Unavailable("DATABASE_UNREACHABLE", "away") if len(ears.tries) < 8 else None
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, name := new_name())
        with capture_logs() as logged:
            await eventually(ears.has_heard(name))
        await eventually(at_rest(inbox))
    assert (await ears.heard(name), len(ears.tries)) == (1, 8)
    assert await parked(documents) == []
    assert {(line["event"], "exc_info" in line) for line in logged} == {("fact_waits", False)}


async def test_what_takes_effect_is_parked_no_longer(documents: Documents, admin: Client, ears: Ears) -> None:
    """A fact that was parked, and is delivered again because the acknowledgement was lost, is parked until it works."""
    ears.wrong = lambda: Precondition("TOO_EARLY", "not yet") if len(ears.tries) < 2 else None
    await documents.collection(PARKED).insert_many([{"_id": "spaces-1"}, {"_id": "startups-1"}])
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, name := new_name())
        await eventually(ears.has_heard(name))
        await eventually(at_rest(inbox))
    assert await parked(documents) == [{"_id": "startups-1"}]


async def test_a_deleted_consumer_is_made_again(documents: Documents, admin: Client, ears: Ears) -> None:
    """When an engineer deletes the consumer it is made again, and reading from the start takes no effect twice."""
    async with listening(documents, admin, ears) as inbox:
        await tell(admin, first := new_name())
        await eventually(ears.has_heard(first))
        await admin.jetstream().delete_consumer("SPACES", "startups")
        await tell(admin, second := new_name())
        await eventually(ears.has_heard(second))
        await eventually(at_rest(inbox))
    assert await ears.heard(first) == await ears.heard(second) == 1


async def test_survives_a_restart_of_nats(
    documents: Documents, server: Nats, admin: Client, line: Client, ears: Ears
) -> None:
    """After a kill and a restart of the NATS server the facts go on, none lost and none twice."""
    async with listening(documents, line, ears) as inbox:
        for name in (before := [new_name() for _ in range(20)]):
            await tell(admin, name)
        server.kill()
        server.start()
        await eventually(lambda: reachable(admin))
        await tell(admin, after := new_name())
        await eventually(ears.has_heard(*before, after), 20)
        await eventually(at_rest(inbox), 20)
    assert [await ears.heard(name) for name in [*before, after]] == [1] * 21


async def test_waits_for_the_stream_of_another(documents: Documents, admin: Client, ears: Ears) -> None:
    """A service may start before the one it heeds: it has no lag, and hears the first fact when it is told."""
    stream = admin.jetstream()
    config = (await stream.stream_info("SPACES")).config
    await stream.delete_stream("SPACES")
    async with listening(documents, admin, ears) as inbox:
        assert await inbox.lag() == (0, 0)
        await stream.add_stream(config)
        await tell(admin, name := new_name())
        await eventually(ears.has_heard(name))


async def test_lag_counts_what_waits_and_what_is_in_hand(documents: Documents, admin: Client, ears: Ears) -> None:
    """The lag is how many facts wait, and how many were handed over and are not settled."""
    ears.wrong = lambda: Unavailable("DATABASE_UNREACHABLE", "away")
    async with listening(documents, admin, ears, together=1, backoff=30) as inbox:
        for _ in range(10):
            await tell(admin, new_name())

        async def four_in_hand() -> bool:
            return await inbox.lag() == (6, 4)

        await eventually(four_in_hand)
