"""What versions and sources that know nothing of one another do side by side: no fact is lost, none is taken twice."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.cli.servers import Nats
from libs.common.documents import Documents
from libs.common.inbox import Heed, Inbox, Told
from tests.common.ears import Ears, at_rest, parked, reachable
from tests.common.halls import Halls, new_name
from tests.common.streams import connect
from tests.conftest import eventually, under_way

CREATED, UPDATED = spaces.SpaceCreated, spaces.SpaceUpdated


@pytest.fixture
async def own(server: Nats) -> AsyncIterator[Client]:
    """A connection of startups' own user, who may do what the service may."""
    connection = await connect(server, "startups")
    yield connection
    await connection.close()


@pytest.fixture
async def ears(halls: Halls) -> Ears:
    """A method that heeds, and what it commits."""
    return Ears(halls)


def version(connection: Client, ears: Ears, *kinds: type[Message], source: str = "spaces") -> Inbox:
    """An inbox of a version that heeds these kinds."""
    heeds = [Heed(kind, Told, ears.hear) for kind in kinds]
    return Inbox(ears.halls.documents, connection, "startups", source, heeds, tries=3, backoff=0.05)


async def tell(admin: Client, fact: Message, given: str, body: bytes | None = None) -> int:
    """Publish a fact under an id; gives its number in the stream."""
    headers = {"ce-id": given, "ce-type": fact.DESCRIPTOR.full_name, "ce-sequence": "1"}
    headers["ce-time"] = datetime.now(UTC).isoformat()
    content = fact.SerializeToString() if body is None else body
    return (await admin.jetstream().publish(fact.DESCRIPTOR.full_name, content, headers=headers)).seq


async def test_a_newer_version_hears_what_an_older_one_passed_by(admin: Client, own: Client, ears: Ears) -> None:
    """A version that heeds one more kind hears all facts of it, also those told before, and no other twice."""
    first, second, later = new_name(), new_name(), new_name()
    async with under_way((old := version(own, ears, CREATED)).run()):
        await tell(admin, UPDATED(name=first), "a")
        await tell(admin, CREATED(name=second), "b")
        await eventually(ears.has_heard(second))
        await eventually(at_rest(old))
    async with under_way((new := version(own, ears, CREATED, UPDATED)).run()):
        await tell(admin, UPDATED(name=later), "c")
        await eventually(ears.has_heard(first, second, later))
        await eventually(at_rest(new))
    assert [await ears.heard(name) for name in (first, second, later)] == [1, 1, 1]


async def test_an_older_version_beside_a_newer_one_takes_nothing_from_it(
    documents: Documents, admin: Client, own: Client, ears: Ears
) -> None:
    """An old replica that starts later neither narrows what is heard nor lets go of what only the new one heeds."""
    new, old = Ears(ears.halls), Ears(ears.halls)
    async with under_way(version(own, new, CREATED, UPDATED).run()):
        await tell(admin, CREATED(name=(first := new_name())), "first")
        await eventually(new.has_heard(first))
        async with under_way((inbox := version(own, old, CREATED)).run()):
            names = [new_name() for _ in range(40)]
            for number, name in enumerate(names):
                await tell(admin, (UPDATED if number % 2 else CREATED)(name=name), str(number))
            await eventually(ears.has_heard(*names), 30)
            await eventually(at_rest(inbox))
    assert not set(old.tries) & set(names[1::2])
    assert [await ears.heard(name) for name in names] == [1] * 40
    assert await parked(documents) == []


async def test_what_no_version_heeds_any_more_is_let_go(
    documents: Documents, admin: Client, own: Client, ears: Ears
) -> None:
    """After a return to an older version the kinds that only the newer one heeded do not pile up."""
    async with under_way((new := version(own, ears, CREATED, UPDATED)).run()):
        await eventually(at_rest(new))
    async with under_way((old := version(own, ears, CREATED)).run()):
        await tell(admin, UPDATED(name=(passed := new_name())), "a")
        await tell(admin, CREATED(name=(heard := new_name())), "b")
        await eventually(ears.has_heard(heard))
        await eventually(at_rest(old), 20)
    assert await ears.heard(passed) == 0
    assert await parked(documents) == []


async def test_an_interruption_leaves_the_consumer(server: Nats, admin: Client, own: Client, ears: Ears) -> None:
    """When NATS comes back the inbox goes on with the consumer that is there, and does not read from the start."""
    stream = admin.jetstream()
    async with under_way((inbox := version(own, ears, CREATED)).run()):
        await tell(admin, CREATED(name=(before := new_name())), "a")
        await eventually(ears.has_heard(before))
        await eventually(at_rest(inbox))
        made = (await stream.consumer_info("SPACES", "startups")).created
        server.restart()
        await eventually(lambda: reachable(admin))
        await tell(admin, CREATED(name=(after := new_name())), "b")
        await eventually(ears.has_heard(after), 20)
    assert (await stream.consumer_info("SPACES", "startups")).created == made
    assert ears.tries == [before, after]


@pytest.fixture
async def both(admin: Client) -> Client:
    """A connection beside two streams, of spaces and of startups."""
    stream = admin.jetstream()
    with suppress(NotFoundError):
        await stream.delete_stream("STARTUPS")
    await stream.add_stream(StreamConfig(name="STARTUPS", subjects=["hatchery.startups.>"]))
    return admin


async def test_the_same_id_of_two_sources_is_two_facts(documents: Documents, both: Client, ears: Ears) -> None:
    """An id is unique to its source: two services' facts that share one both take effect, or are both parked."""
    one = version(both, ears, CREATED)
    other = version(both, ears, startups.StartupRegistered, source="startups")
    async with under_way(one.run()), under_way(other.run()):
        space, startup = new_name(), new_name("startups")
        await tell(both, CREATED(name=space), "shared.0")
        await tell(both, startups.StartupRegistered(name=startup), "shared.0")
        numbers = [await tell(both, CREATED(), "poison.0", b"\xff")]
        numbers += [await tell(both, startups.StartupRegistered(), "poison.0", b"\xff")]
        await eventually(ears.has_heard(space, startup))
        await eventually(at_rest(one))
        await eventually(at_rest(other))
    found = {row["_id"]: row["source"] for row in await parked(documents)}
    assert found == {f"spaces-{numbers[0]}": "spaces", f"startups-{numbers[1]}": "startups"}
