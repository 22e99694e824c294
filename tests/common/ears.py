"""What hears in the tests of the inbox: it commits what it heard; and what has become of that."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from libs.common.asking import Asked
from libs.common.documents import Document, Documents
from libs.common.inbox import PARKED, Inbox, Told
from tests.common.halls import Guest, Halls, heard_of
from tests.conftest import lastingly


class Ears:
    """The method that heeds: it commits what it heard, unless it is told to fail first."""

    def __init__(self, halls: Halls) -> None:
        self.halls = halls
        self.tries: list[str] = []
        self.wrong: Callable[[], Exception | None] = lambda: None

    async def hear(self, told: Told, asked: Asked) -> Guest:
        """Count a fact as heard."""
        self.tries.append(told.name)
        if error := self.wrong():
            raise error
        return await heard_of(self.halls, told.name, asked, told.sequence)

    async def heard(self, name: str) -> int:
        """How often it took effect."""
        kept = await self.halls.documents.collection("guests").find_one({"_id": name})
        return int(kept["heard"]) if kept else 0

    def has_heard(self, *names: str) -> Callable[[], Awaitable[bool]]:
        """Whether each of them took effect."""

        async def all_heard() -> bool:
            return all([await self.heard(name) for name in names])

        return all_heard


async def parked(documents: Documents) -> list[Document]:
    """The facts that were parked."""
    return await documents.collection(PARKED).find({}).to_list(None)


def at_rest(inbox: Inbox) -> Callable[[], Awaitable[bool]]:
    """Whether nothing waits and nothing is in hand, as far as anybody can know."""

    async def nothing_left() -> bool:
        return await inbox.lag() == (0, 0)

    return lastingly(nothing_left)


async def reachable(connection: Client) -> bool:
    """Whether the server answers on this connection, and keeps the stream."""
    with suppress(NatsError):
        return bool(await connection.jetstream().stream_info("SPACES"))
    return False
