"""What is committed is told: in order, once, by one process at a time, whatever becomes of the servers meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import DiscardPolicy
from nats.js.errors import NotFoundError

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.cli.servers import Nats
from libs.common.documents import Documents
from libs.common.relay import POSITIONS, Relay, untold
from libs.common.values import Change
from services.spaces.domain import SpaceCreated, SpaceUpdated
from tests.common.halls import Halls, asked, entries, hall, more_desks, new_name, opened, running
from tests.common.streams import connect, count, told
from tests.conftest import Given, eventually, under_way

LEASE = timedelta(seconds=1)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def telling(documents: Documents, connection: Client) -> tuple[Relay, AbstractAsyncContextManager[Any]]:
    """A relay of one process, and the block in which it runs."""
    relay = Relay(documents, connection, "spaces", LEASE)
    return relay, under_way(relay.run())


async def has_told(admin: Client, many: int) -> None:
    """Wait until the stream keeps so many facts."""

    async def all_there() -> bool:
        return await count(admin.jetstream()) == many

    await eventually(all_there, 20)


async def names(admin: Client) -> list[str]:
    """The ids under which the stream took its facts, in order."""
    return [heads(message)["Nats-Msg-Id"] for message in await told(admin.jetstream())]


def heads(message: Msg) -> dict[str, str]:
    """A message's headers."""
    return dict(message.headers or {})


async def test_bears_the_headers_of_cloudevents(halls: Halls, documents: Documents, admin: Client) -> None:
    """A fact is told under its name with the CloudEvents headers of binary mode; its body is the message."""
    name = new_name()
    change = Change(new := hall(name), saves=(new,), facts=(SpaceCreated.of(new), SpaceUpdated.of(new)))
    await halls.commit(asked(traceparent=TRACE), decide=lambda: change)
    (entry,) = await entries(documents)
    async with telling(documents, admin)[1]:
        await has_told(admin, 2)
    first, second = await told(admin.jetstream())
    at = entry["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert (
        heads(first).items()
        >= {
            "Nats-Msg-Id": f"{entry['_id']}.0",
            "ce-id": f"{entry['_id']}.0",
            "ce-specversion": "1.0",
            "ce-source": "/spaces",
            "ce-type": "hatchery.spaces.v1.SpaceCreated",
            "ce-subject": name,
            "ce-time": at,
            "ce-sequence": "1",
            "content-type": "application/protobuf",
            "traceparent": TRACE,
        }.items()
    )
    assert first.subject == heads(first)["ce-type"]
    assert facts_pb2.SpaceCreated.FromString(first.data).name == name
    assert second.subject == heads(second)["ce-type"] == "hatchery.spaces.v1.SpaceUpdated"
    assert heads(second)["ce-id"] == f"{entry['_id']}.1"


async def test_tells_in_order(halls: Halls, documents: Documents, admin: Client) -> None:
    """The facts of each entity are told in the order of its versions, without a gap, though many change at once."""
    halls_told = [new_name() for _ in range(5)]
    async with telling(documents, admin)[1]:
        await asyncio.gather(*(opened(halls, name) for name in halls_told))
        await asyncio.gather(*(more_desks(halls, name) for name in halls_told * 39))
        await has_told(admin, 200)
        await eventually(place_known(documents))
    sequences: dict[str, list[int]] = {name: [] for name in halls_told}
    for message in await told(admin.jetstream()):
        sequences[heads(message)["ce-subject"]].append(int(heads(message)["ce-sequence"]))
    assert all(numbers == list(range(1, 41)) for numbers in sequences.values())


async def test_one_of_two_tells(halls: Halls, documents: Documents, admin: Client) -> None:
    """Of two relays one tells; the other takes over when the first renews its lease no more."""
    first, running_first = telling(documents, admin)
    second, running_second = telling(documents, admin)
    name = new_name()
    async with running_second:
        async with running_first:
            await opened(halls, name)
            await has_told(admin, 1)
            assert first.is_telling != second.is_telling
            teller, other = (first, second) if first.is_telling else (second, first)
        if teller is second:
            assert not other.is_telling
        await more_desks(halls, name)
        await has_told(admin, 2)
        assert second.is_telling
    assert [heads(message)["ce-sequence"] for message in await told(admin.jetstream())] == ["1", "2"]


async def test_gives_way_when_the_lease_is_lost(halls: Halls, documents: Documents, admin: Client) -> None:
    """A relay whose lease another took stops to tell, and begins again when that one is silent for too long."""
    relay, under = telling(documents, admin)
    positions = documents.collection(POSITIONS)

    async def tells() -> bool:
        return relay.is_telling

    async def is_silent() -> bool:
        return not relay.is_telling

    async with under:
        await eventually(tells)
        taken = {"holder": "another", "until": {"$add": ["$$NOW", 1500]}}
        await positions.update_one({"_id": "relay"}, [{"$set": taken}])
        await eventually(is_silent)
        await opened(halls, new_name())
        assert await count(admin.jetstream()) == 0
        await eventually(tells)
        await has_told(admin, 1)


async def test_goes_on_from_its_place(halls: Halls, documents: Documents, admin: Client) -> None:
    """What is committed while nobody tells is told later, and what was told before is not told again."""
    async with telling(documents, admin)[1]:
        await opened(halls, first := new_name())
        await has_told(admin, 1)
        await eventually(place_known(documents))
    await admin.jetstream().purge_stream("SPACES")
    await more_desks(halls, first)
    await opened(halls, new_name())
    async with telling(documents, admin)[1]:
        await has_told(admin, 2)
        await opened(halls, new_name())
        await has_told(admin, 3)
    assert [heads(message)["ce-sequence"] for message in await told(admin.jetstream())] == ["2", "1", "1"]


def place_known(documents: Documents) -> Any:
    """Whether nothing is left to tell, as the relay itself remembers it."""

    async def known() -> bool:
        return await untold(documents) == 0

    return known


async def nowhere(documents: Documents) -> dict[str, Any]:
    """No place at all, as before the first fact."""
    return {"$unset": {"token": 1}}


async def elsewhere(documents: Documents) -> dict[str, Any]:
    """A place that the journal's feed does not have, as after the journal was brought back from a copy."""
    async with documents.feed("halls", [], None) as feed:
        await documents.collection("halls").insert_one({"_id": "passing"})
        (change,) = await feed.next()
    return {"$set": {"token": change["_id"]}}


async def nonsense(documents: Documents) -> dict[str, Any]:
    """A place that never was, as a careless hand may write it."""
    return {"$set": {"token": {"_data": "826"}}}


@pytest.mark.parametrize("lost", [nowhere, elsewhere, nonsense])
async def test_scans_when_the_place_is_lost(
    halls: Halls, documents: Documents, admin: Client, lost: Callable[[Documents], Awaitable[dict[str, Any]]]
) -> None:
    """Without a place in the feed the journal is told from the time last known; the stream keeps each fact once."""
    async with telling(documents, admin)[1]:
        await opened(halls, name := new_name())
        for _ in range(9):
            await more_desks(halls, name)
        await has_told(admin, 10)
        await eventually(place_known(documents))
    before = await names(admin)
    await documents.collection(POSITIONS).update_one({"_id": "relay"}, await lost(documents))
    await more_desks(halls, name)
    async with telling(documents, admin)[1]:
        await has_told(admin, 11)
        await more_desks(halls, name)
        await has_told(admin, 12)
    after = await names(admin)
    assert after[:10] == before
    assert len(set(after)) == 12


async def test_a_scan_keeps_the_order_of_one_instant(documents: Documents, admin: Client) -> None:
    """Facts of one entity that were committed within one millisecond are told in the order of its versions."""
    async with running(documents, clock=Given()) as halls:
        await opened(halls, name := new_name())
        for _ in range(30):
            await more_desks(halls, name)
    async with telling(documents, admin)[1]:
        await has_told(admin, 31)
    found = [int(heads(message)["ce-sequence"]) for message in await told(admin.jetstream())]
    assert found == list(range(1, 32))


async def test_a_scan_keeps_the_order_of_an_instant_with_many(documents: Documents, admin: Client) -> None:
    """However many facts fall into one millisecond, those of one entity are told in the order of its versions."""
    async with running(documents, clock=Given()) as halls:
        some = [new_name() for _ in range(40)]
        for name in some:
            await opened(halls, name)
        for _ in range(8):
            await asyncio.gather(*(more_desks(halls, name) for name in some))
    async with telling(documents, admin)[1]:
        await has_told(admin, 360)
    sequences: dict[str, list[int]] = {name: [] for name in some}
    for message in await told(admin.jetstream()):
        sequences[heads(message)["ce-subject"]].append(int(heads(message)["ce-sequence"]))
    assert all(numbers == list(range(1, 10)) for numbers in sequences.values())


async def test_a_stopped_relay_leaves_the_lease(halls: Halls, documents: Documents, admin: Client) -> None:
    """Who stops to tell lets another begin at once, without waiting for the lease to run out."""
    long = timedelta(seconds=60)
    async with under_way(Relay(documents, admin, "spaces", long).run()):
        await opened(halls, name := new_name())
        await has_told(admin, 1)
    async with under_way(Relay(documents, admin, "spaces", long).run()):
        await more_desks(halls, name)
        await has_told(admin, 2)


async def test_a_fact_waits_for_the_one_before_it(halls: Halls, documents: Documents, admin: Client) -> None:
    """While the stream refuses a fact, no later one about the same entity gets into it."""
    stream = admin.jetstream()
    config = (await stream.stream_info("SPACES")).config
    await opened(halls, name := new_name())
    for _ in range(5):
        await more_desks(halls, name)
    config.max_msgs, config.discard = 2, DiscardPolicy.NEW
    await stream.update_stream(config)
    async with telling(documents, admin)[1]:
        await has_told(admin, 2)
        config.max_msgs = -1
        await stream.update_stream(config)
        await has_told(admin, 6)
    assert [heads(message)["ce-sequence"] for message in await told(stream)] == ["1", "2", "3", "4", "5", "6"]


async def test_tells_what_is_missing_of_what_the_stream_has(halls: Halls, documents: Documents, admin: Client) -> None:
    """Where the stream holds some of the facts already, in whatever order, the missing ones are told all the same."""
    for _ in range(5):
        await opened(halls, new_name())
    third = (await documents.collection("journal").find().sort("at", 1).to_list(None))[2]
    headers = {"Nats-Msg-Id": f"{third['_id']}.0", "ce-subject": "", "ce-sequence": "1"}
    await admin.jetstream().publish("hatchery.spaces.v1.SpaceCreated", b"", headers=headers)
    async with telling(documents, admin)[1]:
        await has_told(admin, 5)
        await eventually(place_known(documents))
        await opened(halls, new_name())
        await has_told(admin, 6)
    assert len(set(await names(admin))) == 6


async def test_tells_after_nats_was_down(halls: Halls, documents: Documents, server: Nats, admin: Client) -> None:
    """What is committed while NATS is down is told when it is back, in order and once."""
    connection = await connect(server, "admin")
    async with telling(documents, connection)[1]:
        await opened(halls, name := new_name())
        await has_told(admin, 1)
        server.kill()
        for _ in range(5):
            await more_desks(halls, name)
        server.start()
        await has_told(admin, 6)
        await more_desks(halls, name)
        await has_told(admin, 7)
    await connection.close()
    found = [int(heads(message)["ce-sequence"]) for message in await told(admin.jetstream())]
    assert found == list(range(1, 8))


async def test_a_lost_stream_is_made_again(halls: Halls, documents: Documents, admin: Client) -> None:
    """A fact that no stream took counts as untold; the stream is made again, and the fact is told."""
    stream = admin.jetstream()
    relay, under = telling(documents, admin)
    async with under:
        await opened(halls, name := new_name())
        await has_told(admin, 1)
        await stream.delete_stream("SPACES")
        await more_desks(halls, name)

        async def told_again() -> bool:
            with suppress(NotFoundError):
                return bool(await stream.get_last_msg("SPACES", "hatchery.spaces.v1.SpaceUpdated"))
            return False

        await eventually(told_again, 20)
        await eventually(place_known(documents))
    found = [heads(message)["ce-sequence"] for message in await told(stream)]
    assert found in (["2"], ["1", "2"])  # the first is told again if its place was not kept yet
    assert not relay.is_telling
