"""A small domain for the tests of the store and of messaging: halls, guests as a projection, contacts as personal data.

Import it for its kinds and decisions; the functions at the end commit them.
"""

import os
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from libs.common.domain.entity import Change, Entity, Fact
from libs.common.domain.errors import Precondition
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from libs.common.store.command import Load, optional
from libs.common.store.database import Database
from libs.common.store.schema import DUE_TIME, EntitySchema, Index, sort_path
from libs.common.store.store import Store
from libs.common.store.transaction import Document
from tests.common.sample_contract import halls
from tests.support.store_fixtures import new_context, new_store

BY_DISPLAY_NAME = sort_path("display_name")


class Hall(Entity):
    """A room with desks. `code` is unique; `extra` may hold what no document can."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "district")

    display_name: str = "Hall"
    district: str = "districts/220203"
    desks: int = 0
    code: str | None = None
    due_time: datetime | None = None
    extra: Any = None


class Guest(Entity):
    """A projection of another service's entity; counts the facts about it that took effect."""

    display_name: str = ""
    visits: int = 0
    sequence: int = 0


class Contact(Entity):
    """Personal data of somebody at a hall."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "hall")

    hall: str = ""
    phone: str = ""


class Plan(Entity):
    """A kind without a schema."""


class HallOpened(Fact):
    display_name: str
    desks: int


class HallChanged(Fact):
    display_name: str
    desks: int


class HallClosed(Fact):
    pass


HALLS = EntitySchema(
    Hall,
    "halls",
    missing="HALL_NOT_FOUND",
    indexes=(
        Index(("code",), where={"code": {"$type": "string"}}, unique_reason="CODE_TAKEN"),
        Index((BY_DISPLAY_NAME, "_id")),
        DUE_TIME,
    ),
    sorted_by=("display_name",),
)
GUESTS = EntitySchema(Guest, "guests", missing="GUEST_NOT_FOUND", projection=True)
CONTACTS = EntitySchema(Contact, "contacts", missing="CONTACT_NOT_FOUND", personal=True)


class HallsStore(Store):
    """The entities of the sample domain."""

    schemas = (HALLS, GUESTS, CONTACTS)


def new_halls_store(database: Database, clock: Clock | None = None, **limits: Any) -> HallsStore:
    """Create a store whose commit loop does not run yet."""
    return new_store(HallsStore, database, halls, clock, **{"projection_wait_seconds": 0.3, **limits})


def open_hall(new: Hall) -> Change[Hall]:
    """Store a new hall."""
    return Change(new, saves=(new,), facts=(HallOpened.of(new),))


def add_desks(hall: Hall, more: int = 1, **fields: Any) -> Change[Hall]:
    """Add desks, or take some away. Refuses to take more than there are (NOT_ENOUGH_DESKS)."""
    if hall.desks + more < 0:
        raise Precondition("NOT_ENOUGH_DESKS", "the hall has fewer desks", desks=hall.desks)
    changed = hall.with_(desks=hall.desks + more, **fields)
    return Change(changed, saves=(changed,), facts=(HallChanged.of(changed),))


def close_hall(hall: Hall) -> Change[None]:
    """Remove a hall."""
    return Change(None, removes=(hall,), facts=(HallClosed.of(hall),))


def count_visit(guest: Guest | None, name: str, sequence: int = 0, display_name: str = "") -> Change[Guest]:
    """Count a fact about a guest, who need not be known yet."""
    known = guest or Guest(name=name)
    counted = known.with_(visits=known.visits + 1, sequence=sequence, display_name=display_name)
    return Change(counted, saves=(counted,))


def new_name(collection: str = "halls") -> str:
    """Return a name that no other test has."""
    return f"{collection}/{os.urandom(8).hex()}"


async def commit_opening(store: HallsStore, name: str, ctx: CallContext | None = None, **fields: Any) -> Hall:
    """Open a hall."""
    return await store.commit(ctx or new_context(), decide=partial(open_hall, Hall(name=name, **fields)))


async def commit_desks(
    store: HallsStore, name: str, more: int = 1, ctx: CallContext | None = None, **fields: Any
) -> Hall:
    """Add desks to a hall."""
    return await store.commit(ctx or new_context(), Load(Hall, name), decide=partial(add_desks, more=more, **fields))


async def commit_closing(store: HallsStore, name: str, ctx: CallContext | None = None) -> None:
    """Close a hall."""
    await store.commit(ctx or new_context(), Load(Hall, name, guard=True), decide=close_hall)


async def commit_visit(store: HallsStore, name: str, ctx: CallContext | None = None, sequence: int = 0) -> Guest:
    """Count a fact about a guest."""
    decide = partial(count_visit, name=name, sequence=sequence)
    return await store.commit(ctx or new_context(), optional(Guest, name), decide=decide)


async def stored_hall(database: Database, name: str) -> Document | None:
    """Return a hall's document."""
    found: Document | None = await database.collection("halls").find_one({"_id": name})
    return found


async def journal_entries(database: Database) -> list[Document]:
    """Return the journal, in no particular order."""
    return await database.collection("journal").find({}).to_list(None)


def versions_in(entries: list[Document], name: str) -> list[int]:
    """Return the versions of an entity in journal entries, sorted."""
    return sorted(entity["version"] for entry in entries for entity in entry["entities"] if entity["name"] == name)
