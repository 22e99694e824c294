"""The inbox: a fact takes effect once, whatever happens in between; what keeps failing is parked and blocks nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from nats.aio.client import Client
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from libs.cli.servers.nats import Nats
from libs.common.domain.errors import Exhausted, Precondition, Refusal, TooLate, Unavailable
from libs.common.messaging import parking
from libs.common.messaging.inbox import Inbox
from libs.common.messaging.subscription import FactPayload, Subscription
from libs.common.rpc.context import CallContext
from libs.common.store.database import Database
from tests.common.recording import Recorder, is_idle, parked_facts, publish
from tests.common.sample_contract import halls
from tests.common.sample_domain import Guest, HallsStore, journal_entries, new_name
from tests.common.streams import configure_consumer, connect, is_reachable
from tests.support.waiting import eventually, running_task


@pytest.fixture
async def recorder(store: HallsStore) -> Recorder:
    """The subscribed method."""
    return Recorder(store)


@pytest.fixture
async def second(nats_server: Nats) -> AsyncIterator[Client]:
    """A second connection."""
    connection = await connect(nats_server, "admin")
    yield connection
    await connection.close()


@asynccontextmanager
async def listening(connection: Client, recorder: Recorder, **options: Any) -> AsyncIterator[Inbox]:
    """Run an inbox of guests that tries three times with a short pause."""
    subscription = Subscription(halls.HallOpened, FactPayload, recorder.handle)
    options = {"max_tries": 3, "backoff_seconds": 0.05, **options}
    inbox = Inbox(recorder.store.database, connection, "guests", "halls", (subscription,), **options)
    async with running_task(inbox.run()):
        yield inbox


async def publish_opened(connection: Client, name: str, body: bytes | None = None, **headers: str) -> None:
    """Publish that a hall was opened."""
    fact = halls.HallOpened(name=name, display_name="Hall")
    await publish(connection, fact, f"{name}.{headers.get('ce_sequence', '1')}", body, **headers)


async def test_a_fact_takes_effect_once(database: Database, admin: Client, recorder: Recorder) -> None:
    """A fact takes effect with its version, in a journal entry whose actor is the subscribing service."""
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    async with listening(admin, recorder) as inbox:
        await publish_opened(admin, name := new_name(), ce_sequence="7", traceparent=trace)
        await eventually(recorder.has_recorded(name))
        await eventually(is_idle(inbox))
    guest = await database.collection("guests").find_one({"_id": name})
    assert guest is not None
    assert (guest["visits"], guest["sequence"]) == (1, 7)
    (entry,) = await journal_entries(database)
    assert (entry["actor"], entry["command"]) == ("services/guests", "hatchery.halls.v1.HallOpened")


async def test_a_repeated_fact_takes_effect_once(admin: Client, recorder: Recorder) -> None:
    """The same fact, published again under another Nats-Msg-Id, changes nothing more."""
    async with listening(admin, recorder) as inbox:
        name = new_name()
        for copy in "abc":
            await publish_opened(admin, name, Nats_Msg_Id=copy)
        await publish_opened(admin, last := new_name())
        await eventually(recorder.has_recorded(name, last))
        await eventually(is_idle(inbox))
    assert await recorder.visits(name) == 1
    assert recorder.tries.count(name) == 3


class NeverReturning(Recorder):
    """Is stopped between the commit and the acknowledgement."""

    async def handle(self, fact: FactPayload, ctx: CallContext) -> Guest:
        """Count a fact and never return."""
        await super().handle(fact, ctx)
        never: asyncio.Future[Guest] = asyncio.get_running_loop().create_future()
        return await never


async def test_a_lost_acknowledgement_does_no_harm(admin: Client, recorder: Recorder) -> None:
    """A fact whose effect was committed and that was never acknowledged is delivered again, to no effect."""
    stopped = NeverReturning(recorder.store)
    async with listening(admin, stopped):
        await configure_consumer(admin, "guests", ack_wait=0.5)
        await publish_opened(admin, name := new_name())
        await eventually(stopped.has_recorded(name))
    async with listening(admin, recorder) as inbox:
        await eventually(is_idle(inbox), 20)
    assert recorder.tries == [name]
    assert await recorder.visits(name) == 1


POISON: dict[str, dict[str, Any]] = {
    "no message": {"body": b"\xff\xff"},
    "no name": {"body": b""},
    "no version": {"ce_sequence": "many"},
    "version beyond 63 bits": {"ce_sequence": "9" * 30},
    "no time": {"ce_time": "yesterday"},
    "unknown type": {"ce_type": "hatchery.halls.v1.HallForgotten"},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
async def test_an_unreadable_fact_is_parked(
    database: Database, admin: Client, recorder: Recorder, poison: dict[str, Any]
) -> None:
    """A fact that cannot be read is parked after its tries as it came, and those behind it are handled."""
    async with listening(admin, recorder) as inbox:
        await publish_opened(admin, new_name(), **poison)
        behind = [new_name() for _ in range(20)]
        for name in behind:
            await publish_opened(admin, name)
        await eventually(recorder.has_recorded(*behind))
        await eventually(is_idle(inbox))
    (parked,) = await parked_facts(database)
    assert (parked["source"], parked["tries"]) == ("halls", 3)
    assert parked["headers"]["ce-type"].startswith("hatchery.halls.v1.")
    assert parked["error"]


async def test_a_refused_fact_is_parked_and_replayed(database: Database, admin: Client, recorder: Recorder) -> None:
    """A refused fact is parked after its tries; once it can take effect, a replay lets it and releases it."""
    recorder.failure = lambda: Precondition("TOO_EARLY", "not yet")
    async with listening(admin, recorder) as inbox:
        await publish_opened(admin, name := new_name())
        await eventually(is_idle(inbox))
        (parked,) = await parked_facts(database)
        assert (parked["_id"], recorder.tries) == ("halls-1", [name] * 3)
        assert name in inbox.to_json(parked)
        with pytest.raises(Precondition):
            await inbox.replay(parked)
        assert await parked_facts(database) == [parked]
        recorder.failure = lambda: None
        await inbox.replay(parked)
    assert (await recorder.visits(name), await parked_facts(database)) == (1, [])


@pytest.mark.parametrize(
    "transient",
    [
        Unavailable("DATABASE_UNREACHABLE", "unreachable"),
        TooLate("DEADLINE_EXCEEDED", "late"),
        Exhausted("TOO_BUSY", "busy"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_an_unreachable_server_parks_nothing(
    database: Database, admin: Client, recorder: Recorder, transient: Refusal
) -> None:
    """A fact that waits only for a server to come back is tried for as long as it takes and is not parked."""
    recorder.failure = lambda: transient if len(recorder.tries) < 8 else None
    async with listening(admin, recorder) as inbox:
        with capture_logs() as lines:
            await publish_opened(admin, name := new_name())
            await eventually(recorder.has_recorded(name))
        await eventually(is_idle(inbox))
    assert (await recorder.visits(name), len(recorder.tries)) == (1, 8)
    assert await parked_facts(database) == []
    waits = [(line["event"], line["reason"], "exc_info" in line) for line in lines]
    assert set(waits) == {("fact_waits", transient.reason, False)}


async def test_what_takes_effect_is_released(database: Database, admin: Client, recorder: Recorder) -> None:
    """A parked fact that is delivered again, because its acknowledgement was lost, is parked until it succeeds."""
    recorder.failure = lambda: Precondition("TOO_EARLY", "not yet") if len(recorder.tries) < 2 else None
    await database.collection(parking.COLLECTION).insert_many([{"_id": "halls-1"}, {"_id": "fairs-1"}])
    async with listening(admin, recorder) as inbox:
        await publish_opened(admin, name := new_name())
        await eventually(recorder.has_recorded(name))
        await eventually(is_idle(inbox))
    assert await parked_facts(database) == [{"_id": "fairs-1"}]


class Logging(Recorder):
    """Logs a line of its own for each fact."""

    async def handle(self, fact: FactPayload, ctx: CallContext) -> Guest:
        """Count a fact and log it."""
        guest = await super().handle(fact, ctx)
        structlog.get_logger().info("guest_noted")
        return guest


async def test_log_lines_carry_the_ids_of_the_fact(admin: Client, recorder: Recorder) -> None:
    """What a subscribed method logs carries the fact's id as the request id, and the trace of who published it."""
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    logging = Logging(recorder.store)
    async with listening(admin, logging) as inbox:
        with capture_logs(processors=[merge_contextvars]) as lines:
            await publish_opened(admin, name := new_name(), traceparent=trace)
            await eventually(logging.has_recorded(name))
            await eventually(is_idle(inbox))
    assert [(line["event"], line["request_id"], line["trace_id"]) for line in lines] == [
        ("guest_noted", f"halls.{name}.1", "a" * 32)
    ]


async def test_a_failed_try_is_logged(admin: Client, recorder: Recorder) -> None:
    """A try that fails is logged with the fact's position in its stream and the error."""
    recorder.failure = lambda: Precondition("TOO_EARLY", "not yet") if len(recorder.tries) < 2 else None
    async with listening(admin, recorder) as inbox:
        with capture_logs() as lines:
            await publish_opened(admin, name := new_name())
            await eventually(recorder.has_recorded(name))
        await eventually(is_idle(inbox))
    assert [(line["event"], line["fact"], line["source"]) for line in lines] == [("fact_failed", "halls-1", "halls")]
    assert isinstance(lines[0]["exc_info"], Precondition)


async def test_a_deleted_consumer_is_created_again(admin: Client, recorder: Recorder) -> None:
    """When an engineer deletes the consumer it is created again, and reading from the start repeats no effect."""
    async with listening(admin, recorder) as inbox:
        await publish_opened(admin, first := new_name())
        await eventually(recorder.has_recorded(first))
        await admin.jetstream().delete_consumer("HALLS", "guests")
        await publish_opened(admin, second := new_name())
        await eventually(recorder.has_recorded(second))
        await eventually(is_idle(inbox))
    assert await recorder.visits(first) == await recorder.visits(second) == 1


async def test_survives_a_restart_of_nats(nats_server: Nats, admin: Client, second: Client, recorder: Recorder) -> None:
    """After a kill and a restart of the NATS server every fact takes effect once."""
    async with listening(second, recorder) as inbox:
        await configure_consumer(admin, "guests", ack_wait=0.5)
        for name in (before := [new_name() for _ in range(20)]):
            await publish_opened(admin, name)
        nats_server.kill()
        nats_server.start()
        await eventually(lambda: is_reachable(admin))
        await publish_opened(admin, after := new_name())
        await eventually(recorder.has_recorded(*before, after), 20)
        await eventually(is_idle(inbox), 20)
    assert [await recorder.visits(name) for name in [*before, after]] == [1] * 21


async def test_waits_for_the_stream_of_another_service(admin: Client, recorder: Recorder) -> None:
    """A service may start before the one it subscribes to: it has no lag, and handles the first fact."""
    stream = admin.jetstream()
    config = (await stream.stream_info("HALLS")).config
    await stream.delete_stream("HALLS")
    async with listening(admin, recorder) as inbox:
        assert await inbox.consumer.lag() == (0, 0)
        await stream.add_stream(config)
        await publish_opened(admin, name := new_name())
        await eventually(recorder.has_recorded(name))


async def test_lag_counts_pending_and_in_flight(admin: Client, recorder: Recorder) -> None:
    """The lag is how many facts are pending, and how many were delivered and are not acknowledged."""
    recorder.failure = lambda: Unavailable("DATABASE_UNREACHABLE", "unreachable")
    async with listening(admin, recorder, backoff_seconds=30) as inbox:
        await configure_consumer(admin, "guests", max_ack_pending=4)
        for _ in range(10):
            await publish_opened(admin, new_name())

        async def four_in_flight() -> bool:
            return await inbox.consumer.lag() == (6, 4)

        await eventually(four_in_flight)
