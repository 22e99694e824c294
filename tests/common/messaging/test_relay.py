"""The relay: what is committed is published in order, once, by one process at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import DiscardPolicy
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from libs.cli.servers.nats import Nats
from libs.common.domain.entity import Change
from libs.common.messaging import checkpoint
from libs.common.messaging.checkpoint import unpublished
from libs.common.messaging.relay import Relay
from libs.common.store.change_feed import open_feed
from libs.common.store.database import Database
from tests.common.sample_contract import halls
from tests.common.sample_domain import (
    Hall,
    HallChanged,
    HallOpened,
    HallsStore,
    commit_closing,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
)
from tests.common.streams import connect, count, headers_of, read_all, sequences_by_subject, until_published
from tests.support.clock import FixedClock
from tests.support.store_fixtures import new_context, running
from tests.support.waiting import eventually, running_task

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def new_relay(database: Database, connection: Client, lease_seconds: float = 1.0) -> Relay:
    """Create the relay of one process."""
    return Relay(database, connection, "halls", lease_seconds=lease_seconds)


def all_published(database: Database) -> Callable[[], Awaitable[bool]]:
    """Whether the checkpoint says that nothing is left to publish."""

    async def none_left() -> bool:
        return await unpublished(database) == 0

    return none_left


async def ids(connection: Client) -> list[str]:
    """Return the ids of the facts in the stream, in order."""
    return [headers_of(message)["Nats-Msg-Id"] for message in await read_all(connection)]


async def sequences(connection: Client) -> list[int]:
    """Return the versions of the facts in the stream, in order."""
    return [int(headers_of(message)["ce-sequence"]) for message in await read_all(connection)]


async def test_facts_are_cloud_events(store: HallsStore, database: Database, admin: Client) -> None:
    """A fact is published under its type, with the headers of CloudEvents' binary mode; its body is the message."""
    name = new_name()
    change = Change(new := Hall(name=name), saves=(new,), facts=(HallOpened.of(new), HallChanged.of(new)))
    await store.commit(new_context(traceparent=TRACE), decide=lambda: change)
    (entry,) = await journal_entries(database)
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 2)
    first, second = await read_all(admin)
    expected = {
        "Nats-Msg-Id": f"{entry['_id']}.0",
        "ce-id": f"{entry['_id']}.0",
        "ce-specversion": "1.0",
        "ce-source": "/halls",
        "ce-type": "hatchery.halls.v1.HallOpened",
        "ce-subject": name,
        "ce-time": entry["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce-sequence": "1",
        "content-type": "application/protobuf",
        "traceparent": TRACE,
    }
    assert headers_of(first).items() >= expected.items()
    assert first.subject == headers_of(first)["ce-type"]
    assert halls.HallOpened.FromString(first.data).name == name
    assert second.subject == headers_of(second)["ce-type"] == "hatchery.halls.v1.HallChanged"
    assert headers_of(second)["ce-id"] == f"{entry['_id']}.1"


async def test_facts_keep_their_order(store: HallsStore, database: Database, admin: Client) -> None:
    """The facts of each entity are published in the order of its versions, without a gap, up to its removal."""
    names = [new_name() for _ in range(5)]
    async with running_task(new_relay(database, admin).run()):
        await asyncio.gather(*(commit_opening(store, name) for name in names))
        await asyncio.gather(*(commit_desks(store, name) for name in names * 38))
        await asyncio.gather(*(commit_closing(store, name) for name in names))
        await until_published(admin, 200)
        await eventually(all_published(database))
    assert await sequences_by_subject(admin) == {name: list(range(1, 41)) for name in names}
    last = {message.subject for message in (await read_all(admin))[-5:]}
    assert last == {"hatchery.halls.v1.HallClosed"}


async def test_one_of_two_relays_publishes(store: HallsStore, database: Database, admin: Client) -> None:
    """Of two relays one publishes; the other takes over when the first renews its lease no more."""
    first, second = new_relay(database, admin), new_relay(database, admin)
    name = new_name()
    async with running_task(second.run()):
        async with running_task(first.run()):
            await commit_opening(store, name)
            await until_published(admin, 1)
            assert first.is_active != second.is_active
        await commit_desks(store, name)
        await until_published(admin, 2)
        assert second.is_active
        assert not first.is_active
    assert await sequences(admin) == [1, 2]


async def test_a_lost_lease_ends_publishing(store: HallsStore, database: Database, admin: Client) -> None:
    """A relay whose lease another process took stops publishing, and resumes when that one is silent for too long."""
    relay = new_relay(database, admin)
    checkpoints = database.collection(checkpoint.COLLECTION)

    async def is_active() -> bool:
        return relay.is_active

    async def is_passive() -> bool:
        return not relay.is_active

    async with running_task(relay.run()):
        await eventually(is_active)
        taken = {"holder": "another", "until": {"$add": ["$$NOW", 1500]}}
        await checkpoints.update_one({"_id": "relay"}, [{"$set": taken}])
        await eventually(is_passive)
        await commit_opening(store, new_name())
        assert await count(admin) == 0
        await eventually(is_active)
        await until_published(admin, 1)


async def test_resumes_from_its_checkpoint(store: HallsStore, database: Database, admin: Client) -> None:
    """What is committed while no relay runs is published later; what was published is not published again."""
    async with running_task(new_relay(database, admin).run()):
        await commit_opening(store, first := new_name())
        await until_published(admin, 1)
        await eventually(all_published(database))
    await admin.jetstream().purge_stream("HALLS")
    await commit_desks(store, first)
    await commit_opening(store, new_name())
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 2)
        await commit_opening(store, new_name())
        await until_published(admin, 3)
    assert await sequences(admin) == [2, 1, 1]


async def no_token(database: Database) -> dict[str, Any]:
    """Leave no resume token, as before the first fact."""
    return {"$unset": {"token": 1}}


async def foreign_token(database: Database) -> dict[str, Any]:
    """Leave a token of another feed, as after the journal was restored from a backup."""
    async with open_feed(database, "halls", [], None) as feed:
        await database.collection("halls").insert_one({"_id": "passing"})
        (change,) = await feed.next()
    return {"$set": {"token": change["_id"]}}


async def malformed_token(database: Database) -> dict[str, Any]:
    """Leave something that is no token, as an engineer may write by mistake."""
    return {"$set": {"token": {"_data": "826"}}}


@pytest.mark.parametrize("lost", [no_token, foreign_token, malformed_token])
async def test_scans_without_a_valid_token(
    store: HallsStore, database: Database, admin: Client, lost: Callable[[Database], Awaitable[dict[str, Any]]]
) -> None:
    """Without a valid resume token the journal is read from the last known time; the stream keeps each fact once."""
    async with running_task(new_relay(database, admin).run()):
        await commit_opening(store, name := new_name())
        for _ in range(9):
            await commit_desks(store, name)
        await until_published(admin, 10)
        await eventually(all_published(database))
    before = await ids(admin)
    await database.collection(checkpoint.COLLECTION).update_one({"_id": "relay"}, await lost(database))
    await commit_desks(store, name)
    with capture_logs() as lines:
        async with running_task(new_relay(database, admin).run()):
            await until_published(admin, 11)
            await commit_desks(store, name)
            await until_published(admin, 12)
    after = await ids(admin)
    assert after[:10] == before
    assert len(set(after)) == 12
    assert ("relay_token_lost" in {line["event"] for line in lines}) == (lost is not no_token)


async def test_a_scan_keeps_the_order_within_a_millisecond(database: Database, admin: Client) -> None:
    """Facts of one entity that were committed within one millisecond are scanned in the order of its versions."""
    async with running(new_halls_store(database, FixedClock())) as store:
        await commit_opening(store, name := new_name())
        for _ in range(30):
            await commit_desks(store, name)
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 31)
    assert await sequences(admin) == list(range(1, 32))


async def test_a_scan_keeps_the_order_of_many_within_a_millisecond(database: Database, admin: Client) -> None:
    """However many facts fall into one millisecond, those of one entity are in the order of its versions."""
    names = [new_name() for _ in range(40)]
    async with running(new_halls_store(database, FixedClock())) as store:
        for name in names:
            await commit_opening(store, name)
        for _ in range(8):
            await asyncio.gather(*(commit_desks(store, name) for name in names))
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 360)
    assert await sequences_by_subject(admin) == {name: list(range(1, 10)) for name in names}


async def test_a_stopped_relay_releases_its_lease(store: HallsStore, database: Database, admin: Client) -> None:
    """When a relay stops, another begins at once, without waiting for the lease to expire."""
    async with running_task(new_relay(database, admin, lease_seconds=60).run()):
        await commit_opening(store, name := new_name())
        await until_published(admin, 1)
    async with running_task(new_relay(database, admin, lease_seconds=60).run()):
        await commit_desks(store, name)
        await until_published(admin, 2)


async def test_a_fact_waits_for_the_one_before_it(store: HallsStore, database: Database, admin: Client) -> None:
    """While the stream refuses a fact, no later one of the same entity gets into it."""
    stream = admin.jetstream()
    config = (await stream.stream_info("HALLS")).config
    await commit_opening(store, name := new_name())
    for _ in range(5):
        await commit_desks(store, name)
    config.max_msgs, config.discard = 2, DiscardPolicy.NEW
    await stream.update_stream(config)
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 2)
        config.max_msgs = -1
        await stream.update_stream(config)
        await until_published(admin, 6)
    assert await sequences(admin) == [1, 2, 3, 4, 5, 6]


async def test_completes_what_the_stream_has_in_part(store: HallsStore, database: Database, admin: Client) -> None:
    """Where the stream holds some of the facts already, in whatever order, the missing ones are published."""
    for _ in range(5):
        await commit_opening(store, new_name())
    third = (await database.collection("journal").find().sort("at", 1).to_list(None))[2]
    headers = {"Nats-Msg-Id": f"{third['_id']}.0", "ce-subject": "", "ce-sequence": "1"}
    await admin.jetstream().publish("hatchery.halls.v1.HallOpened", b"", headers=headers)
    async with running_task(new_relay(database, admin).run()):
        await until_published(admin, 5)
        await eventually(all_published(database))
        await commit_opening(store, new_name())
        await until_published(admin, 6)
    assert len(set(await ids(admin))) == 6


async def test_publishes_after_nats_was_down(
    store: HallsStore, database: Database, nats_server: Nats, admin: Client
) -> None:
    """What is committed while NATS is down is published when it is back, in order and once."""
    connection = await connect(nats_server, "halls")
    async with running_task(new_relay(database, connection).run()):
        await commit_opening(store, name := new_name())
        await until_published(admin, 1)
        nats_server.kill()
        for _ in range(5):
            await commit_desks(store, name)
        nats_server.start()
        await until_published(admin, 6)
        await commit_desks(store, name)
        await until_published(admin, 7)
    await connection.close()
    assert await sequences(admin) == list(range(1, 8))


async def test_a_lost_stream_is_created_again(store: HallsStore, database: Database, admin: Client) -> None:
    """A fact that no stream accepted counts as unpublished; the stream is created again and the fact published."""
    stream = admin.jetstream()
    relay = new_relay(database, admin)
    async with running_task(relay.run()):
        await commit_opening(store, name := new_name())
        await until_published(admin, 1)
        await stream.delete_stream("HALLS")
        await commit_desks(store, name)

        async def published_again() -> bool:
            with suppress(NotFoundError):
                return bool(await stream.get_last_msg("HALLS", "hatchery.halls.v1.HallChanged"))
            return False

        await eventually(published_again, 20)
        await eventually(all_published(database))
    assert await sequences(admin) in ([2], [1, 2])  # the first again, if the checkpoint was not saved in between
    assert not relay.is_active
