"""A small domain for the tests of the house: halls with desks, guests as cards, and the decisions about them."""

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.asking import EVERYWHERE, Asked, Reach
from libs.common.clock import Clock
from libs.common.collections import Collection, Index
from libs.common.documents import Documents
from libs.common.errors import Precondition
from libs.common.settings import Settings
from libs.common.store import Store, maybe
from libs.common.values import Change, Entity
from services.spaces.domain import Kind, SpaceCreated, SpaceUpdated
from tests.conftest import under_way

_numbers = itertools.count(1)
SETTINGS = Settings(mongo_uri=SecretStr("mongodb://unused/"), nats_url="nats://unused", jwks="unused", card_wait=0.3)


class Hall(Entity):
    """Has the fields that the facts of spaces tell; `code` is unique, `extra` may hold what no document can."""

    reached_by: ClassVar[tuple[str, ...]] = ("name", "district")

    display_name: str = "Hall"
    kind: Kind = Kind.INCUBATOR
    district: str = "districts/220203"
    zone: str = ""
    operator: str = "Operator"
    desks: int = 0
    area_m2: int = 0
    code: str | None = None
    due_time: datetime | None = None
    extra: Any = None


class Guest(Entity):
    """A card: another service's entity as this one knows it, and how often it heard of it."""

    display_name: str = ""
    heard: int = 0
    sequence: int = 0


class Homeless(Entity):
    """A kind that no collection keeps."""


HALLS = Collection(
    Hall,
    "halls",
    missing="HALL_NOT_FOUND",
    indexes=(
        Index(("code",), where={"code": {"$type": "string"}}, taken="CODE_TAKEN"),
        Index(("display_name", "_id"), locale="zh"),
        Index(("due_time",), where={"due_time": {"$type": "date"}}),
    ),
)
GUESTS = Collection(Guest, "guests", missing="GUEST_NOT_FOUND", card=True)


class Halls(Store):
    """The documents of the tests' domain."""

    collections = (HALLS, GUESTS)


def asked(
    request_id: str = "",
    *,
    body: str = "",
    actor: str = "tester",
    seconds: float = 20,
    reach: Reach = EVERYWHERE,
    traceparent: str = "",
) -> Asked:
    """What accompanies one command: a request id of its own unless one is given."""
    return Asked(
        actor=actor,
        command="test.Command",
        request_id=request_id or f"request-{next(_numbers)}",
        digest=hashlib.blake2b(body.encode(), digest_size=16).digest(),
        deadline=asyncio.get_running_loop().time() + seconds,
        reach=reach,
        traceparent=traceparent,
    )


def hall(name: str, **fields: Any) -> Hall:
    """A hall that is not kept yet."""
    return Hall(name=name, **fields)


def open_hall(new: Hall) -> Change[Hall]:
    """Keep a new hall, and tell of it."""
    return Change(new, saves=(new,), facts=(SpaceCreated.of(new),))


def add_desks(known: Hall, more: int = 1, **fields: Any) -> Change[Hall]:
    """A hall with more desks, or fewer; never less than none (NOT_ENOUGH_DESKS)."""
    if known.desks + more < 0:
        raise Precondition("NOT_ENOUGH_DESKS", "so many desks are not there", desks=known.desks)
    changed = known.with_(desks=known.desks + more, **fields)
    return Change(changed, saves=(changed,), facts=(SpaceUpdated.of(changed),))


def hear(known: Guest | None, name: str, sequence: int = 0, display_name: str = "") -> Change[Guest]:
    """Count how often one heard of a guest."""
    guest = known or Guest(name=name)
    heard = guest.with_(heard=guest.heard + 1, sequence=sequence, display_name=display_name)
    return Change(heard, saves=(heard,))


@asynccontextmanager
async def running(documents: Documents, *, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Halls]:
    """A store whose commit loop runs."""
    store = Halls(documents, facts_pb2, clock or Clock(), SETTINGS.model_copy(update=settings))
    await store.prepare()
    async with under_way(store.loop.run()):
        yield store


async def opened(store: Halls, name: str, **fields: Any) -> Hall:
    """A hall that is kept."""
    return await store.commit(asked(), decide=partial(open_hall, hall(name, **fields)))


async def more_desks(store: Halls, name: str, more: int = 1, ask: Asked | None = None, **fields: Any) -> Hall:
    """Ask for more desks."""
    return await store.commit(ask or asked(), (Hall, name), decide=partial(add_desks, more=more, **fields))


async def heard_of(store: Halls, name: str, ask: Asked | None = None, sequence: int = 0) -> Guest:
    """Hear of a guest, known or not."""
    decide = partial(hear, name=name, sequence=sequence)
    return await store.commit(ask or asked(), maybe(Guest, name), decide=decide)


async def kept(documents: Documents, name: str) -> dict[str, Any] | None:
    """A hall's document, as another reader sees it."""
    return await documents.collection("halls").find_one({"_id": name})


async def entries(documents: Documents) -> list[dict[str, Any]]:
    """The journal, in no order."""
    return await documents.collection("journal").find({}).to_list(None)


def new_name(kind: str = "spaces") -> str:
    """A name that no other test has."""
    return f"{kind}/{os.urandom(8).hex()}"
