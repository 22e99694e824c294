"""A subscribed method that records what it is given, and what became of it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from google.protobuf.message import Message
from nats.aio.client import Client

from libs.common.messaging import parking
from libs.common.messaging.inbox import Inbox
from libs.common.messaging.subscription import FactPayload
from libs.common.rpc.context import CallContext
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from tests.common.sample_domain import Guest, HallsStore, commit_visit
from tests.support.waiting import holds_repeatedly


class Recorder:
    """Counts each fact in the guest that it is about. `failure` gives the error to raise instead, if any."""

    def __init__(self, store: HallsStore) -> None:
        self.store = store
        self.tries: list[str] = []
        self.failure: Callable[[], Exception | None] = lambda: None

    async def handle(self, fact: FactPayload, ctx: CallContext) -> Guest:
        """Count a fact."""
        self.tries.append(fact.name)
        if error := self.failure():
            raise error
        return await commit_visit(self.store, fact.name, ctx, fact.sequence)

    async def visits(self, name: str) -> int:
        """Return how often facts about the guest took effect."""
        stored = await self.store.database.collection("guests").find_one({"_id": name})
        return int(stored["visits"]) if stored else 0

    def has_recorded(self, *names: str) -> Callable[[], Awaitable[bool]]:
        """Whether a fact about each of them took effect."""

        async def all_recorded() -> bool:
            return all([await self.visits(name) for name in names])

        return all_recorded


async def publish(connection: Client, fact: Message, identifier: str, body: bytes | None = None, **headers: str) -> int:
    """Publish a fact under an id as a relay would; returns its position in the stream. Headers are named `ce_time`."""
    kind = fact.DESCRIPTOR.full_name
    given = {
        "ce-id": identifier,
        "ce-type": kind,
        "ce-subject": "",
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-sequence": "1",
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    content = fact.SerializeToString() if body is None else body
    return (await connection.jetstream().publish(kind, content, headers=given)).seq


async def parked_facts(database: Database) -> list[Document]:
    """Return the parked facts."""
    return await database.collection(parking.COLLECTION).find({}).to_list(None)


def is_idle(inbox: Inbox) -> Callable[[], Awaitable[bool]]:
    """Whether nothing is pending and nothing in flight, as far as can be determined."""

    async def nothing_left() -> bool:
        return await inbox.consumer.lag() == (0, 0)

    return holds_repeatedly(nothing_left)
