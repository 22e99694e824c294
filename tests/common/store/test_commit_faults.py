"""Unforeseen failures: whatever one command does, the others of its batch are committed, and it is not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode

from libs.common.domain.entity import Change, Fact
from libs.common.domain.errors import Refusal
from libs.common.rpc.grpc_status import as_refusal, grpc_status
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Hall,
    HallChanged,
    HallsStore,
    Plan,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
    stored_hall,
)
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, running
from tests.support.waiting import running_task


class HallVanished(Fact):
    """A fact without a message."""


class HallOpened(Fact):
    """A fact that lacks fields of its message."""


def not_encodable(hall: Hall) -> Change[Hall]:
    """Save a value that BSON has no type for."""
    changed = hall.with_(desks=hall.desks + 100, extra={"held": object()})
    return Change(changed, saves=(changed,), facts=(HallChanged.of(changed),))


def beyond_integers(hall: Hall) -> Change[Hall]:
    """Save a number of more than 64 bits."""
    changed = hall.with_(desks=1 << 70)
    return Change(changed, saves=(changed,))


def too_large(hall: Hall) -> Change[None]:
    """Save more than the 16 MB that a document may have."""
    changed = hall.with_(desks=hall.desks + 100, extra="x" * (17 << 20))
    return Change(None, saves=(changed,))


def too_large_to_record(hall: Hall) -> Change[Hall]:
    """Reply with more than the 16 MB that the journal entry may have."""
    changed = hall.with_(desks=hall.desks + 100, extra="x" * (9 << 20), display_name="y" * (9 << 20))
    return Change(changed, saves=(hall.with_(desks=hall.desks + 100),))


def raising(hall: Hall) -> Change[Hall]:
    """Have a defect."""
    raise ZeroDivisionError(hall.name)


def stopping_iteration(hall: Hall) -> Change[Hall]:
    """Raise the one error that a future does not accept."""
    raise StopIteration


def no_change(hall: Hall) -> Any:
    """Return something else than a change."""
    return hall


def unknown_kind(hall: Hall) -> Change[Hall]:
    """Save an entity of a kind without a schema."""
    changed = hall.with_(desks=hall.desks + 100)
    return Change(changed, saves=(changed, Plan(name="plans/1")))


def unknown_fact(hall: Hall) -> Change[Hall]:
    """Publish a fact without a message."""
    changed = hall.with_(desks=hall.desks + 100)
    return Change(changed, saves=(changed,), facts=(HallVanished(name=hall.name),))


def incomplete_fact(hall: Hall) -> Change[Hall]:
    """Publish a fact that lacks fields."""
    changed = hall.with_(desks=hall.desks + 100)
    return Change(changed, saves=(changed,), facts=(HallOpened(name=hall.name),))


def fact_of_another_entity(hall: Hall) -> Change[Hall]:
    """Publish a fact of an entity that is not saved."""
    changed = hall.with_(desks=hall.desks + 100)
    fact = HallChanged.of(changed.with_(name="halls/elsewhere"))
    return Change(changed, saves=(changed,), facts=(fact,))


def outdated_version(hall: Hall) -> Change[Hall]:
    """Save an entity that was not decided on its current version."""
    changed = hall.with_(desks=hall.desks + 100, version=hall.version + 1)
    return Change(changed, saves=(changed,))


def reply_of_no_kind(hall: Hall) -> Change[Any]:
    """Reply with neither an entity nor None."""
    return Change("done", saves=(hall.with_(desks=hall.desks + 100),))


DEFECTS: list[Callable[[Hall], Change[Any]]] = [
    not_encodable,
    beyond_integers,
    too_large,
    too_large_to_record,
    raising,
    stopping_iteration,
    no_change,
    unknown_kind,
    unknown_fact,
    incomplete_fact,
    fact_of_another_entity,
    outdated_version,
    reply_of_no_kind,
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
@pytest.mark.parametrize("place", [0, 3, 6])
async def test_a_defect_fails_alone(idle_store: HallsStore, database: Database, defect: Any, place: int) -> None:
    """Of seven commands on one entity the defective one fails and leaves nothing; the other six are committed."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name)
    culprit = new_context()
    commands: list[Any] = [commit_desks(idle_store, name) for _ in range(6)]
    commands.insert(place, idle_store.commit(culprit, Load(Hall, name, guard=True), decide=defect))
    replies = await commit_together(idle_store, *commands)
    error = replies.pop(place)
    assert isinstance(error, Exception)
    assert not isinstance(error, Refusal)
    assert grpc_status(error, "test", as_refusal)[0] is StatusCode.INTERNAL
    assert [reply.desks for reply in replies if isinstance(reply, Hall)] == [1, 2, 3, 4, 5, 6]
    async with running_task(idle_store.loop.run()):
        assert (await commit_desks(idle_store, name)).desks == 7
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["desks"], document["extra"], document["display_name"]) == (7, None, "Hall")
    entries = await journal_entries(database)
    assert culprit.entry_id not in {entry["_id"] for entry in entries}
    assert len(entries) == 8


async def test_several_defects_fail_each_alone(idle_store: HallsStore, database: Database) -> None:
    """However many commands of a batch are defective, each fails alone, and all others are committed."""
    names = [new_name() for _ in range(24)]
    async with running(new_halls_store(database)) as store:
        await asyncio.gather(*(commit_opening(store, name) for name in names))
    replies = await commit_together(
        idle_store,
        *(
            idle_store.commit(new_context(), Load(Hall, name), decide=not_encodable)
            if place % 5 == 2
            else commit_desks(idle_store, name)
            for place, name in enumerate(names)
        ),
    )
    for place, (name, reply) in enumerate(zip(names, replies, strict=True)):
        document = await stored_hall(database, name)
        assert document is not None
        assert isinstance(reply, Hall) == (place % 5 != 2)
        assert document["version"] == (1 if place % 5 == 2 else 2)


async def test_an_unreadable_document_fails_who_names_it(idle_store: HallsStore, database: Database) -> None:
    """A document that is no valid entity fails the commands that name it, and no other of their batch."""
    broken, sound = new_name(), new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, sound)
    await database.collection("halls").insert_one({"_id": broken, "desks": "many"})
    replies = await commit_together(idle_store, *(commit_desks(idle_store, name) for name in (sound, broken, sound)))
    assert isinstance(replies[1], Exception)
    assert [reply.desks for reply in replies if isinstance(reply, Hall)] == [1, 2]


async def test_an_existing_entity_is_not_created_again(idle_store: HallsStore, database: Database) -> None:
    """A decision that creates an entity whose name exists fails alone and does not overwrite it."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name, desks=9)
    commands = [commit_opening(idle_store, each) for each in (new_name(), name, new_name())]
    replies = await commit_together(idle_store, *commands)
    assert [isinstance(reply, Hall) for reply in replies] == [True, False, True]
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (9, 1)
