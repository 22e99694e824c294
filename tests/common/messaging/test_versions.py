"""Versions and sources that know nothing of one another, side by side: no fact is lost, none takes effect twice."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from nats.aio.client import Client

from libs.cli.servers.nats import Nats
from libs.common.messaging.inbox import Inbox
from libs.common.messaging.subscription import FactPayload, Subscription
from libs.common.store.database import Database
from tests.common.recording import Recorder, is_idle, parked_facts, publish
from tests.common.sample_contract import fairs, halls
from tests.common.sample_domain import HallsStore, new_name
from tests.common.streams import connect, create_empty_stream, is_reachable
from tests.support.waiting import eventually, running_task

OPENED, CHANGED = halls.HallOpened, halls.HallChanged


@pytest.fixture
async def guests(nats_server: Nats) -> AsyncIterator[Client]:
    """A connection of the service's own user, with its permissions."""
    connection = await connect(nats_server, "guests")
    yield connection
    await connection.close()


@pytest.fixture
async def recorder(store: HallsStore) -> Recorder:
    """The subscribed method, and what it commits."""
    return Recorder(store)


def inbox_of(connection: Client, recorder: Recorder, *facts: type[Message], source: str = "halls") -> Inbox:
    """Return the inbox of a version that subscribes to these facts."""
    subscriptions = [Subscription(fact, FactPayload, recorder.handle) for fact in facts]
    database = recorder.store.database
    return Inbox(database, connection, "guests", source, subscriptions, max_tries=3, backoff_seconds=0.05)


async def test_a_newer_version_handles_what_an_older_one_passed_over(
    admin: Client, guests: Client, recorder: Recorder
) -> None:
    """A version that subscribes to one more type handles all facts of it, earlier ones too, and none twice."""
    first, second, later = new_name(), new_name(), new_name()
    async with running_task((old := inbox_of(guests, recorder, OPENED)).run()):
        await publish(admin, CHANGED(name=first), "a")
        await publish(admin, OPENED(name=second), "b")
        await eventually(recorder.has_recorded(second))
        await eventually(is_idle(old))
    async with running_task((new := inbox_of(guests, recorder, OPENED, CHANGED)).run()):
        await publish(admin, CHANGED(name=later), "c")
        await eventually(recorder.has_recorded(first, second, later))
        await eventually(is_idle(new))
    assert [await recorder.visits(name) for name in (first, second, later)] == [1, 1, 1]


async def test_an_older_version_takes_nothing_from_a_newer_one(
    database: Database, admin: Client, guests: Client, recorder: Recorder
) -> None:
    """An old replica that starts later neither narrows the consumer nor drops what only the new one subscribes to."""
    new, old = Recorder(recorder.store), Recorder(recorder.store)
    async with running_task(inbox_of(guests, new, OPENED, CHANGED).run()):
        await publish(admin, OPENED(name=(first := new_name())), "first")
        await eventually(new.has_recorded(first))
        async with running_task((inbox := inbox_of(guests, old, OPENED)).run()):
            names = [new_name() for _ in range(40)]
            for number, name in enumerate(names):
                await publish(admin, (CHANGED if number % 2 else OPENED)(name=name), str(number))
            await eventually(recorder.has_recorded(*names), 30)
            await eventually(is_idle(inbox))
    assert not set(old.tries) & set(names[1::2])
    assert [await recorder.visits(name) for name in names] == [1] * 40
    assert await parked_facts(database) == []


async def test_types_without_a_subscriber_do_not_pile_up(
    database: Database, admin: Client, guests: Client, recorder: Recorder
) -> None:
    """After a return to an older version, facts that only the newer one subscribed to are acknowledged unhandled."""
    async with running_task((new := inbox_of(guests, recorder, OPENED, CHANGED)).run()):
        await eventually(is_idle(new))
    async with running_task((old := inbox_of(guests, recorder, OPENED)).run()):
        await publish(admin, CHANGED(name=(passed := new_name())), "a")
        await publish(admin, OPENED(name=(handled := new_name())), "b")
        await eventually(recorder.has_recorded(handled))
        await eventually(is_idle(old), 20)
    assert await recorder.visits(passed) == 0
    assert await parked_facts(database) == []


async def test_an_interruption_keeps_the_consumer(
    nats_server: Nats, admin: Client, guests: Client, recorder: Recorder
) -> None:
    """When NATS comes back the inbox goes on with the existing consumer and does not read from the start."""
    stream = admin.jetstream()
    async with running_task((inbox := inbox_of(guests, recorder, OPENED)).run()):
        await publish(admin, OPENED(name=(before := new_name())), "a")
        await eventually(recorder.has_recorded(before))
        await eventually(is_idle(inbox))
        created = (await stream.consumer_info("HALLS", "guests")).created
        nats_server.restart()
        await eventually(lambda: is_reachable(admin))
        await publish(admin, OPENED(name=(after := new_name())), "b")
        await eventually(recorder.has_recorded(after), 20)
    assert (await stream.consumer_info("HALLS", "guests")).created == created
    assert recorder.tries == [before, after]


async def test_the_same_id_of_two_sources_is_two_facts(database: Database, admin: Client, recorder: Recorder) -> None:
    """An id is unique within its source: facts of two services that share one both take effect, or both are parked."""
    await create_empty_stream(admin.jetstream(), "FAIRS")
    one = inbox_of(admin, recorder, OPENED)
    other = inbox_of(admin, recorder, fairs.FairAnnounced, source="fairs")
    async with running_task(one.run()), running_task(other.run()):
        hall, fair = new_name(), new_name("fairs")
        await publish(admin, OPENED(name=hall), "shared.0")
        await publish(admin, fairs.FairAnnounced(name=fair), "shared.0")
        positions = [await publish(admin, OPENED(), "poison.0", b"\xff")]
        positions += [await publish(admin, fairs.FairAnnounced(), "poison.0", b"\xff")]
        await eventually(recorder.has_recorded(hall, fair))
        await eventually(is_idle(one))
        await eventually(is_idle(other))
    found = {row["_id"]: row["source"] for row in await parked_facts(database)}
    assert found == {f"halls-{positions[0]}": "halls", f"fairs-{positions[1]}": "fairs"}
